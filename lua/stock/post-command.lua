-- post-command: append a command that was born in PostgreSQL, or several, to a SKU's mailbox as one entry.
--
-- A command that takes free units away takes them here, in the script that appends it, so that they
-- cannot be granted meanwhile. Posting twice is harmless: the actor closes a command once.
--
-- KEYS   partition  hash    generation, run id, open
--        gate       hash    units, granted, seq
--        mailbox    stream  what the SKU's actor will commit
--        ready      set     SKUs whose mailbox is not empty
-- ARGV   sku      text
--        wake     text  channel that tells the owner
--        take     int   free units that the command takes away, 0 or more
--        command  text  JSON of one, or of a list
-- REPLY  posted   entry
--        short    unitsLeft; fewer than it takes
--        closed   the partition is being rebuilt
--        missing  the SKU has no gate yet
-- COST   O(1), seven commands at most
--- @include lib/server
local partition, gate, mailbox, ready = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local sku, wake, take, command = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]

local state = redis.call('HMGET', partition, 'generation', 'run_id', 'open')
if state[3] ~= '1' or state[2] ~= serverRunId() then return { 'closed' } end
local g = redis.call('HMGET', gate, 'generation', 'units', 'granted', 'seq')
if g[1] ~= state[1] then return { 'missing' } end
local units, granted = tonumber(g[2]), tonumber(g[3])
if take > 0 and units < take then return { 'short', units } end

local seq = tonumber(g[4]) + 1
local entry = state[1] .. '-' .. seq
redis.call('XADD', mailbox, entry, 'k', 'command', 'g', granted + take, 'b', command)
redis.call('HSET', gate, 'units', units - take, 'granted', granted + take, 'seq', seq)
if redis.call('SADD', ready, sku) == 1 then redis.call('PUBLISH', wake, sku) end
return { 'posted', entry }
