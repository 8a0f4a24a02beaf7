-- acknowledge: messages have been handled.
--
-- ARGV: for how many ms events are remembered, or 0; how many at most; then id,
-- token and event of each message, where event is what the message is
-- remembered by, or ''.
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

local window, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local lost = {}
for first = 3, #ARGV, 300 do
  local ids = {}
  for i = first, math.min(first + 297, #ARGV - 2), 3 do ids[#ids + 1] = ARGV[i] end
  local held = redis.call('HMGET', owners, unpack(ids))
  local done, remember = {}, {}
  for i, id in ipairs(ids) do
    local at = first + 3 * (i - 1)
    if held[i] == ARGV[at + 1] then
      done[#done + 1] = id
      if window > 0 and ARGV[at + 2] ~= '' then
        remember[#remember + 1], remember[#remember + 2] = ms(now + window), ARGV[at + 2]
      end
    else
      lost[#lost + 1] = (at - 3) / 3 + 1
    end
  end
  if #remember > 0 then redis.call('ZADD', seen, unpack(remember)) end
  if #done > 0 then
    redis.call('ZREM', leases, unpack(done))
    redis.call('HDEL', owners, unpack(done))
    redis.call('HDEL', attempts, unpack(done))
    redis.call('HDEL', reasons, unpack(done))
    redis.call('HDEL', bodies, unpack(done))
  end
end
if window > 0 then
  local old = redis.call('ZRANGEBYSCORE', seen, '-inf', ms(now), 'LIMIT', 0, 1000)
  if #old > 0 then redis.call('ZREM', seen, unpack(old)) end
  local over = math.min(redis.call('ZCARD', seen) - most, 1000)
  if over > 0 then redis.call('ZREMRANGEBYRANK', seen, 0, over - 1) end
end
return lost
