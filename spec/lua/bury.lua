-- bury: put messages straight to the dead letters.
--
-- ARGV: token, then body, reason, attempts, time of the first attempt and time
-- of death in ms of each message; a time of 0 is now.
-- Answer: the id of each message.
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

local token, ids = ARGV[1], {}
for i = 2, #ARGV, 5 do
  local first, last = tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
  if first <= 0 then first = now end
  if last <= 0 then last = now end
  local id = string.format('%013.0f-%010.0f-%s', first, redis.call('INCR', sequence), token)
  redis.call('HSET', bodies, id, ARGV[i])
  redis.call('HSET', attempts, id, ARGV[i + 2])
  redis.call('HSET', reasons, id, ARGV[i + 1])
  redis.call('ZADD', dead, ms(last), id)
  ids[#ids + 1] = id
end
return ids
