-- release: return messages whose handling has not begun, and end claims.
--
-- ARGV: the number of runs of messages; the claim of each run and the indexes of its
-- first and of its last message, in the order in which they were claimed; then the claims
-- that end.
-- Reply: the number of messages that are still staged (call again until none are); then
-- the positions, from 1, of lost messages, which stay unchanged.
--
-- Staged messages return to the queue's tail, then the fresh messages, newest first, so
-- that receivers take the oldest next. Messages that have failed before are due at once.
-- The delivery does not count. A claim that still has a message does not end.
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

for _ = 1, 1000 do
  local body = redis.call('LINDEX', staging, 0)
  if not body then break end
  redis.call('RPUSH', queue, body)
  redis.call('LPOP', staging)
end
local runs, position = tonumber(ARGV[1]), 0
for i = 1, runs do position = position + ARGV[3 * i + 1] - ARGV[3 * i] + 1 end
local lost = {}
for i = runs, 1, -1 do
  local claim = ARGV[3 * i - 1]
  local live, mark = redis.call('ZSCORE', claims, claim), string.find(claim, '[/!]')
  for index = tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i]), -1 do
    local id = mark and string.sub(claim, 1, mark - 1) or claim .. '-' .. index
    local body = live and (mark or redis.call('HEXISTS', attempts, id) == 0) and redis.call('HGET', bodies, id)
    if not body then
      table.insert(lost, 1, position)
    elseif mark then
      local deliveries, pardons = counts(redis.call('HGET', attempts, id))
      redis.call('ZADD', string.sub(claim, mark, mark) == '!' and suspects or retries, ms(now), id)
      redis.call('HSET', attempts, id, ms(math.max(0, deliveries - 1)) .. ' ' .. ms(pardons))
      redis.call('ZREM', claims, claim)
    else
      redis.call('RPUSH', queue, body)
      redis.call('HDEL', bodies, id)
    end
    position = position - 1
  end
end
-- The receiver cannot know whether a claim still has a message: a promoted replica may
-- have lost its earlier acknowledgements.
for i = 3 * runs + 2, #ARGV do
  local claim = ARGV[i]
  local mark = string.find(claim, '[/!]')
  local held = false
  if mark then
    local id = string.sub(claim, 1, mark - 1)
    local _, _, token = counts(redis.call('HGET', attempts, id))
    held = token == string.sub(claim, mark + 1) and redis.call('HEXISTS', bodies, id) == 1
  else
    for index = 1001, 1000 + math.min(tonumber(string.match(claim, '%-(%d+)$') or 0), 1000) do
      local id = claim .. '-' .. index
      held = held or redis.call('HEXISTS', bodies, id) == 1 and redis.call('HEXISTS', attempts, id) == 0
    end
  end
  if not held then redis.call('ZREM', claims, claim) end
end
table.insert(lost, 1, redis.call('LLEN', staging))
return lost
