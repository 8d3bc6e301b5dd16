-- read: the lines of a cart.
--
-- KEYS   cart  hash  SKU → quantity
-- ARGV   ttlMs  int  how long a cart lives that nobody looks at
-- REPLY  cart  expiresAtMs, then two per line: sku quantity
-- COST   O(lines), three commands
--- @include lib/cart
local cart = KEYS[1]
local ttlMs = tonumber(ARGV[1])

local reply = { 'cart' }
return withLines(reply, cart, ttlMs)
