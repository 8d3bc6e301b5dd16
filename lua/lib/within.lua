-- within: a stored number, or `otherwise` where there is none, or none between `low` and `high`. What is read
-- from a key may be rubbish, or may come from a time that the server's clock has gone back behind.
local function within(text, low, high, otherwise)
  local value = tonumber(text)
  if value and value >= low and value <= high then return value end
  return otherwise
end
