-- take-in: the second step of a merge adds a parcel's lines to the account's cart, once.
--
-- What does not fit is left out: a cart that is full, or a line that has all it may.
--
-- KEYS   cart    hash    SKU → quantity
--        merged  string  there once the parcel has been taken in
-- ARGV   ttlMs     int  how long a cart lives that nobody looks at, and the mark of the parcel
--        linesMax  int  lines of a cart, at most
--        unitsMax  int  units of a line, at most
--        …         two per line: sku quantity
-- REPLY  merged
--        already
-- COST   O(lines), two commands per line and three more
local cart, merged = KEYS[1], KEYS[2]
local ttlMs, linesMax, unitsMax, lines = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV

if not redis.call('SET', merged, 1, 'NX', 'PX', ttlMs) then return { 'already' } end
local count = redis.call('HLEN', cart)
for i = 4, #lines, 2 do
  local sku = lines[i]
  local has = tonumber(redis.call('HGET', cart, sku) or 0)
  if has > 0 or count < linesMax then
    if has == 0 then count = count + 1 end
    redis.call('HSET', cart, sku, math.min(unitsMax, has + tonumber(lines[i + 1])))
  end
end
redis.call('PEXPIRE', cart, ttlMs)
return { 'merged' }
