-- repair: mend messages whose keys do not agree.
--
-- ARGV: the ids.
-- Answer: for each, what was done: 'none', 'cleared' (what was left of a message
-- without a body was deleted), 'retried' (a message that was nowhere, or leased
-- to nobody, is due now) or 'mended' (it was in too many places, or an entry was
-- missing or left over).
--
-- Of several places, a lease that has an owner wins, then a retry, then death.
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

local answer = {}
for i, id in ipairs(ARGV) do
  local leased, retried, buried = redis.call('ZSCORE', leases, id), redis.call('ZSCORE', retries, id), redis.call('ZSCORE', dead, id)
  local owned = redis.call('HEXISTS', owners, id) == 1
  local done = 'none'
  if redis.call('HEXISTS', bodies, id) == 0 then
    local n = redis.call('HDEL', attempts, id) + redis.call('HDEL', owners, id) + redis.call('HDEL', reasons, id)
      + redis.call('ZREM', leases, id) + redis.call('ZREM', retries, id) + redis.call('ZREM', dead, id)
    if n > 0 then done = 'cleared' end
  else
    if not tonumber(redis.call('HGET', attempts, id) or '') then
      redis.call('HSET', attempts, id, '1')
      done = 'mended'
    end
    if leased and owned then
      if redis.call('ZREM', retries, id) + redis.call('ZREM', dead, id) > 0 then done = 'mended' end
    else
      if not retried and (leased or not buried) then
        redis.call('ZADD', retries, ms(now), id)
        retried, done = true, 'retried'
      end
      local n = redis.call('HDEL', owners, id) + redis.call('ZREM', leases, id)
      if retried then n = n + redis.call('ZREM', dead, id) end
      if not retried then n = n + redis.call('HSETNX', reasons, id, '{"code":"failed"}') end
      if n > 0 and done == 'none' then done = 'mended' end
    end
  end
  answer[i] = done
end
return answer
