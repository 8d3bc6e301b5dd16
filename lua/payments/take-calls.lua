-- take-calls: how many calls to the payment provider one process may make now, of those that wait in it.
--
-- Two limits count each call: that of the account and that of the endpoint. Nothing is promised for later: who
-- gets nothing is told when to ask again, and holds up nobody at another endpoint. Buyers come first. The
-- background gets what they leave, and a twentieth in any case.
--
-- KEYS   account      hash  dueAt, rate, rateAt, loweredAt, pausedUntil, backAt, owedUntil; see lib/read-bucket
--        accountLog   list  when the last calls were granted, the newest first
--        endpoint     hash  the same, for one endpoint
--        endpointLog  list
--        line         hash  process that waits → when it asks again, and since when it waits
-- ARGV   accountLimit   int   calls a second; 0: no limit
--        endpointLimit  int   calls a second; 0: no limit
--        who            text  the process
--        buyers         int   calls that buyers wait for, 0 or more
--        background     int   calls that the background waits for, 0 or more
-- REPLY  granted  buyers background againMs now milliRate: calls granted to each; when to ask for the rest, 1 to
--                 1,000 ms; the time by Redis; calls in 1,000 seconds that are allowed
-- COST   O(calls granted + processes that wait), two commands for each and about 20 more
--- @include lib/clock
--- @include lib/read-bucket
--- @include lib/earliest
--- @include lib/write-bucket
--- @include lib/place-in-line
local account, accountLog, endpoint, endpointLog, line = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local accountLimit, endpointLimit, who = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local buyers, background = tonumber(ARGV[4]), tonumber(ARGV[5])

local now = nowMs()
local a = readBucket(account, accountLog, accountLimit, now)
local e = readBucket(endpoint, endpointLog, endpointLimit, now)
local everyMs = math.max(a.everyMs or 0, e.everyMs or 0)
local againMs = 1000
local function roomAt(asks) return math.max(earliest(a, asks, now), earliest(e, asks, now)) end
local function note(bucket)
  if bucket.limit == 0 then return end
  bucket.dueAt, bucket.taken = bucket.dueAt + bucket.everyMs, bucket.taken + 1
end
local function askAgainIn(ms) againMs = math.max(1, math.min(againMs, math.ceil(ms))) end

-- All room there is, then this process's share of it: who has waited longer goes first.
local forBuyers = 0
if buyers > 0 then
  local place = placeInLine(line, who, now)
  local aDueAt, eDueAt = a.dueAt, e.dueAt
  local room, most = 0, buyers * (place.others + 1)
  while room < most and roomAt('buyer') <= now do
    note(a)
    note(e)
    room = room + 1
  end
  local share = math.min(room - place.ahead, math.ceil(room / (place.others + 1)))
  forBuyers = math.max(0, math.min(buyers, share))
  if forBuyers < room then
    a.dueAt, a.taken, e.dueAt, e.taken = aDueAt, 0, eDueAt, 0
    for _ = 1, forBuyers do
      note(a)
      note(e)
    end
  end
  if forBuyers < buyers then
    local at = roomAt('buyer')
    askAgainIn(at > now and at - now or everyMs / 2)
    local since = forBuyers > 0 and now or place.since
    redis.call('HSET', line, who, string.format('%.0f %.0f', now + againMs, since))
    redis.call('PEXPIRE', line, 10000)
  else
    redis.call('HDEL', line, who)
  end
end

local forBackground = 0
while forBackground < background do
  local due = (a.backAt or 0) <= now and (e.backAt or 0) <= now
  local at = roomAt(due and 'owed' or 'spare')
  if at > now then
    askAgainIn(math.min(at - now, 250))
    for _, bucket in ipairs({ a, e }) do
      if due and earliest(bucket, 'owed', now) > now then bucket.owedUntil = math.min(at, now + 1000) + 50 end
    end
    break
  end
  forBackground = forBackground + 1
  for _, bucket in ipairs({ a, e }) do
    note(bucket)
    if bucket.limit > 0 then bucket.backAt, bucket.owedUntil = now + 20 * bucket.everyMs, 0 end
  end
end

writeBucket(a, now)
writeBucket(e, now)
local milliRate = math.floor(1000000 / everyMs)
return { 'granted', forBuyers, forBackground, againMs, now, milliRate }
