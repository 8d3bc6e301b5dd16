-- add: puts units of a SKU into a cart, on top of those that are in it.
--
-- KEYS   cart  hash  SKU → quantity
-- ARGV   ttlMs     int   how long a cart lives that nobody looks at
--        linesMax  int   lines of a cart, at most
--        unitsMax  int   units of a line, at most
--        sku       text
--        quantity  int   1 or more
-- REPLY  cart      expiresAtMs, then two per line: sku quantity
--        too_many  units that are in the line already
--        full      the cart has as many lines as it may
-- COST   O(lines), six commands at most
--- @include lib/cart
local cart = KEYS[1]
local ttlMs, linesMax, unitsMax = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local sku, quantity = ARGV[4], tonumber(ARGV[5])

local has = tonumber(redis.call('HGET', cart, sku) or 0)
if has + quantity > unitsMax then return { 'too_many', has } end
if has == 0 and redis.call('HLEN', cart) >= linesMax then return { 'full' } end
redis.call('HSET', cart, sku, has + quantity)
local reply = { 'cart' }
return withLines(reply, cart, ttlMs)
