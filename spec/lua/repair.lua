-- repair: mend messages whose keys do not agree.
--
-- ARGV: the ids.
-- Answer: for each, what was done: 'none', 'cleared' (what was left of a message
-- without a body was deleted), 'retried' (a message that was nowhere is due now) or
-- 'mended' (it was in too many places, or an entry was missing, left over or no
-- count).
--
-- Of several places, a live claim wins, then a retry, then a suspect, then death.
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
-- The first write needs no memory, so that Redis lets the others through at maxmemory.
redis.call('HDEL', bodies, '')
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function ms(n) return string.format('%.0f', n) end
-- counts reads an entry of attempts: deliveries, those that are pardoned, and the
-- token of the last claim. What is no such entry counts as no delivery.
local function counts(entry)
  local deliveries, pardons, token = string.match(entry or '', '^(%d+) ?(%d*) ?(%S*)$')
  if not deliveries or #deliveries > 9 or #pardons > 9 then return 0, 0, '' end
  return tonumber(deliveries), tonumber(pardons) or 0, token
end
-- leased tells whether a live claim has a message: the one that its id begins with,
-- or after a failure the one whose token attempts has.
local function leased(id, entry)
  if entry then
    local _, _, token = counts(entry)
    return token ~= '' and (redis.call('ZSCORE', claims, id .. '/' .. token) or redis.call('ZSCORE', claims, id .. '!' .. token))
  end
  local claim, n, index = string.match(id, '^(.*%-(%d+))%-(%d+)$')
  return claim and tonumber(index) > 1000 and tonumber(index) <= 1000 + tonumber(n) and redis.call('ZSCORE', claims, claim)
end

local answer = {}
for i, id in ipairs(ARGV) do
  local entry = redis.call('HGET', attempts, id)
  local done, n = 'none', 0
  if redis.call('HEXISTS', bodies, id) == 0 then
    n = redis.call('HDEL', attempts, id) + redis.call('HDEL', reasons, id)
      + redis.call('ZREM', retries, id) + redis.call('ZREM', suspects, id) + redis.call('ZREM', dead, id)
    if n > 0 then done = 'cleared' end
  else
    local places, sets = {}, {retries, suspects, dead}
    for place, set in ipairs(sets) do
      if redis.call('ZSCORE', set, id) then places[#places + 1] = place end
    end
    local held = leased(id, entry)
    if not held and #places == 0 then
      redis.call('ZADD', retries, ms(now), id)
      places[1], done = 1, 'retried'
    end
    for at = held and 1 or 2, #places do n = n + redis.call('ZREM', sets[places[at]], id) end
    if held and not entry then
      n = n + redis.call('HDEL', reasons, id)
    elseif not entry or counts(entry) == 0 and not string.match(entry, '^0 ?0?$') then
      redis.call('HSET', attempts, id, '1 0')
      n = n + 1
    end
    if not held and places[1] == 3 then n = n + redis.call('HSETNX', reasons, id, '{"code":"failed"}') end
    if n > 0 and done == 'none' then done = 'mended' end
  end
  answer[i] = done
end
return answer
