-- close-partition: admit nobody any more, and tell what the partition's state was built on.
--
-- Whoever is about to open one of the closed generations has been overtaken, and may not know it yet.
--
-- KEYS   partition  hash  generation, run id, open, closed
-- ARGV   closing  int  this generation and all before it are closed: a newer one is somebody else's; '' only looks
-- REPLY  state  generation open sameServer runId
--        none   runId; there is no state
-- COST   O(1), four commands at most
--- @include lib/server
local partition = KEYS[1]
local closing = ARGV[1]

local runId = serverRunId()
local state = redis.call('HMGET', partition, 'generation', 'run_id', 'open', 'closed')
local upTo = tonumber(closing) or 0
if upTo > tonumber(state[4] or 0) then redis.call('HSET', partition, 'closed', upTo) end
if not state[1] then return { 'none', runId } end
if tonumber(state[1]) <= upTo then
  redis.call('HSET', partition, 'open', 0)
  state[3] = '0'
end
return { 'state', state[1], state[3], state[2] == runId and 1 or 0, runId }
