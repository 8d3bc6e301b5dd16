-- set-terms: tell a gate what its SKU is sold for from now on.
--
-- What was promised before stays promised: the terms travel with every admission.
--
-- KEYS   gate  hash  limit, window, payable units and terms are written; nothing else
-- ARGV   pool      text  whose limit the units count against, or ''
--        limit     int   units per buyer in the pool, or ''
--        startsMs  int   opening of the sale, or ''
--        endsMs    int   its end, or ''
--        payable   int   units that one payment can take, or '' without a bound
--        terms     text  JSON: what the buyer is promised
-- REPLY  set
--        missing     the SKU has no gate; the one that is built will ask by itself
--        other_pool  the gate counts the buyers of another pool, or none: nothing was changed
-- COST   O(1), two commands
local gate = KEYS[1]
local pool, limit, startsMs, endsMs = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local payable, terms = ARGV[5], ARGV[6]

local g = redis.call('HMGET', gate, 'generation', 'pool')
if not g[1] then return { 'missing' } end
-- A gate that was built before pools were noted is not judged.
if pool ~= '' and g[2] and pool ~= g[2] then return { 'other_pool' } end
redis.call('HSET', gate, 'limit', limit, 'starts_ms', startsMs, 'ends_ms', endsMs, 'payable', payable,
  'terms', terms)
return { 'set' }
