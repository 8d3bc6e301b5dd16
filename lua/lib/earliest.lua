-- earliest: when a bucket has room for one more call, in milliseconds; `now` or before it: at once. Twin:
-- src/payments/budget/bucket.ts.
--
-- `spare` asks for what is left while a fifth of the limit is free. `buyer` leaves one call to the background
-- while it is owed one; `owed` takes that one. Up to 125 ms of calls that nobody made may be made up for.
--- @include lib/within
local function earliest(bucket, asks, now)
  if bucket.limit == 0 then return 0 end
  local cap, madeUpMs, kept = bucket.cap, 125, 0
  if asks == 'spare' then
    cap, madeUpMs = math.max(1, math.floor(cap * 0.8)), 60
  elseif asks == 'buyer' and bucket.owedUntil > now then
    kept = 1
  end
  local paced = bucket.dueAt + kept * bucket.everyMs - madeUpMs
  local place = cap - 1 - kept - bucket.taken
  local before = now
  if place >= 0 then
    before = within(redis.call('LINDEX', bucket.log, place), 0, now + 1000, -bucket.spanMs)
  end
  return math.max(paced, before + bucket.spanMs, bucket.pausedUntil)
end
