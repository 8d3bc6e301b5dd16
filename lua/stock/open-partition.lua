-- open-partition: begin a generation on this server. The last step of a rebuild.
--
-- KEYS   partition       hash  generation, run id, open, closed
--        today           hash  idempotency records: replaced by what was loaded
--        yesterday       hash  dropped: what was loaded has them
--        loadedRequests  hash  request → checkout and fingerprint, of the last day
-- ARGV   generation  int
--        runId       text  of the server the state was built on
-- REPLY  open
--        stale  generation; a newer one is there, this one was closed already, or the server is another one
-- COST   O(1), three commands
--- @include lib/server
local partition, today, yesterday, loadedRequests = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local generation, runId = tonumber(ARGV[1]), ARGV[2]

local state = redis.call('HMGET', partition, 'generation', 'closed')
local there, closed = tonumber(state[1] or 0), tonumber(state[2] or 0)
if there > generation or closed >= generation or serverRunId() ~= runId then
  redis.call('DEL', loadedRequests)
  return { 'stale', there }
end
redis.call('DEL', today, yesterday)
if redis.call('EXISTS', loadedRequests) == 1 then
  redis.call('RENAME', loadedRequests, today)
  redis.call('EXPIRE', today, 172800)
end
redis.call('HSET', partition, 'generation', generation, 'run_id', runId, 'open', 1)
return { 'open' }
