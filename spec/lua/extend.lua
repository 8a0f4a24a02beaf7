-- extend: messages are still being handled.
--
-- ARGV: lease in ms, then id and token of each message.
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

local deadline, lost = ms(now + tonumber(ARGV[1])), {}
for i = 2, #ARGV, 2 do
  if redis.call('HGET', owners, ARGV[i]) == ARGV[i + 1] then
    redis.call('ZADD', leases, deadline, ARGV[i])
  else
    lost[#lost + 1] = i / 2
  end
end
return lost
