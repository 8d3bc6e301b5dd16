-- want-gate: ask the owner of a partition to build the gate of a SKU that exists in the ledger.
--
-- KEYS   wanted  set  SKUs that somebody asked for
-- ARGV   sku   text
--        wake  text  channel that tells the owner
-- REPLY  wanted
-- COST   O(1), two commands
local wanted = KEYS[1]
local sku, wake = ARGV[1], ARGV[2]

redis.call('SADD', wanted, sku)
redis.call('PUBLISH', wake, '')
return { 'wanted' }
