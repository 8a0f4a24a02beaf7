-- requeue: send dead letters again.
--
-- ARGV: the ids.
-- Answer: the positions, from 1, of those that are no dead letters.
--
-- Each goes to the queue's head, as if it were sent now, and is a new message.
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

local missing = {}
for i, id in ipairs(ARGV) do
  local body = redis.call('HGET', bodies, id)
  if body and redis.call('ZSCORE', dead, id) then
    redis.call('LPUSH', queue, body)
    redis.call('HDEL', attempts, id)
    redis.call('HDEL', reasons, id)
    redis.call('HDEL', bodies, id)
    redis.call('ZREM', dead, id)
  else
    missing[#missing + 1] = i
  end
end
return missing
