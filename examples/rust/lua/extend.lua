-- extend: renew the leases of claims.
--
-- ARGV: lease in ms, then the claims.
-- Reply: the positions, from 1, of lost claims, which stay unchanged.
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

local deadline, lost = ms(now + tonumber(ARGV[1])), {}
for i = 2, #ARGV do
  if redis.call('ZSCORE', claims, ARGV[i]) then
    redis.call('ZADD', claims, 'XX', deadline, ARGV[i])
  else
    lost[#lost + 1] = i - 1
  end
end
return lost
