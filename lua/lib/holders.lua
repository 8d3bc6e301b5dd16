-- markHolders: sets the four Bloom bits of each buyer (a UUID) in one BITFIELD. The positions come from
-- the UUID's random tail; src/stock/holders.ts computes the same ones.
local function markHolders(key, bits, buyers)
  local ops = {}
  for i = 1, #buyers do
    local buyer = buyers[i]
    local first = tonumber(string.sub(buyer, 29, 36), 16)
    local step = tonumber(string.sub(buyer, 21, 23) .. string.sub(buyer, 25, 28), 16) * 2 + 1
    for k = 0, 3 do
      local n = #ops
      ops[n + 1], ops[n + 2], ops[n + 3], ops[n + 4] = 'SET', 'u1', (first + k * step) % bits, 1
    end
  end
  if #ops > 0 then redis.call('BITFIELD', key, unpack(ops)) end
end
