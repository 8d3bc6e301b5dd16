-- writeBucket: stores what was taken from a bucket, and what it owes. The log holds the times of the last calls,
-- the newest first.
local function writeBucket(bucket, now)
  if bucket.limit == 0 then return end
  redis.call('HSET', bucket.key, 'dueAt', bucket.dueAt, 'backAt', bucket.backAt, 'owedUntil', bucket.owedUntil)
  redis.call('PEXPIRE', bucket.key, 120000)
  if bucket.taken == 0 then return end
  for _ = 1, bucket.taken do redis.call('LPUSH', bucket.log, now) end
  redis.call('LTRIM', bucket.log, 0, math.ceil(bucket.limit) - 1)
  redis.call('PEXPIRE', bucket.log, 30000)
end
