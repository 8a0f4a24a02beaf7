-- repair: correct the entries of messages whose keys disagree.
--
-- ARGV: the ids.
-- Reply: the change of each: 'none', 'cleared' (it had no body: its other entries were
-- deleted), 'retried' (it was in no state: it is now due) or 'repaired' (it was in several
-- states, or an entry was missing, superfluous or could not be parsed).
--
-- Among several states, a live claim has priority, then a retry, then a suspect, then a
-- dead letter.
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
-- leased reports whether a live claim has a message: the claim in the message's id, or
-- after a failure the claim whose token is in attempts.
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
    if n > 0 and done == 'none' then done = 'repaired' end
  end
  answer[i] = done
end
return answer
