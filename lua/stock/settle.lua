-- settle: after a commit, give the gate the units that the ledger says are free, and trim the mailbox.
--
-- units = free − (gate.granted − granted): what is free in the ledger, less what the gate has granted
-- since. May run twice, late, or after a crash: only a cursor above the last settled one changes units.
--
-- KEYS   gate     hash    units, granted, settled, seq
--        mailbox  stream  trimmed up to the cursor
--        ready    set     loses the SKU when its mailbox is empty
--        buyers   hash    buyer → units in this pool
-- ARGV   sku         text
--        freed       text  channel that tells API processes that units fell free
--        generation  int   of the ledger row
--        cursor      int   last mailbox entry that is committed
--        free        int   of the ledger at that cursor
--        granted     int   of the ledger at that cursor
--        …           two per buyer whose count changes beside what was granted: buyer, delta
-- REPLY  settled  entriesLeft units
--        gap      entriesLeft units; the mailbox has fewer entries than the gate has appended, or the gate has
--                 appended fewer than are committed: Redis lost some
--        stale    the gate is missing or of another generation: nothing was changed
-- COST   O(entries trimmed + buyers)
local gate, mailbox, ready, buyers = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local sku, freed, generation = ARGV[1], ARGV[2], ARGV[3]
local cursor, free, granted, deltas = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV

local g = redis.call('HMGET', gate, 'generation', 'units', 'granted', 'settled', 'version', 'seq')
if g[1] ~= generation then return { 'stale' } end
local units, settled, seq = tonumber(g[2]), tonumber(g[4]), tonumber(g[6])
-- What is committed was appended: a gate that has not come so far has gone back in time.
if cursor > seq then return { 'gap', 0, units } end
-- First, because it frees memory: after a write, a full Redis lets a script end what it has begun.
redis.call('XTRIM', mailbox, 'MINID', generation .. '-' .. (cursor + 1))
if cursor > settled then
  local left = free - (tonumber(g[3]) - granted)
  redis.call('HSET', gate, 'units', left, 'settled', cursor, 'settled_granted', granted)
  for i = 7, #deltas, 2 do
    if redis.call('HINCRBY', buyers, deltas[i], deltas[i + 1]) <= 0 then redis.call('HDEL', buyers, deltas[i]) end
  end
  if units <= 0 and left > 0 then
    local version = redis.call('HINCRBY', gate, 'version', 1)
    redis.call('PUBLISH', freed, sku .. ' ' .. version)
  end
  units = left
end
local entries = redis.call('XLEN', mailbox)
if entries < seq - math.max(cursor, settled) then return { 'gap', entries, units } end
if entries == 0 then redis.call('SREM', ready, sku) end
return { 'settled', entries, units }
