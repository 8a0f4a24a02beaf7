-- exchange: acknowledge and nack messages, end claims, and claim messages.
--
-- ARGV: for how many ms events are remembered, or 0, and how many at most; the
-- numbers of acknowledgements, of nacks and of claims that end. Then
--   of each acknowledgement: claim, index of its first and of its last message;
--     and, where events are remembered, the event of each message, or '';
--   of each nack: claim, index, delay in ms or -1, reason;
--   of each claim that ends: its name;
--   to claim messages: token, lease in ms, most messages, most bytes, most bytes of
--     a message, most attempts, 1 to permit a suspect, 1 where it is the turn of
--     messages that have failed.
-- Answer: the positions, from 1, of acknowledgements and of nacks that were lost;
-- ms until something is due, or -1; the name of the claim of fresh messages; their
-- bodies; claim, deliveries, pardons, reason and body of each message that has
-- failed before; id and reason of each that died.
--
-- Whatever a call uses is read, and so known to be of the right type, before
-- anything is written.
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
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function ms(n) return string.format('%.0f', n) end
-- counts reads an entry of attempts: deliveries, those that are pardoned, and the
-- token of the last claim. What is no such entry counts as no delivery.
local function counts(entry)
  local deliveries, pardons, token = string.match(entry or '', '^(%d+) ?(%d*) ?(%S*)$')
  if not deliveries or #deliveries > 9 or #pardons > 9 then return 0, 0, '' end
  return tonumber(deliveries), tonumber(pardons) or 0, token
end
-- expire ends a claim whose lease has run out. Its messages become suspects. The
-- delivery is pardoned, but not that of a suspect, which the receiver had by itself:
-- after the last attempt the message is dead.
local function expire(claim, last, died)
  local mark = string.find(claim, '[/!]')
  local function suspect(id, deliveries, pardons)
    if last and deliveries - pardons >= last and mark and string.sub(claim, mark, mark) == '!' then
      redis.call('ZADD', dead, ms(now), id)
      died[#died + 1], died[#died + 2] = id, '{"code":"expired"}'
    else
      redis.call('ZADD', suspects, ms(now), id)
    end
    redis.call('HSET', attempts, id, ms(deliveries) .. ' ' .. ms(pardons))
    redis.call('HSET', reasons, id, '{"code":"expired"}')
  end
  local size = 1
  if mark then
    local id = string.sub(claim, 1, mark - 1)
    local deliveries, pardons, token = counts(redis.call('HGET', attempts, id))
    if token ~= string.sub(claim, mark + 1) then
      -- The message belongs to a later claim.
    elseif redis.call('HEXISTS', bodies, id) == 1 then
      if string.sub(claim, mark, mark) == '/' then pardons = pardons + 1 end
      suspect(id, deliveries, pardons)
    else
      redis.call('HDEL', attempts, id) -- There is nothing to deliver.
      redis.call('HDEL', reasons, id)
    end
  else
    size = math.min(tonumber(string.match(claim, '%-(%d+)$')) or 0, 1000)
    for i = 1, size do
      local id = claim .. '-' .. 1000 + i
      if redis.call('HEXISTS', bodies, id) == 1 and redis.call('HEXISTS', attempts, id) == 0 then suspect(id, 1, 1) end
    end
  end
  redis.call('ZREM', claims, claim)
  return size
end

local function exchange()
  local window, most = tonumber(ARGV[1]), tonumber(ARGV[2])
  local acks, nacks, ended = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  local at = 6

  -- live tells whether a claim is. Nothing is done under one that is not.
  local last, score
  local function live(claim)
    if claim ~= last then last, score = claim, redis.call('ZSCORE', claims, claim) end
    return score
  end

  -- What is acknowledged. A fresh message that has failed since belongs to a later
  -- claim, and no more to that of its first delivery.
  local done, cleared, ends, remembered, lost, position = {}, {}, {}, {}, {}, 0
  local failed = acks > 0 and redis.call('HLEN', attempts) > 0
  for _ = 1, acks do
    local claim, first, length = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]) - ARGV[at + 1] + 1
    at = at + 3
    local mark = string.find(claim, '[/!]')
    local ids, moved = {}, {}
    if not live(claim) then
      for i = 1, length do moved[i] = true end
    elseif mark then
      ids[1] = string.sub(claim, 1, mark - 1)
      cleared[#cleared + 1] = ids[1]
      ends[#ends + 1] = claim
    else
      local begin = claim .. '-'
      for i = 1, length do ids[i] = begin .. first + i - 1 end
      if failed then moved = redis.call('HMGET', attempts, unpack(ids)) end
    end
    for i = 1, length do
      if moved[i] then
        lost[#lost + 1] = position + i
      else
        done[#done + 1] = ids[i]
        if window > 0 and ARGV[at + i - 1] ~= '' then
          remembered[#remembered + 1], remembered[#remembered + 2] = ms(now + window), ARGV[at + i - 1]
        end
      end
    end
    position = position + length
    if window > 0 then at = at + length end
  end
  if window > 0 then redis.call('ZCARD', seen) end
  local nack = at
  at = at + 4 * nacks
  for i = at, at + ended - 1 do ends[#ends + 1] = ARGV[i] end
  at = at + ended
  local token, lease, count, bytes, limit, attempt = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]) or 0, tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local permitted, turn = ARGV[at + 6] == '1', ARGV[at + 7] == '1'
  count = math.min(count, 1000)
  local claiming = token and true
  local next_out = claiming and redis.call('ZRANGE', claims, 0, 0, 'WITHSCORES')[2]
  local out = next_out and tonumber(next_out) <= now
  local died = {}

  local function settle()
    -- The first write needs no memory, so that Redis lets the others through at maxmemory.
    if #done == 0 then done[1] = '' end
    for i = 1, #done, 1000 do redis.call('HDEL', bodies, unpack(done, i, math.min(i + 999, #done))) end
    if #cleared > 0 then
      redis.call('HDEL', attempts, unpack(cleared))
      redis.call('HDEL', reasons, unpack(cleared))
    end
    if #remembered > 0 then
      redis.call('ZADD', seen, unpack(remembered))
      if redis.call('PTTL', seen) < window then redis.call('PEXPIRE', seen, ms(window)) end
    end
    if window > 0 then
      local old = redis.call('ZRANGEBYSCORE', seen, '-inf', ms(now), 'LIMIT', 0, 1000)
      if #old > 0 then redis.call('ZREM', seen, unpack(old)) end
      local over = math.min(redis.call('ZCARD', seen) - most, 1000)
      if over > 0 then redis.call('ZREMRANGEBYRANK', seen, 0, over - 1) end
    end
    local stray = {}
    for i = nack, nack + 4 * nacks - 1, 4 do
      local claim, delay, reason = ARGV[i], tonumber(ARGV[i + 2]), ARGV[i + 3]
      local mark = string.find(claim, '[/!]')
      local id = mark and string.sub(claim, 1, mark - 1) or claim .. '-' .. ARGV[i + 1]
      if redis.call('ZSCORE', claims, claim) and (mark or redis.call('HEXISTS', attempts, id) == 0) and redis.call('HEXISTS', bodies, id) == 1 then
        if delay < 0 then
          redis.call('ZADD', dead, ms(now), id)
        else
          redis.call('ZADD', retries, ms(now + math.max(1, delay)), id)
        end
        redis.call('HSET', reasons, id, reason)
        if mark then redis.call('ZREM', claims, claim) else redis.call('HSET', attempts, id, '1 0') end
      else
        stray[#stray + 1] = (i - nack) / 4 + 1
      end
    end
    if #ends > 0 then redis.call('ZREM', claims, unpack(ends)) end
    return stray
  end

  -- plan reads what is to be claimed, and writes nothing.
  local function plan()
    local p = {fresh = {}, failed = {}, stale = {}, large = {}, staged = 0, queued = 0}
    if not claiming or count == 0 then return p end
    local size = 0
    -- choose takes messages that have failed, whose bytes are known beforehand.
    local function choose(set, mark, ids, from, number)
      for i = from, #ids do
        if #p.failed >= number then return i end
        local id = ids[i]
        local length = redis.call('HSTRLEN', bodies, id)
        if length > limit then
          p.large[#p.large + 1], p.large[#p.large + 2], p.large[#p.large + 3] = id, set, length
        else
          if #p.failed > 0 and size + length > bytes then return #ids + 1 end
          local body = redis.call('HGET', bodies, id)
          if body then
            local deliveries, pardons = counts(redis.call('HGET', attempts, id))
            size = size + length
            p.failed[#p.failed + 1] = {set, id, mark, deliveries + 1, math.min(pardons, deliveries), redis.call('HGET', reasons, id) or '', body}
          else
            p.stale[#p.stale + 1], p.stale[#p.stale + 2] = set, id -- There is nothing to deliver.
          end
        end
      end
      return #ids + 1
    end
    local function take(list)
      local n, step = 0, 1
      while not p.full and #p.fresh < p.room do
        step = math.min(step, p.room - #p.fresh)
        local found = redis.call('LRANGE', list, -n - step, -n - 1)
        for i = #found, 1, -1 do
          local body = found[i]
          if #body > limit then
            p.full, p.over, n = true, body, n + 1
            break
          end
          p.full = #p.fresh > 0 and size + #body > bytes
          if p.full then break end
          n, size = n + 1, size + #body
          p.fresh[#p.fresh + 1] = body
        end
        if #found < step then break end
        step = math.min(2 * step, 16)
      end
      return n
    end
    if permitted and turn then
      choose(suspects, '!', redis.call('ZRANGEBYSCORE', suspects, '-inf', ms(now), 'LIMIT', 0, 10), 1, 1)
      if #p.failed > 0 then return p end
    end
    local due = redis.call('ZRANGEBYSCORE', retries, '-inf', ms(now), 'LIMIT', 0, count)
    local share = count == 1 and (turn and 1 or 0) or math.max(1, math.floor(count / 8))
    local from = choose(retries, '/', due, 1, share)
    p.room = count - #p.failed
    p.staged = take(staging)
    p.queued = take(queue)
    choose(retries, '/', due, from, count - #p.fresh)
    if #p.fresh == 0 and #p.failed == 0 and permitted then
      choose(suspects, '!', redis.call('ZRANGEBYSCORE', suspects, '-inf', ms(now), 'LIMIT', 0, 10), 1, 1)
    end
    return p
  end

  local p, stray
  if nacks > 0 or out or #cleared > 0 then
    local fault = wrong()
    if fault then return fault end
    stray = settle()
    if out then
      local size = 0
      for _, claim in ipairs(redis.call('ZRANGEBYSCORE', claims, '-inf', ms(now), 'LIMIT', 0, 100)) do
        size = size + expire(claim, attempt, died)
        if size >= 100 then break end
      end
    end
    p = plan()
  else
    p = plan()
    if #p.failed > 0 or #p.stale > 0 or #p.large > 0 or p.over then
      local fault = wrong()
      if fault then return fault end
    end
    stray = settle()
  end
  if not claiming then return {lost, stray, -1, '', {}, {}, {}} end

  for i = 1, #p.stale, 2 do
    redis.call('HDEL', attempts, p.stale[i + 1])
    redis.call('HDEL', reasons, p.stale[i + 1])
    redis.call('ZREM', p.stale[i], p.stale[i + 1])
  end
  local function die(id, length)
    local reason = '{"code":"malformed","error":"the message has ' .. ms(length) .. ' bytes; the receiver takes at most ' .. ms(limit) .. ' (LIMIT-3)"}'
    redis.call('ZADD', dead, ms(now), id)
    redis.call('HSET', reasons, id, reason)
    died[#died + 1], died[#died + 2] = id, reason
  end
  for i = 1, #p.large, 3 do
    die(p.large[i], p.large[i + 2])
    redis.call('ZREM', p.large[i + 1], p.large[i])
  end

  local deadline, failures = ms(now + lease), {}
  for _, m in ipairs(p.failed) do
    local set, id, mark, deliveries, pardons, reason, body = unpack(m)
    local claim = id .. mark .. token
    redis.call('ZADD', claims, deadline, claim)
    redis.call('HSET', attempts, id, ms(deliveries) .. ' ' .. ms(pardons) .. ' ' .. token)
    redis.call('ZREM', set, id)
    local to = #failures
    failures[to + 1], failures[to + 2], failures[to + 3], failures[to + 4], failures[to + 5] = claim, deliveries, pardons, reason, body
  end

  local name = ''
  if #p.fresh > 0 or p.over then
    name = time[1] .. string.rep('0', 6 - #time[2]) .. time[2] .. '-' .. token .. '-' .. #p.fresh
    if p.over then
      local id = name .. '-1000'
      redis.call('HSET', bodies, id, p.over)
      redis.call('HSET', attempts, id, '1 0')
      die(id, #p.over)
    end
    local begin = name .. '-'
    for first = 1, #p.fresh, 500 do
      local pairs = {}
      for i = first, math.min(first + 499, #p.fresh) do
        pairs[2 * (i - first) + 1], pairs[2 * (i - first) + 2] = begin .. 1000 + i, p.fresh[i]
      end
      redis.call('HSET', bodies, unpack(pairs))
    end
    if #p.fresh > 0 then redis.call('ZADD', claims, deadline, name) end
    if p.staged > 0 then redis.call('LTRIM', staging, 0, -1 - p.staged) end
    if p.queued > 0 then redis.call('LTRIM', queue, 0, -1 - p.queued) end
  end

  local due = -1
  if #p.fresh == 0 and #p.failed == 0 then
    if #died > 0 then due = 0 end
    for _, set in ipairs({retries, claims}) do
      local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
      if first then
        local left = math.max(0, math.ceil(tonumber(first) - now))
        if due < 0 or left < due then due = left end
      end
    end
  end
  return {lost, stray, due, #p.fresh > 0 and name or '', p.fresh, failures, died}
end

local ok, answer = pcall(exchange)
if ok then return answer end
local fault = wrong()
if fault then return fault end
error(answer, 0)
