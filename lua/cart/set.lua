-- set: gives a line that is in the cart another quantity.
--
-- KEYS   cart  hash  SKU → quantity
-- ARGV   ttlMs     int   how long a cart lives that nobody looks at
--        sku       text
--        quantity  int   1 or more
-- REPLY  cart    expiresAtMs, then two per line: sku quantity
--        absent  the SKU is not in the cart
-- COST   O(lines), five commands at most
--- @include lib/cart
local cart = KEYS[1]
local ttlMs, sku, quantity = tonumber(ARGV[1]), ARGV[2], ARGV[3]

if redis.call('HEXISTS', cart, sku) == 0 then return { 'absent' } end
redis.call('HSET', cart, sku, quantity)
local reply = { 'cart' }
return withLines(reply, cart, ttlMs)
