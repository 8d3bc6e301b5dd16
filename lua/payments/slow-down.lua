-- slow-down: the payment provider refused a call because there were too many; all processes make fewer.
--
-- A refused rate lowers what is granted to 0.7 of it, and not below a tenth of the limit. Calls that left at the
-- same moment are refused together, so a second has to pass before the next refusal counts. Too many at once
-- (`pause`) says nothing of the rate: nothing is granted for 200 ms.
--
-- KEYS   bucket  hash  dueAt, rate, rateAt, loweredAt, pausedUntil, backAt, owedUntil; see lib/read-bucket
-- ARGV   limit  int   calls a second, 1 or more
--        how    text  lower, pause
-- REPLY  lowered  milliRate: calls in 1,000 seconds that are allowed from now on
--        already  it was lowered less than a second ago
--        paused
-- COST   O(1), five commands
--- @include lib/clock
--- @include lib/read-bucket
--- @include lib/within
local bucket = KEYS[1]
local limit, how = tonumber(ARGV[1]), ARGV[2]

local now = nowMs()
local state = readBucket(bucket, nil, limit, now)
if how == 'pause' then
  redis.call('HSET', bucket, 'pausedUntil', now + 200)
  redis.call('PEXPIRE', bucket, 120000)
  return { 'paused' }
end
if now - within(redis.call('HGET', bucket, 'loweredAt'), 0, now, 0) < 1000 then return { 'already' } end
local rate = math.max(limit / 10, state.rate * 0.7)
redis.call('HSET', bucket, 'rate', rate, 'rateAt', now, 'loweredAt', now)
redis.call('PEXPIRE', bucket, 120000)
return { 'lowered', math.floor(rate * 1000 / 1.06) }
