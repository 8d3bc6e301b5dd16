-- put-product: keep a product as it is read most, unless a newer version is known.
--
-- Without a body only the version is noted: whoever read the product before that edit cannot put it here
-- any more, however late.
--
-- KEYS   product  hash  version, body
-- ARGV   version  int   of the product
--        body     text  JSON, or ''
--        seconds  int   that it is kept
-- REPLY  kept
--        stale  version that is known
-- COST   O(1), four commands at most
local product = KEYS[1]
local version, body, seconds = tonumber(ARGV[1]), ARGV[2], ARGV[3]

local known = tonumber(redis.call('HGET', product, 'version') or 0)
if known > version or (known == version and body == '') then return { 'stale', known } end
if body == '' then
  redis.call('HDEL', product, 'body')
  redis.call('HSET', product, 'version', version)
else
  redis.call('HSET', product, 'version', version, 'body', body)
end
redis.call('EXPIRE', product, seconds)
return { 'kept' }
