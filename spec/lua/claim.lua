-- claim: take messages and lease them.
--
-- ARGV: token, lease in ms, most messages, most bytes, most attempts.
-- Answer: the server's time in ms; ms until something is due, or -1; why the
-- last attempt failed, or ''; then id, attempt and body of each message.
--
-- Leases that have run out are put back first, then one due retry is taken, by
-- itself, or else what is staged and what is in the queue, oldest first. What
-- is taken is copied, then leased, and only then removed from where it was.
local queue, staging, bodies, attempts, owners, leases, retries, dead, reasons, sequence, seen = unpack(KEYS)
local kinds = {'queue', 'staging', 'bodies', 'attempts', 'owners', 'leases', 'retries', 'dead', 'reasons', 'sequence', 'seen'}
local types = {'list', 'list', 'hash', 'hash', 'hash', 'zset', 'zset', 'zset', 'hash', 'string', 'zset'}
for i, expected in ipairs(types) do
  local actual = redis.call('TYPE', KEYS[i]).ok
  if actual ~= 'none' and actual ~= expected then
    return redis.error_reply('WRONGTYPE the key of kind ' .. kinds[i] .. ' is a ' .. actual .. ', not a ' .. expected)
  end
end
-- The first write needs no memory, so that the others go through at maxmemory.
redis.call('HDEL', bodies, '')
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function ms(n) return string.format('%.0f', n) end

local token, lease = ARGV[1], tonumber(ARGV[2])
local count, bytes, most = math.min(tonumber(ARGV[3]), 1000), tonumber(ARGV[4]), tonumber(ARGV[5])
local deadline = ms(now + lease)

for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', ms(now), 'LIMIT', 0, 100)) do
  if redis.call('HEXISTS', bodies, id) == 0 then
    -- There is nothing to deliver.
    redis.call('HDEL', attempts, id)
    redis.call('HDEL', reasons, id)
  else
    redis.call('HSET', reasons, id, '{"code":"expired"}')
    if (tonumber(redis.call('HGET', attempts, id) or 0) or 0) >= most then
      redis.call('ZADD', dead, ms(now), id)
    else
      redis.call('ZADD', retries, ms(now), id)
    end
  end
  redis.call('HDEL', owners, id)
  redis.call('ZREM', leases, id)
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', retries, '-inf', ms(now), 'LIMIT', 0, 100)) do
  local body = redis.call('HGET', bodies, id)
  if body then
    local attempt = ms((tonumber(redis.call('HGET', attempts, id) or 0) or 0) + 1)
    redis.call('HSET', attempts, id, attempt)
    redis.call('HSET', owners, id, token)
    redis.call('ZADD', leases, deadline, id)
    redis.call('ZREM', retries, id)
    return {now, -1, redis.call('HGET', reasons, id) or '', id, attempt, body}
  end
  -- There is nothing to deliver.
  redis.call('HDEL', attempts, id)
  redis.call('HDEL', reasons, id)
  redis.call('ZREM', retries, id)
end

-- Few at first, and never many, since nobody knows how long they are.
local taken, size, full = {}, 0, false
local function take(list)
  local n, step = 0, 1
  while not full and #taken < count do
    step = math.min(step, count - #taken)
    local found = redis.call('LRANGE', list, -n - step, -n - 1)
    for i = #found, 1, -1 do
      full = #taken > 0 and size + #found[i] > bytes
      if full then break end
      n, size = n + 1, size + #found[i]
      taken[#taken + 1] = found[i]
    end
    if #found < step then break end
    step = math.min(2 * step, 16)
  end
  return n
end
local staged = take(staging)
local fresh = take(queue)

if #taken == 0 then
  local due = -1
  for _, set in ipairs({retries, leases}) do
    local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
    if first[2] then
      local left = math.max(0, tonumber(first[2]) - now)
      if due < 0 or left < due then due = left end
    end
  end
  return {now, due, ''}
end

local answer = {now, -1, ''}
local number = redis.call('INCRBY', sequence, #taken) - #taken
local head, tail = string.format('%013.0f-', now), '-' .. token
for first = 1, #taken, 100 do
  local body, attempt, owner, leased = {}, {}, {}, {}
  for i = first, math.min(first + 99, #taken) do
    local id = head .. string.format('%010.0f', number + i) .. tail
    local at = 2 * (i - first) + 1
    body[at], body[at + 1] = id, taken[i]
    attempt[at], attempt[at + 1] = id, '1'
    owner[at], owner[at + 1] = id, token
    leased[at], leased[at + 1] = deadline, id
    local to = 3 * i + 1
    answer[to], answer[to + 1], answer[to + 2] = id, '1', taken[i]
  end
  redis.call('HSET', bodies, unpack(body))
  redis.call('HSET', attempts, unpack(attempt))
  redis.call('HSET', owners, unpack(owner))
  redis.call('ZADD', leases, unpack(leased))
end
if staged > 0 then redis.call('LTRIM', staging, 0, -1 - staged) end
if fresh > 0 then redis.call('LTRIM', queue, 0, -1 - fresh) end
return answer
