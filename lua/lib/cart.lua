-- withLines: appends to a reply when the cart ends, and its lines. Whoever looks at a cart keeps it alive.
--- @include lib/clock
local function withLines(reply, cart, ttlMs)
  local lines = redis.call('HGETALL', cart)
  if #lines > 0 then redis.call('PEXPIRE', cart, ttlMs) end
  reply[#reply + 1] = nowMs() + ttlMs
  for i = 1, #lines do reply[#reply + 1] = lines[i] end
  return reply
end
