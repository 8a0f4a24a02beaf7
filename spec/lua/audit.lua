-- audit: say what is there of messages, and change nothing.
--
-- ARGV: the ids.
-- Answer: for each, a 1 or 0 for being in bodies, attempts, owners, leases,
-- retries, dead, reasons, one after the other.
local queue, staging, bodies, attempts, owners, leases, retries, dead, reasons, sequence, seen = unpack(KEYS)
local kinds = {'queue', 'staging', 'bodies', 'attempts', 'owners', 'leases', 'retries', 'dead', 'reasons', 'sequence', 'seen'}
local types = {'list', 'list', 'hash', 'hash', 'hash', 'zset', 'zset', 'zset', 'hash', 'string', 'zset'}
for i, expected in ipairs(types) do
  local actual = redis.call('TYPE', KEYS[i]).ok
  if actual ~= 'none' and actual ~= expected then
    return redis.error_reply('WRONGTYPE the key of kind ' .. kinds[i] .. ' is a ' .. actual .. ', not a ' .. expected)
  end
end

local answer = {}
for i, id in ipairs(ARGV) do
  answer[i] = redis.call('HEXISTS', bodies, id)
    .. redis.call('HEXISTS', attempts, id)
    .. redis.call('HEXISTS', owners, id)
    .. (redis.call('ZSCORE', leases, id) and 1 or 0)
    .. (redis.call('ZSCORE', retries, id) and 1 or 0)
    .. (redis.call('ZSCORE', dead, id) and 1 or 0)
    .. redis.call('HEXISTS', reasons, id)
end
return answer
