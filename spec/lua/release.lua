-- release: give back messages that nobody has begun to handle.
--
-- ARGV: id and token of each message, in the order in which they were claimed.
-- Answer: how many messages are staged still, for which to call again; then the
-- positions, from 1, of messages whose lease was lost: nothing was done about
-- those.
--
-- What is staged goes back to the queue's tail, then the messages of a first
-- attempt, newest first, so that the oldest is taken next. Those of a later
-- attempt are due at once. The attempt does not count.
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

for _ = 1, 1000 do
  local body = redis.call('LINDEX', staging, 0)
  if not body then break end
  redis.call('RPUSH', queue, body)
  redis.call('LPOP', staging)
end
local lost = {}
for i = #ARGV - 1, 1, -2 do
  local id = ARGV[i]
  local body = redis.call('HGET', bodies, id)
  if body and redis.call('HGET', owners, id) == ARGV[i + 1] then
    local attempt = tonumber(redis.call('HGET', attempts, id) or 0) or 0
    if attempt > 1 then
      redis.call('HSET', attempts, id, ms(attempt - 1))
      redis.call('ZADD', retries, ms(now), id)
    else
      redis.call('RPUSH', queue, body)
      redis.call('HDEL', attempts, id)
      redis.call('HDEL', reasons, id)
      redis.call('HDEL', bodies, id)
    end
    redis.call('HDEL', owners, id)
    redis.call('ZREM', leases, id)
  else
    table.insert(lost, 1, (i + 1) / 2)
  end
end
table.insert(lost, 1, redis.call('LLEN', staging))
return lost
