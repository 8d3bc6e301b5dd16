-- open-partition: begin a generation on this server. The last step of a rebuild.
--
-- KEYS   partition  hash  generation, run id, open
-- ARGV   generation  int
--        runId       text  of the server the state was built on
-- REPLY  open
--        stale  generation; a newer one is there, or the server is another one
-- COST   O(1), three commands
--- @include lib/server
local partition = KEYS[1]
local generation, runId = tonumber(ARGV[1]), ARGV[2]

local there = tonumber(redis.call('HGET', partition, 'generation') or 0)
if there > generation or serverRunId() ~= runId then return { 'stale', there } end
redis.call('HSET', partition, 'generation', generation, 'run_id', runId, 'open', 1)
return { 'open' }
