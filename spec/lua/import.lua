-- import: store messages as dead letters.
--
-- ARGV: token, then body, reason, attempts, time of the first attempt and time
-- of death in ms of each message; a time of 0 means now.
-- Reply: the id of each message.
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

local token, number, ids = ARGV[1], (#ARGV - 1) / 5, {}
for i = 1, number do
  local at = 5 * i - 3
  local first, last = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  if last <= 0 then last = now end
  first = first > 0 and string.format('%016.0f', 1000 * first) or time[1] .. string.rep('0', 6 - #time[2]) .. time[2]
  local id = first .. '-' .. token .. '-' .. number .. '-' .. 1000 + i
  redis.call('HSET', bodies, id, ARGV[at])
  redis.call('HSET', attempts, id, ARGV[at + 2] .. ' 0')
  redis.call('HSET', reasons, id, ARGV[at + 1])
  redis.call('ZADD', dead, ms(last), id)
  ids[i] = id
end
return ids
