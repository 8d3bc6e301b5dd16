-- install-gate: build a SKU's gate from its ledger row. Loses against a gate of the same or a newer generation.
--
-- KEYS   gate           hash    all of it is written
--        mailbox        stream  begins anew
--        ready          set     loses the SKU: its mailbox is empty
--        wanted         set     loses the SKU: it has a gate now
--        buyers         hash    replaced by what was loaded
--        holders        string  replaced by what was loaded
--        loadedBuyers   hash    buyer → units in the pool, from the ledger's database
--        loadedHolders  string  Bloom filter of the buyers of the last day
-- ARGV   sku         text
--        generation  int   of the ledger row
--        cursor      int   of the ledger row
--        units       int   free in the ledger
--        granted     int   of the ledger row
--        version     int   above every version that API processes may have seen
--        pool        text  whose buyers were loaded, or ''
--        limit       int   units per buyer in the pool, or ''
--        startsMs    int   opening of the sale, or ''
--        endsMs      int   its end, or ''
--        payable     int   units that one payment can take, or '' without a bound
--        holderBits  int   size of the Bloom filter
--        terms       text  JSON: what the buyer is promised
-- REPLY  installed
--        stale  generation
-- COST   O(length of the old mailbox)
local gate, mailbox, ready, wanted = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local buyers, holders, loadedBuyers, loadedHolders = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local sku, generation, cursor, units, granted = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local version, pool, limit, startsMs, endsMs = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local payable, holderBits, terms = ARGV[11], ARGV[12], ARGV[13]

redis.call('SREM', wanted, sku)
local there = tonumber(redis.call('HGET', gate, 'generation') or 0)
if there >= generation then
  redis.call('DEL', loadedBuyers, loadedHolders)
  return { 'stale', there }
end
redis.call('DEL', gate, mailbox, buyers, holders)
for loaded, place in pairs({ [loadedBuyers] = buyers, [loadedHolders] = holders }) do
  if redis.call('EXISTS', loaded) == 1 then
    redis.call('RENAME', loaded, place)
    redis.call('PERSIST', place)
  end
end
redis.call('SREM', ready, sku)
redis.call('HSET', gate, 'generation', generation, 'units', units, 'granted', granted, 'seq', cursor,
  'settled', cursor, 'settled_granted', granted, 'version', version, 'pool', pool, 'limit', limit,
  'starts_ms', startsMs, 'ends_ms', endsMs, 'payable', payable, 'holder_bits', holderBits, 'terms', terms)
return { 'installed' }
