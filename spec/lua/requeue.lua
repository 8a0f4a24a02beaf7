-- requeue: send dead letters again.
--
-- ARGV: max bytes, then the ids.
-- Reply: the number of processed ids, and the positions, from 1, of the ids without a
-- dead letter. The script stops at max bytes: call again with the rest.
--
-- Each dead letter becomes a new message at the queue's head, as if it were sent now.
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

local bytes, size, answer = tonumber(ARGV[1]), 0, {#ARGV - 1}
for i = 2, #ARGV do
  if size >= bytes then
    answer[1] = i - 2
    break
  end
  local id = ARGV[i]
  local body = redis.call('ZSCORE', dead, id) and redis.call('HGET', bodies, id)
  if body then
    size = size + #body
    redis.call('LPUSH', queue, body)
    redis.call('HDEL', bodies, id)
    redis.call('HDEL', attempts, id)
    redis.call('HDEL', reasons, id)
    redis.call('ZREM', dead, id)
  else
    answer[#answer + 1] = i - 1
  end
end
return answer
