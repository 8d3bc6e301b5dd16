-- placeInLine: how many other processes wait for the same calls (200 at most), how many of them have waited for
-- longer, and since when `who` waits. A process waits until 30 ms after it was told to ask again.
--- @include lib/keep-type
--- @include lib/within
local function placeInLine(line, who, now)
  keepType(line, 'hash')
  if redis.call('HLEN', line) > 200 then redis.call('DEL', line) end
  local waiting = redis.call('HGETALL', line)
  local place = { others = 0, ahead = 0, since = now }
  local sinces = {}
  for i = 1, #waiting, 2 do
    local again, since = string.match(waiting[i + 1], '^(%S+) (%S+)$')
    since = within(since, 0, now, now)
    if waiting[i] == who then
      place.since = since
    elseif within(again, now - 30, now + 1000, 0) > 0 then
      sinces[#sinces + 1] = since
    else
      redis.call('HDEL', line, waiting[i])
    end
  end
  place.others = #sinces
  for _, since in ipairs(sinces) do
    if since < place.since then place.ahead = place.ahead + 1 end
  end
  return place
end
