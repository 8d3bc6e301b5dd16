-- close-partition: admit nobody any more, and tell what the partition's state was built on.
--
-- KEYS   partition  hash  generation, run id, open
-- ARGV   check  int  1: only look, 0: close
-- REPLY  state  generation open sameServer runId
--        none   runId; there is no state
-- COST   O(1), three commands
--- @include lib/server
local partition = KEYS[1]
local check = ARGV[1]

local runId = serverRunId()
local state = redis.call('HMGET', partition, 'generation', 'run_id', 'open')
if not state[1] then return { 'none', runId } end
if check == '0' then redis.call('HSET', partition, 'open', 0) end
return { 'state', state[1], state[3], state[2] == runId and 1 or 0, runId }
