-- readBucket: the state of one limit at the payment provider. src/payments/budget/bucket.ts is its twin, and a
-- test compares the two. A limit of 0 counts nothing.
--
-- `rate` is what the provider lets through: the limit, or less after a 429; it grows back by 2 % of the limit a
-- second. At most `cap` calls are granted in any `spanMs`. That is a second and 60 ms: two calls may come 60 ms
-- closer to each other on their way. `everyMs` is the pace.
--- @include lib/keep-type
--- @include lib/within
local function readBucket(key, log, limit, now)
  local bucket = { key = key, log = log, limit = limit, taken = 0 }
  if limit == 0 then return bucket end
  keepType(key, 'hash')
  if log then keepType(log, 'list') end
  local is = redis.call('HMGET', key, 'dueAt', 'rate', 'rateAt', 'pausedUntil', 'backAt', 'owedUntil')
  local rateAt = within(is[3], 0, now, now)
  local rate = within(is[2], limit / 10, limit, limit)
  bucket.rate = math.min(limit, rate + (now - rateAt) * limit / 50000)
  bucket.cap = math.max(1, math.floor(bucket.rate))
  bucket.spanMs = 1060 * bucket.cap / bucket.rate
  bucket.everyMs = 1060 / bucket.rate
  bucket.dueAt = math.max(now, within(is[1], 0, now + 125 + 2 * bucket.everyMs, 0))
  bucket.pausedUntil = within(is[4], 0, now + 200, 0)
  bucket.backAt = within(is[5], 0, now + 40 * bucket.everyMs, 0)
  bucket.owedUntil = within(is[6], 0, now + 1100, 0)
  return bucket
end
