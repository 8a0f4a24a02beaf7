-- drain: return all messages to the list, except leased messages and dead letters.
--
-- ARGV: max messages, max bytes.
-- Reply: the number of returned messages, and the number of remaining messages. Call
-- again until none remain.
--
-- Staged messages return to the queue's tail, then retries and suspects, the latest due
-- first, so that receivers take the earliest next. A message whose lease has expired is
-- not leased.
local queue, staging, bodies, claims, retries, suspects, dead, attempts, reasons, seen = unpack(KEYS)
local kinds = {'queue', 'staging', 'bodies', 'claims', 'retries', 'suspects', 'dead', 'attempts', 'reasons', 'seen'}
local types = {'list', 'list', 'hash', 'zset', 'zset', 'zset', 'zset', 'hash', 'hash', 'zset'}
local function wrong()
  for i, expected in ipairs(types) do
    local actual = redis.call('TYPE', KEYS[i]).ok
    if actual ~= 'none' and actual ~= expected then
      return redis.error_reply('WRONGTYPE the key of kind ' .. kinds[i] .. ' is a ' .. actual .. ', not a ' .. expected)
    end
  end
end
local fault = wrong()
if fault then return fault end
-- The first write needs no memory, so that Redis permits the others at maxmemory.
redis.call('HDEL', bodies, '')
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function ms(n) return string.format('%.0f', n) end
-- counts parses an entry of attempts: deliveries, pardoned deliveries, and the token of
-- the last claim. It returns no delivery for an entry that cannot be parsed.
local function counts(entry)
  local deliveries, pardons, token = string.match(entry or '', '^(%d+) ?(%d*) ?(%S*)$')
  if not deliveries or #deliveries > 9 or #pardons > 9 then return 0, 0, '' end
  return tonumber(deliveries), tonumber(pardons) or 0, token
end
-- expire ends a claim whose lease has expired. It pardons the delivery, except that of a
-- suspect, which was the only message of its receiver. A message becomes a retry at its
-- first pardon, and a suspect at the next.
local function expire(claim)
  local mark = string.find(claim, '[/!]')
  local alone = mark and string.sub(claim, mark, mark) == '!'
  local function expired(id, deliveries, pardons)
    if not alone then pardons = pardons + 1 end
    redis.call('ZADD', (alone or pardons > 1) and suspects or retries, ms(now), id)
    redis.call('HSET', attempts, id, ms(deliveries) .. ' ' .. ms(pardons))
    redis.call('HSET', reasons, id, '{"code":"expired"}')
  end
  local size = 1
  if mark then
    local id = string.sub(claim, 1, mark - 1)
    local deliveries, pardons, token = counts(redis.call('HGET', attempts, id))
    if token ~= string.sub(claim, mark + 1) then
      -- The message belongs to a later claim.
    elseif redis.call('HEXISTS', bodies, id) == 1 then
      expired(id, deliveries, pardons)
    else
      redis.call('HDEL', attempts, id) -- The message has no body.
      redis.call('HDEL', reasons, id)
    end
  else
    size = math.min(tonumber(string.match(claim, '%-(%d+)$') or 0), 1000)
    for i = 1, size do
      local id = claim .. '-' .. 1000 + i
      if redis.call('HEXISTS', bodies, id) == 1 and redis.call('HEXISTS', attempts, id) == 0 then expired(id, 1, 0) end
    end
  end
  redis.call('ZREM', claims, claim)
  return size
end

local count, bytes, moved, size = math.min(tonumber(ARGV[1]), 1000), tonumber(ARGV[2]), 0, 0
local ended = 0
for _, claim in ipairs(redis.call('ZRANGEBYSCORE', claims, '-inf', ms(now), 'LIMIT', 0, 1000)) do
  ended = ended + expire(claim)
  if ended >= 1000 then break end
end
while moved < count and size < bytes do
  local body = redis.call('LINDEX', staging, 0)
  if not body then break end
  redis.call('RPUSH', queue, body)
  redis.call('LPOP', staging)
  moved, size = moved + 1, size + #body
end
for _, set in ipairs({suspects, retries}) do
  while moved < count and size < bytes do
    local id = redis.call('ZREVRANGE', set, 0, 0)[1]
    if not id then break end
    local body = redis.call('HGET', bodies, id)
    if body then
      redis.call('RPUSH', queue, body)
      size = size + #body
    end
    moved = moved + 1
    redis.call('HDEL', bodies, id)
    redis.call('HDEL', attempts, id)
    redis.call('HDEL', reasons, id)
    redis.call('ZREM', set, id)
  end
end
return {moved, redis.call('LLEN', staging) + redis.call('ZCARD', retries) + redis.call('ZCARD', suspects) + redis.call('ZCOUNT', claims, '-inf', ms(now))}
