-- exchange: acknowledge and nack messages, end claims, and claim messages.
--
-- ARGV: the time in ms for which events are remembered, or 0, and the max number of
-- remembered events; the numbers of runs of acknowledgements, of nacks and of claims that
-- end. Then
--   of each run of acknowledgements: claim, index of its first and of its last message;
--     and, if events are remembered, the event of each message, or '';
--   of each nack: claim, index, delay in ms or -1, reason;
--   of each claim that ends: its name. A claim that still has a message does not end;
--   to claim messages: token, lease in ms, max messages, max bytes, max bytes of a
--     message, max attempts, 1 to permit a suspect, 1 to prefer messages that have
--     failed.
-- Reply: ms until something is due, or -1; the name of the claim of fresh messages,
-- or ''; their bodies; claim, deliveries, pardons, reason and body of each message
-- that has failed before; id and reason of each new dead letter; the positions, from 1,
-- of lost acknowledgements; and those of lost nacks. Empty arrays at the end are omitted.
--
-- A call reads every key that it uses, and so checks its type, before it writes
-- anything. Functions for rare cases are created only in these cases: creating them takes
-- longer than processing one message.
local call = redis.call
local queue, staging, bodies, claims, retries, suspects, dead, attempts, reasons, seen = unpack(KEYS)
local function wrong()
  local kinds = {'queue', 'staging', 'bodies', 'claims', 'retries', 'suspects', 'dead', 'attempts', 'reasons', 'seen'}
  local types = {'list', 'list', 'hash', 'zset', 'zset', 'zset', 'zset', 'hash', 'hash', 'zset'}
  for i, expected in ipairs(types) do
    local actual = call('TYPE', KEYS[i]).ok
    if actual ~= 'none' and actual ~= expected then
      return redis.error_reply('WRONGTYPE the key of kind ' .. kinds[i] .. ' is a ' .. actual .. ', not a ' .. expected)
    end
  end
end

-- names appends the ids of a claim's messages with these indexes to a list. It formats
-- one number for ten ids, because formatting is the most expensive part.
local function names(list, claim, first, last)
  local digits = {[0] = '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'}
  local n = #list
  while first <= last do
    local tens = math.floor(first / 10)
    local begin, unit = claim .. '-' .. tens, first - 10 * tens
    local final = math.min(9, unit + last - first)
    for i = unit, final do
      n = n + 1
      list[n] = begin .. digits[i]
    end
    first = first + final - unit + 1
  end
end

-- size_of returns the original number of messages of a claim of fresh messages.
local function size_of(claim) return math.min(tonumber(string.match(claim, '%-(%d+)$') or 0), 1000) end

-- holds reports whether a claim has a message.
local function holds(claim, failing)
  local mark = string.find(claim, '[/!]')
  if mark then
    local id = string.sub(claim, 1, mark - 1)
    return call('HEXISTS', bodies, id) == 1 and string.match(call('HGET', attempts, id) or '', '%S*$') == string.sub(claim, mark + 1)
  end
  local ids, left = {}, {}
  names(ids, claim, 1001, 1000 + size_of(claim))
  if failing and #ids > 0 then
    for i, failed in ipairs(call('HMGET', attempts, unpack(ids))) do
      if not failed then left[#left + 1] = ids[i] end
    end
  else
    left = ids
  end
  if #left > 0 then
    for _, body in ipairs(call('HMGET', bodies, unpack(left))) do
      if body then return true end
    end
  end
  return false
end

-- finish ends these claims, and the claims of ARGV that have no message left. The
-- receiver cannot know that: a promoted replica may have lost its earlier
-- acknowledgements. A claim whose messages were all deleted by this call needs no
-- lookup.
local function finish(ends, first, number, deleted, failing)
  for i = first, first + number - 1 do
    local claim = ARGV[i]
    local n = deleted[claim]
    if n and n == size_of(claim) or not holds(claim, failing) then ends[#ends + 1] = claim end
  end
  if #ends > 0 then call('ZREM', claims, unpack(ends)) end
end

local function exchange()
  local time = call('TIME')
  local micros = string.rep('0', 6 - #time[2]) .. time[2]
  local now_text = time[1] .. string.sub(micros, 1, 3)
  local now = tonumber(now_text)
  local window, acks, nacks, ended = tonumber(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  local at, none = 6, {}
  local failing = call('HLEN', attempts) > 0

  -- Acknowledgements. A claim that no longer exists acknowledges nothing, and neither does
  -- the first claim of a fresh message that has failed since: it belongs to a later claim.
  local done, deleted, ends, cleared, remembered, lost, position = {}, {}, {}, none, none, none, 0
  local last, live
  for _ = 1, acks do
    local claim, length = ARGV[at], 1
    if ARGV[at + 1] ~= ARGV[at + 2] then length = ARGV[at + 2] - ARGV[at + 1] + 1 end
    if claim ~= last then last, live = claim, call('ZSCORE', claims, claim) end
    local mark, before, moved = string.find(claim, '[/!]'), #done, none
    if not live then
      if lost == none then lost = {} end
      for i = 1, length do lost[#lost + 1] = position + i end
    elseif mark then
      done[before + 1] = string.sub(claim, 1, mark - 1)
      ends[#ends + 1] = claim
      if cleared == none then cleared = {} end
      cleared[#cleared + 1] = done[before + 1]
    elseif length == 1 and not failing then
      done[before + 1] = claim .. '-' .. ARGV[at + 1]
    else
      names(done, claim, tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]))
      if failing then moved = call('HMGET', attempts, unpack(done, before + 1)) end
      local n = before
      for i = 1, #moved do
        local id = done[before + i]
        done[before + i] = nil
        if moved[i] then
          if lost == none then lost = {} end
          lost[#lost + 1] = position + i
        else
          n = n + 1
          done[n] = id
        end
      end
    end
    if ended > 0 then deleted[claim] = (deleted[claim] or 0) + #done - before end
    at = at + 3
    if window > 0 then
      if remembered == none then remembered = {} end
      for i = 1, length do
        if live and not moved[i] and ARGV[at + i - 1] ~= '' then
          remembered[#remembered + 1], remembered[#remembered + 2] = string.format('%.0f', now + window), ARGV[at + i - 1]
        end
      end
      at = at + length
    end
    position = position + length
  end
  local nack = at
  at = at + 4 * nacks
  local first_end = at
  at = at + ended
  local token = ARGV[at]
  local claiming, out, stray, died = token ~= nil, false, none, none
  if claiming then
    out = call('ZRANGE', claims, '0', '0', 'WITHSCORES')[2]
    out = out and tonumber(out) <= now
  end

  local counts, ms
  if failing or out or nacks > 0 then
    ms = function(n) return string.format('%.0f', n) end
    -- counts parses an entry of attempts: deliveries, pardoned deliveries, and the token
    -- of the last claim. It returns no delivery for an entry that cannot be parsed.
    counts = function(entry)
      local deliveries, pardons, token = string.match(entry or '', '^(%d+) ?(%d*) ?(%S*)$')
      if not deliveries or #deliveries > 9 or #pardons > 9 then return 0, 0, '' end
      return tonumber(deliveries), tonumber(pardons) or 0, token
    end
  end

  local settled = nacks > 0 or out or window > 0 or #cleared > 0
  if settled then
    local fault = wrong()
    if fault then return fault end
    -- The first write needs no memory, so that Redis permits the others at maxmemory.
    if #done == 0 then done[1] = '' end
    if call('HDEL', bodies, unpack(done)) < #done then deleted = none end
    if #cleared > 0 then
      call('HDEL', attempts, unpack(cleared))
      call('HDEL', reasons, unpack(cleared))
    end
    if #remembered > 0 then
      call('ZADD', seen, unpack(remembered))
      if call('PTTL', seen) < window then call('PEXPIRE', seen, ARGV[1]) end
    end
    if window > 0 then
      local old = call('ZRANGEBYSCORE', seen, '-inf', now_text, 'LIMIT', 0, 1000)
      if #old > 0 then call('ZREM', seen, unpack(old)) end
      local over = math.min(call('ZCARD', seen) - ARGV[2], 1000)
      if over > 0 then call('ZREMRANGEBYRANK', seen, 0, over - 1) end
    end
    if nacks > 0 then stray = {} end
    for i = nack, nack + 4 * nacks - 1, 4 do
      local claim, delay, reason = ARGV[i], tonumber(ARGV[i + 2]), ARGV[i + 3]
      local mark = string.find(claim, '[/!]')
      local id = mark and string.sub(claim, 1, mark - 1) or claim .. '-' .. ARGV[i + 1]
      if call('ZSCORE', claims, claim) and (mark or call('HEXISTS', attempts, id) == 0) and call('HEXISTS', bodies, id) == 1 then
        if delay < 0 then
          call('ZADD', dead, now_text, id)
        else
          call('ZADD', retries, ms(now + math.max(1, delay)), id)
        end
        call('HSET', reasons, id, reason)
        if mark then call('ZREM', claims, claim) else call('HSET', attempts, id, '1 0') end
      else
        stray[#stray + 1] = (i - nack) / 4 + 1
      end
    end
    finish(ends, first_end, ended, deleted, failing or nacks > 0)
  end

  if out then
    local final = tonumber(ARGV[at + 5])
    died = {}
    -- expire ends a claim whose lease has expired. It pardons the delivery, except that of
    -- a suspect, which was the only message of its receiver: after its last attempt it
    -- becomes a dead letter. A message becomes a retry at its first pardon, and a suspect
    -- at the next.
    local function expire(claim)
      local mark = string.find(claim, '[/!]')
      local alone = mark and string.sub(claim, mark, mark) == '!'
      local function expired(id, deliveries, pardons)
        if not alone then pardons = pardons + 1 end
        if alone and deliveries - pardons >= final then
          call('ZADD', dead, now_text, id)
          died[#died + 1], died[#died + 2] = id, '{"code":"expired"}'
        else
          call('ZADD', (alone or pardons > 1) and suspects or retries, now_text, id)
        end
        call('HSET', attempts, id, ms(deliveries) .. ' ' .. ms(pardons))
        call('HSET', reasons, id, '{"code":"expired"}')
      end
      local size = 1
      if mark then
        local id = string.sub(claim, 1, mark - 1)
        local deliveries, pardons, owner = counts(call('HGET', attempts, id))
        if owner ~= string.sub(claim, mark + 1) then
          -- The message belongs to a later claim.
        elseif call('HEXISTS', bodies, id) == 1 then
          expired(id, deliveries, pardons)
        else
          call('HDEL', attempts, id) -- The message has no body.
          call('HDEL', reasons, id)
        end
      else
        size = size_of(claim)
        for i = 1, size do
          local id = claim .. '-' .. 1000 + i
          if call('HEXISTS', bodies, id) == 1 and call('HEXISTS', attempts, id) == 0 then expired(id, 1, 0) end
        end
      end
      call('ZREM', claims, claim)
      return size
    end
    local size = 0
    for _, claim in ipairs(call('ZRANGEBYSCORE', claims, '-inf', now_text, 'LIMIT', 0, 100)) do
      size = size + expire(claim)
      if size >= 100 then break end
    end
    failing = true
  elseif nacks > 0 then
    failing = true
  end

  -- Choose the messages to claim. This part only reads.
  local fresh, failed, stale, large, long, from_staging, from_queue = none, none, none, none, nil, 0, 0
  local lease, count, bytes, limit, suspect, turn = ARGV[at + 1], 0, tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), false, ARGV[at + 7] == '1'
  if claiming then
    count = math.min(tonumber(ARGV[at + 2]), 1000)
    suspect = ARGV[at + 6] == '1'
  end
  if count > 0 then
    local size, choose, due, next_due = 0, nil, none, 1
    if failing then
      failed, stale, large = {}, {}, {}
      -- choose takes messages that have failed, whose lengths are known, and returns the
      -- index at which it stopped.
      choose = function(set, mark, ids, from, number)
        for i = from, #ids do
          if #failed >= number then return i end
          local id = ids[i]
          local length = call('HSTRLEN', bodies, id)
          if length > limit then
            large[#large + 1], large[#large + 2], large[#large + 3] = id, set, length
          else
            if #failed > 0 and size + length > bytes then return #ids + 1 end
            local body = call('HGET', bodies, id)
            if body then
              local deliveries, pardons = counts(call('HGET', attempts, id))
              size = size + length
              failed[#failed + 1] = {set, id, mark, deliveries + 1, math.min(pardons, deliveries), call('HGET', reasons, id) or '', body}
            else
              stale[#stale + 1], stale[#stale + 2] = set, id -- The message has no body.
            end
          end
        end
        return #ids + 1
      end
      if suspect and turn then
        choose(suspects, '!', call('ZRANGEBYSCORE', suspects, '-inf', now_text, 'LIMIT', 0, 10), 1, 1)
        if #failed > 0 then count = 0 end -- A suspect is claimed alone.
      end
      if count > 0 then
        due = call('ZRANGEBYSCORE', retries, '-inf', now_text, 'LIMIT', 0, count)
        next_due = choose(retries, '/', due, 1, count == 1 and (turn and 1 or 0) or math.max(1, math.floor(count / 8)))
      end
    end
    -- Read fresh messages from the right: few at first, and never many at once, because
    -- their lengths are unknown.
    local room, have, full = count - #failed, 0, false
    fresh = {}
    for place = 1, 2 do
      local n, step = 0, 1
      while not full and have < room do
        local found
        if n == 0 then
          found = call('LRANGE', place == 1 and staging or queue, '-1', '-1')
        else
          step = math.min(step, room - have)
          found = call('LRANGE', place == 1 and staging or queue, -n - step, -n - 1)
        end
        local number = #found
        for i = number, 1, -1 do
          local body = found[i]
          local length = #body
          if length > limit then
            full, long, n = true, body, n + 1
            break
          elseif size + length > bytes and have > 0 then
            full = true
            break
          end
          n, have, size = n + 1, have + 1, size + length
          fresh[have] = body
        end
        if number < step then break end
        step = math.min(2 * step, 16, math.max(1, math.floor((bytes - size) * have / (size + 1))))
      end
      if place == 1 then from_staging = n else from_queue = n end
    end
    if choose then
      choose(retries, '/', due, next_due, count - have)
      if suspect and not turn and have == 0 and #failed == 0 then
        choose(suspects, '!', call('ZRANGEBYSCORE', suspects, '-inf', now_text, 'LIMIT', 0, 10), 1, 1)
      end
    end
  end

  if not settled then
    if #failed > 0 or #stale > 0 or #large > 0 or long then
      local fault = wrong()
      if fault then return fault end
    end
    -- The first write needs no memory, so that Redis permits the others at maxmemory.
    if #done == 0 then done[1] = '' end
    if call('HDEL', bodies, unpack(done)) < #done then deleted = none end
    finish(ends, first_end, ended, deleted, failing)
  end

  for i = 1, #stale, 2 do
    call('HDEL', attempts, stale[i + 1])
    call('HDEL', reasons, stale[i + 1])
    call('ZREM', stale[i], stale[i + 1])
  end
  local name, deadline = '', nil
  if #fresh > 0 or long then name = time[1] .. micros .. '-' .. token .. '-' .. #fresh end
  if #large > 0 or long then
    if died == none then died = {} end
    local function die(id, length)
      local reason = '{"code":"malformed","error":"the message has ' .. string.format('%.0f', length) .. ' bytes; the receiver takes at most '
        .. string.format('%.0f', limit) .. ' (LIMIT-3)"}'
      call('ZADD', dead, now_text, id)
      call('HSET', reasons, id, reason)
      died[#died + 1], died[#died + 2] = id, reason
    end
    for i = 1, #large, 3 do
      die(large[i], large[i + 2])
      call('ZREM', large[i + 1], large[i])
    end
    if long then
      local id = name .. '-1000'
      call('HSET', bodies, id, long)
      call('HSET', attempts, id, '1 0')
      die(id, #long)
    end
  end
  if #fresh > 0 or #failed > 0 then deadline = string.format('%.0f', now + lease) end
  local failures = none
  if #failed > 0 then
    failures = {}
    for _, m in ipairs(failed) do
      local set, id, mark, deliveries, pardons, reason, body = unpack(m)
      local claim, to = id .. mark .. token, #failures
      call('ZADD', claims, deadline, claim)
      call('HSET', attempts, id, ms(deliveries) .. ' ' .. ms(pardons) .. ' ' .. token)
      call('ZREM', set, id)
      failures[to + 1], failures[to + 2], failures[to + 3], failures[to + 4], failures[to + 5] = claim, deliveries, pardons, reason, body
    end
  end
  if #fresh == 1 then
    call('HSET', bodies, name .. '-1001', fresh[1])
  elseif #fresh > 0 then
    local ids = {}
    names(ids, name, 1001, 1000 + #fresh)
    for first = 1, #ids, 500 do
      local pairs, n = {}, 0
      for i = first, math.min(first + 499, #ids) do
        pairs[n + 1], pairs[n + 2] = ids[i], fresh[i]
        n = n + 2
      end
      call('HSET', bodies, unpack(pairs))
    end
  end
  if #fresh > 0 then call('ZADD', claims, deadline, name) end
  if from_staging > 0 then call('LTRIM', staging, '0', -1 - from_staging) end
  if from_queue > 0 then call('LTRIM', queue, '0', -1 - from_queue) end

  local due = -1
  if claiming and #fresh == 0 and #failed == 0 then
    if #died > 0 then due = 0 end
    for _, set in ipairs(failing and {claims, retries} or {claims}) do
      local first = call('ZRANGE', set, '0', '0', 'WITHSCORES')[2]
      if first then
        local left = math.max(0, math.ceil(tonumber(first) - now))
        if due < 0 or left < due then due = left end
      end
    end
  end
  local answer = {due, #fresh > 0 and name or '', fresh}
  local more = {failures, died, lost, stray}
  local most = #stray > 0 and 4 or #lost > 0 and 3 or #died > 0 and 2 or #failures > 0 and 1 or 0
  for i = 1, most do answer[3 + i] = more[i] end
  return answer
end

local ok, answer = pcall(exchange)
if ok then return answer end
local known, fault = pcall(wrong)
if known and fault then return fault end
-- An error of Redis keeps its code. Redis before 7 prepends a line number, and later
-- versions prepend ERR to an error that is raised again.
local text = string.gsub(type(answer) == 'table' and answer.err or tostring(answer), '[\r\n]', '')
text = string.gsub(text, '^@?user_script: ?%d+: %-', '')
if string.match(text, '^%u+ ') then return redis.error_reply(text) end
error(answer, 0)
