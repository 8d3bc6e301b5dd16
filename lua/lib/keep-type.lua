-- keepType: throws away what has another type than the script works with, so that no command fails on it.
local function keepType(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then redis.call('DEL', key) end
end
