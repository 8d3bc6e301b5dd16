-- remove: takes lines out of a cart, or all of them.
--
-- KEYS   cart  hash  SKU → quantity
-- ARGV   ttlMs  int  how long a cart lives that nobody looks at
--        …      SKUs; none: every line
-- REPLY  cart  expiresAtMs, then two per line: sku quantity
-- COST   O(lines), four commands
--- @include lib/cart
local cart = KEYS[1]
local ttlMs, skus = tonumber(ARGV[1]), ARGV

if #skus == 1 then redis.call('DEL', cart) else redis.call('HDEL', cart, unpack(skus, 2)) end
local reply = { 'cart' }
return withLines(reply, cart, ttlMs)
