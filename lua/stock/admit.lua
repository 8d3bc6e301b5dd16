-- admit: take units at the gate for a batch of checkouts of one SKU and post them to its mailbox, as one step.
--
-- The requests of one call are those that one API process had waiting; they are judged one after the
-- other, and the granted ones become one mailbox entry. XADD is the first write: Lua does not roll back.
--
-- KEYS   partition  hash    generation, run id, open
--        gate       hash    units, granted, seq, window, limit, terms
--        mailbox    stream  what the SKU's actor will commit
--        ready      set     SKUs whose mailbox is not empty
--        buyers     hash    buyer → units in this pool
--        holders    string  Bloom filter of buyers who may hold units
--        today      hash    idempotency records of today: request → checkout and fingerprint
--        yesterday  hash    those of yesterday
-- ARGV   sku         text
--        wake        text  channel that tells the owner
--        generation  int   that the checkouts' ids were minted for
--        waitingMax  int   units granted and not yet committed, at most
--        …           five per request: request, buyer, units, record, message
--                    request is the idempotency field, or '' for a part of a larger checkout
-- REPLY  admitted  generation unitsLeft version … one word list per request:
--                  LEFT when granted · repeated RECORD · not_open MS · ended · unpayable UNITS · over_limit LIMIT ·
--                  sold_out LEFT · full
--        closed    the partition is being rebuilt
--        missing   the SKU has no gate yet
--        stale     generation
-- COST   O(requests), twelve commands at most however many requests
--- @include lib/server
--- @include lib/clock
--- @include lib/holders
local partition, gate, mailbox, ready = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local buyers, holders, today, yesterday = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local sku, wake, generation, waitingMax = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local requests = ARGV

local state = redis.call('HMGET', partition, 'generation', 'run_id', 'open')
if state[3] ~= '1' or state[2] ~= serverRunId() then return { 'closed' } end
local g = redis.call('HMGET', gate, 'generation', 'units', 'granted', 'seq', 'settled_granted', 'version',
  'limit', 'starts_ms', 'ends_ms', 'terms', 'holder_bits', 'payable')
if g[1] ~= state[1] then return { 'missing' } end
if generation ~= state[1] then return { 'stale', state[1] } end

local units, granted, settledGranted = tonumber(g[2]), tonumber(g[3]), tonumber(g[5])
local limit, startsMs, endsMs = tonumber(g[7]), tonumber(g[8]), tonumber(g[9])
local payable = tonumber(g[12])
local now = nowMs()
local count = (#requests - 4) / 5

local asked, who = {}, {}
for i = 1, count do
  asked[i], who[i] = requests[i * 5], requests[i * 5 + 1]
end
local known = redis.call('HMGET', today, unpack(asked))
local older = redis.call('EXISTS', yesterday) == 1 and redis.call('HMGET', yesterday, unpack(asked)) or {}
local owned = limit and redis.call('HMGET', buyers, unpack(who)) or {}

local reply = { 'admitted', state[1], 0, g[6] }
local inBatch, unitsOf = {}, {}
local messages, records, newBuyers = {}, {}, {}
local grantedBefore = granted
for i = 1, count do
  local request, buyer, wanted, record = asked[i], who[i], tonumber(requests[i * 5 + 2]), requests[i * 5 + 3]
  local repeated = request ~= '' and (inBatch[request] or known[i] or older[i])
  local has = limit and (unitsOf[buyer] or tonumber(owned[i] or 0))
  local answer
  if repeated then answer = 'repeated ' .. repeated
  elseif startsMs and now < startsMs then answer = 'not_open ' .. startsMs
  elseif endsMs and now >= endsMs then answer = 'ended'
  elseif payable and wanted > payable then answer = 'unpayable ' .. payable
  elseif limit and has + wanted > limit then answer = 'over_limit ' .. limit
  elseif units < wanted then answer = 'sold_out ' .. units
  elseif granted - settledGranted + wanted > waitingMax then answer = 'full'
  else
    units, granted = units - wanted, granted + wanted
    messages[#messages + 1] = requests[i * 5 + 4]
    newBuyers[#newBuyers + 1] = buyer
    if limit then unitsOf[buyer] = has + wanted end
    if request ~= '' then
      inBatch[request] = record
      records[#records + 1], records[#records + 2] = request, record
    end
    answer = units
  end
  reply[i + 4] = answer
end
reply[3] = units
if #messages == 0 then return reply end

local seq = tonumber(g[4]) + 1
redis.call('XADD', mailbox, state[1] .. '-' .. seq, 'k', 'reserve', 'g', granted, 't', g[10], 'b',
  '[' .. table.concat(messages, ',') .. ']')
redis.call('HSET', gate, 'units', units, 'granted', granted, 'seq', seq)
if #records > 0 then
  redis.call('HSET', today, unpack(records))
  redis.call('EXPIRE', today, 172800, 'NX')
end
if limit then
  local counts = {}
  for buyer, has in pairs(unitsOf) do counts[#counts + 1], counts[#counts + 2] = buyer, has end
  redis.call('HSET', buyers, unpack(counts))
end
markHolders(holders, tonumber(g[11]), newBuyers)
if redis.call('SADD', ready, sku) == 1 then redis.call('PUBLISH', wake, sku) end
return reply
