-- refuse: messages have not been handled.
--
-- ARGV: id, token, delay in ms and reason of each message. After the delay the
-- message is due again; with the delay -1 it is dead.
-- Answer: the positions, from 1, of messages whose lease was lost: nothing was
-- done about those.
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

local lost = {}
for i = 1, #ARGV, 4 do
  local id, token, delay, reason = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  if redis.call('HGET', owners, id) == token then
    redis.call('HSET', reasons, id, reason)
    if delay < 0 then
      redis.call('ZADD', dead, ms(now), id)
    else
      redis.call('ZADD', retries, ms(now + delay), id)
    end
    redis.call('HDEL', owners, id)
    redis.call('ZREM', leases, id)
  else
    lost[#lost + 1] = (i - 1) / 4 + 1
  end
end
return lost
