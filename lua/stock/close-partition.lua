-- close-partition: admit nobody any more, and tell what the partition's state was built on.
--
-- KEYS   partition  hash  generation, run id, open
-- ARGV   closing  int  the generation to close: another one is somebody else's; '' only looks
-- REPLY  state  generation open sameServer runId
--        none   runId; there is no state
-- COST   O(1), three commands
--- @include lib/server
local partition = KEYS[1]
local closing = ARGV[1]

local runId = serverRunId()
local state = redis.call('HMGET', partition, 'generation', 'run_id', 'open')
if not state[1] then return { 'none', runId } end
if closing == state[1] then
  redis.call('HSET', partition, 'open', 0)
  state[3] = '0'
end
return { 'state', state[1], state[3], state[2] == runId and 1 or 0, runId }
