-- take: takes out of the cart what was bought, once for a key. What was added meanwhile stays.
--
-- KEYS   cart    hash  SKU → quantity
--        frozen  hash  SKU → quantity as bought under this key; ':taken' once they have left the cart
-- ARGV   keptMs  int  how long a key is remembered
--        …       two per line that was bought: sku quantity
-- REPLY  taken
--        already
-- COST   O(lines), two commands per line and three more
local cart, frozen = KEYS[1], KEYS[2]
local keptMs, lines = ARGV[1], ARGV

if redis.call('HSETNX', frozen, ':taken', 1) == 0 then return { 'already' } end
-- A request with the same key that was refused may have let go of them.
redis.call('HSET', frozen, unpack(lines, 2))
redis.call('PEXPIRE', frozen, keptMs)
for i = 2, #lines, 2 do
  local sku = lines[i]
  local left = tonumber(redis.call('HGET', cart, sku) or 0) - tonumber(lines[i + 1])
  if left > 0 then redis.call('HSET', cart, sku, left) else redis.call('HDEL', cart, sku) end
end
return { 'taken' }
