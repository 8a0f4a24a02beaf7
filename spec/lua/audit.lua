-- audit: report which keys have an entry for each id. It changes nothing.
--
-- ARGV: the ids.
-- Reply: a string of digits for each id, for bodies, attempts, a live claim, retries,
-- suspects, dead and reasons: 1 if the key has an entry, 0 if not, and 2 if attempts has
-- an entry that cannot be parsed.
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
  local counted = entry and (counts(entry) > 0 or string.match(entry, '^0 ?0?$')) and 1 or 2
  answer[i] = redis.call('HEXISTS', bodies, id)
    .. (entry and counted or 0)
    .. (leased(id, entry) and 1 or 0)
    .. (redis.call('ZSCORE', retries, id) and 1 or 0)
    .. (redis.call('ZSCORE', suspects, id) and 1 or 0)
    .. (redis.call('ZSCORE', dead, id) and 1 or 0)
    .. redis.call('HEXISTS', reasons, id)
end
return answer
