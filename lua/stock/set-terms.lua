-- set-terms: tell a gate what its SKU is sold for from now on.
--
-- What was promised before stays promised: the terms travel with every admission.
--
-- KEYS   gate  hash  limit, window and terms are written; nothing else
-- ARGV   limit     int   units per buyer in the pool, or ''
--        startsMs  int   opening of the sale, or ''
--        endsMs    int   its end, or ''
--        terms     text  JSON: what the buyer is promised
-- REPLY  set
--        missing  the SKU has no gate; the one that is built will ask by itself
-- COST   O(1), two commands
local gate = KEYS[1]
local limit, startsMs, endsMs, terms = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

if redis.call('HEXISTS', gate, 'generation') == 0 then return { 'missing' } end
redis.call('HSET', gate, 'limit', limit, 'starts_ms', startsMs, 'ends_ms', endsMs, 'terms', terms)
return { 'set' }
