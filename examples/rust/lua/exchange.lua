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
-- A call reads every key that it uses, and so checks its type, before it changes
-- anything. Functions for rare cases are created only in these cases, and others use
-- none of the local variables around them: creating a function, or what it needs to keep
-- a variable, takes longer than processing one message.
local function wrong()
  local kinds = {'queue', 'staging', 'bodies', 'claims', 'retries', 'suspects', 'dead', 'attempts', 'reasons', 'seen'}
  local types = {'list', 'list', 'hash', 'zset', 'zset', 'zset', 'zset', 'hash', 'hash', 'zset'}
  for i, expected in ipairs(types) do
    local actual = redis.call('TYPE', KEYS[i]).ok
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
local function size_of(claim) return math.min(tonumber(string.match(claim, '%-(%d+)$', -5) or 0), 1000) end

-- mark_of returns the position of the mark in the name of a claim of a retry or suspect.
local function mark_of(claim) return string.find(claim, '/', 1, true) or string.find(claim, '!', 1, true) end

local function exchange()
  local call = redis.call
  local queue, staging, bodies, claims, retries, suspects, dead, attempts, reasons, seen = unpack(KEYS)
  local window, acks, nacks, ended = tonumber(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  local at, none = 6, {}
  local time, micros, now_text, now
  if window > 0 or #ARGV > 5 + 3 * acks + ended then -- The call does more than to acknowledge.
    time = call('TIME')
    micros = time[2]
    if #micros < 6 then micros = string.rep('0', 6 - #micros) .. micros end
    now_text = time[1] .. string.sub(micros, 1, 3)
    now = tonumber(now_text)
  end
  local failing = acks + nacks + ended > 0 and call('HLEN', attempts) > 0

  -- Acknowledgements. A claim that no longer exists acknowledges nothing, and neither does
  -- the first claim of a fresh message that has failed since: it belongs to a later claim.
  local done, deleted, ends, cleared, remembered, lost, position = {}, {}, {}, none, none, none, 0
  local last, live
  for _ = 1, acks do
    local claim, length = ARGV[at], 1
    if ARGV[at + 1] ~= ARGV[at + 2] then length = ARGV[at + 2] - ARGV[at + 1] + 1 end
    if claim ~= last then last, live = claim, call('ZSCORE', claims, claim) end
    local mark, before, moved = mark_of(claim), #done, none
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
          remembered[#remembered + 1], remembered[#remembered + 2] = string.format('%d', now + window), ARGV[at + i - 1]
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

  -- A claim of one message that is no turn of failed messages takes a fresh message if
  -- there is one. Only another claim looks for claims to end, and for messages that have
  -- failed.
  local token, lease, count, suspect, turn = ARGV[at], ARGV[at + 1], 0, false, ARGV[at + 7] == '1'
  local claiming, looking, heads, out, stray, died = token ~= nil, false, none, false, none, none
  if claiming then
    count, suspect, looking = math.min(tonumber(ARGV[at + 2]), 1000), ARGV[at + 6] == '1', true
    if count == 1 and not turn then
      heads = {call('LINDEX', staging, '-1')}
      if not heads[1] then heads[2] = call('LINDEX', queue, '-1') end
      looking = not (heads[1] or heads[2])
    end
  end
  if looking then
    failing = failing or call('HLEN', attempts) > 0
    out = call('ZRANGEBYSCORE', claims, '-inf', now_text, 'LIMIT', '0', '1')[1]
  end

  local counts, ms
  if failing or out or nacks > 0 then
    ms = function(n) return string.format('%d', n) end
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
      local mark = mark_of(claim)
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
  end

  if out then
    local final = tonumber(ARGV[at + 5])
    died = {}
    -- expire ends a claim whose lease has expired. It pardons the delivery, except that of
    -- a suspect, which was the only message of its receiver: after its last attempt it
    -- becomes a dead letter. A message becomes a retry at its first pardon, and a suspect
    -- at the next.
    local function expire(claim)
      local mark = mark_of(claim)
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
  local bytes, limit = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  if count > 0 then
    local size, choose, due, next_due = 0, nil, none, 1
    if looking and failing then
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
        next_due = choose(retries, '/', due, 1, math.max(1, math.floor(count / 8)))
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
          local head = heads[place]
          if head == nil then head = call('LINDEX', place == 1 and staging or queue, '-1') end
          found = head and {head} or none
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
  end
  -- End the claims that hold no message. The receiver cannot know that: a promoted replica
  -- may have lost its earlier acknowledgements. A claim whose messages were all deleted by
  -- this call needs no lookup.
  for i = first_end, first_end + ended - 1 do
    local claim = ARGV[i]
    local holds = deleted[claim] == nil or deleted[claim] ~= size_of(claim)
    if holds then
      local mark, ids, left = mark_of(claim), {}, {}
      if mark then
        local id = string.sub(claim, 1, mark - 1)
        if string.match(call('HGET', attempts, id) or '', '%S*$') == string.sub(claim, mark + 1) then left[1] = id end
      else
        names(ids, claim, 1001, 1000 + size_of(claim))
        local moved = failing and #ids > 0 and call('HMGET', attempts, unpack(ids)) or none
        for n, id in ipairs(ids) do
          if not moved[n] then left[#left + 1] = id end
        end
      end
      holds = false
      for _, body in ipairs(#left > 0 and call('HMGET', bodies, unpack(left)) or none) do holds = holds or body end
    end
    if not holds then ends[#ends + 1] = claim end
  end
  if #ends > 0 then call('ZREM', claims, unpack(ends)) end

  for i = 1, #stale, 2 do
    call('HDEL', attempts, stale[i + 1])
    call('HDEL', reasons, stale[i + 1])
    call('ZREM', stale[i], stale[i + 1])
  end
  local name, deadline = '', nil
  if #fresh > 0 or long then name = time[1] .. micros .. '-' .. token .. '-' .. (#fresh == 1 and '1' or #fresh) end
  if #large > 0 or long then
    if died == none then died = {} end
    local function die(id, length)
      local reason = '{"code":"malformed","error":"the message has ' .. string.format('%d', length) .. ' bytes; the receiver takes at most '
        .. string.format('%d', limit) .. ' (LIMIT-3)"}'
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
  if #fresh > 0 or #failed > 0 then deadline = string.format('%d', now + lease) end
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
  if #fresh > 0 then call('ZADD', claims, deadline, name) end
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
  if from_staging > 0 then call('LTRIM', staging, '0', from_staging == 1 and '-2' or -1 - from_staging) end
  if from_queue > 0 then call('LTRIM', queue, '0', from_queue == 1 and '-2' or -1 - from_queue) end

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
  local most = #stray > 0 and 4 or #lost > 0 and 3 or #died > 0 and 2 or #failures > 0 and 1 or 0
  if most > 0 then
    local more = {failures, died, lost, stray}
    for i = 1, most do answer[3 + i] = more[i] end
  end
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
