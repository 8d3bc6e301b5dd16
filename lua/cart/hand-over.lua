-- hand-over: the first step of a merge takes a guest's cart away as a parcel for one account.
--
-- The two carts may lie on different servers, so a merge is three steps, each safe to repeat. A parcel that
-- a crash left behind is found by the next one.
--
-- KEYS   cart    hash  SKU → quantity
--        parcel  hash  SKU → quantity, and ':id', the parcel's name
-- ARGV   id      text  name of a new parcel
--        keptMs  int   how long a parcel waits
-- REPLY  parcel  two per field: sku quantity, and ':id' name
--        empty   there is nothing to merge
-- COST   O(lines), five commands at most
local cart, parcel = KEYS[1], KEYS[2]
local id, keptMs = ARGV[1], ARGV[2]

if redis.call('EXISTS', parcel) == 0 then
  if redis.call('EXISTS', cart) == 0 then return { 'empty' } end
  redis.call('RENAME', cart, parcel)
  redis.call('HSET', parcel, ':id', id)
  redis.call('PEXPIRE', parcel, keptMs)
end
local reply = { 'parcel' }
local fields = redis.call('HGETALL', parcel)
for i = 1, #fields do reply[i + 1] = fields[i] end
return reply
