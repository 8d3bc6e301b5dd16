-- freeze: what a checkout of the cart buys, fixed at the first request with its Idempotency-Key.
--
-- A retry finds the same lines, whatever has become of the cart: bought and empty, or filled anew.
--
-- KEYS   cart    hash  SKU → quantity
--        frozen  hash  SKU → quantity as bought under this key; ':taken' once they have left the cart
-- ARGV   keptMs  int  how long a key is remembered
-- REPLY  lines  two per line: sku quantity
--        empty  there is nothing in the cart
-- COST   O(lines), four commands at most
local cart, frozen = KEYS[1], KEYS[2]
local keptMs = ARGV[1]

local lines = redis.call('HGETALL', frozen)
if #lines == 0 then
  lines = redis.call('HGETALL', cart)
  if #lines == 0 then return { 'empty' } end
  redis.call('HSET', frozen, unpack(lines))
  redis.call('PEXPIRE', frozen, keptMs)
end
local reply = { 'lines' }
for i = 1, #lines, 2 do
  if lines[i] ~= ':taken' then
    reply[#reply + 1] = lines[i]
    reply[#reply + 1] = lines[i + 1]
  end
end
return reply
