-- drain: give back all that is neither leased nor dead.
--
-- ARGV: how many messages at most, how many bytes at most.
-- Answer: how many were given back, and how many are left, for which to call
-- again.
--
-- What is staged goes back to the queue's tail, then what is retried, the
-- earliest due last, so that it is taken next. A lease that has run out is none.
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

local count, bytes, moved, size = math.min(tonumber(ARGV[1]), 1000), tonumber(ARGV[2]), 0, 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', ms(now), 'LIMIT', 0, 1000)) do
  redis.call('ZADD', retries, ms(now), id)
  redis.call('HDEL', owners, id)
  redis.call('ZREM', leases, id)
end
while moved < count and size < bytes do
  local body = redis.call('LINDEX', staging, 0)
  if not body then break end
  redis.call('RPUSH', queue, body)
  redis.call('LPOP', staging)
  moved, size = moved + 1, size + #body
end
while moved < count and size < bytes do
  local id = redis.call('ZREVRANGE', retries, 0, 0)[1]
  if not id then break end
  local body = redis.call('HGET', bodies, id)
  if body then
    redis.call('RPUSH', queue, body)
    size = size + #body
  end
  moved = moved + 1
  redis.call('HDEL', attempts, id)
  redis.call('HDEL', reasons, id)
  redis.call('HDEL', bodies, id)
  redis.call('ZREM', retries, id)
end
return {moved, redis.call('LLEN', staging) + redis.call('ZCARD', retries) + redis.call('ZCOUNT', leases, '-inf', ms(now))}
