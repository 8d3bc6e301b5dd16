-- markHolders: sets the two Bloom bits of each buyer (a UUID) in one BITFIELD. The positions come from
-- the UUID's random tail; src/stock/protocol/holders.ts computes the same ones. Two and not four: turning numbers
-- into arguments is what an admission costs most.
local function markHolders(key, bits, buyers)
  local ops, n = {}, 0
  for i = 1, #buyers do
    local buyer = buyers[i]
    ops[n + 1], ops[n + 2], ops[n + 3], ops[n + 4] = 'SET', 'u1', tonumber(string.sub(buyer, 29, 36), 16) % bits, '1'
    ops[n + 5], ops[n + 6], ops[n + 8] = 'SET', 'u1', '1'
    ops[n + 7] = tonumber(string.sub(buyer, 21, 23) .. string.sub(buyer, 25, 28), 16) % bits
    n = n + 8
  end
  if n > 0 then redis.call('BITFIELD', key, unpack(ops)) end
end
