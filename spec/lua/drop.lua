-- drop: delete dead letters.
--
-- ARGV: the ids.
-- Reply: the positions, from 1, of the ids without a dead letter.
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

local missing = {}
for i, id in ipairs(ARGV) do
  if redis.call('ZSCORE', dead, id) then
    redis.call('HDEL', bodies, id)
    redis.call('HDEL', attempts, id)
    redis.call('HDEL', reasons, id)
    redis.call('ZREM', dead, id)
  else
    missing[#missing + 1] = i
  end
end
return missing
