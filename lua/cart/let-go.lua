-- let-go: forgets what a refused checkout would have bought, so that its key may come with other lines.
--
-- KEYS   frozen  hash  SKU → quantity as bought under this key; ':taken' once they have left the cart
-- REPLY  gone
--        taken  another request with the key bought them
-- COST   O(lines), two commands
local frozen = KEYS[1]

if redis.call('HEXISTS', frozen, ':taken') == 1 then return { 'taken' } end
redis.call('DEL', frozen)
return { 'gone' }
