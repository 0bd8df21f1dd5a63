/**
 * What Redis runs, each atomically. Every limit is a hash. Of a window its fields are seconds with what was granted in them; of requests in flight and of
 * budgets they are what each process holds (`p:`) and until when (`e:`), and of a budget also what was spent (`spent`) in the period that began at `from`.
 * Time is Redis's own. Amounts are whole numbers, written out, since a reply cuts fractions off.
 */

/** Functions of the scripts. */
const COMMON = `
local t = redis.call('TIME')
local nowMs = t[1] * 1000 + math.floor(t[2] / 1000)
local nowS = tonumber(t[1])
local function text(n) return string.format('%.0f', n) end

local function window(key, counted)
  local all = redis.call('HGETALL', key)
  local sum = 0
  local list = {}
  for i = 1, #all, 2 do
    local second = tonumber(all[i])
    if second <= nowS - counted then redis.call('HDEL', key, all[i])
    else
      local amount = tonumber(all[i + 1])
      sum = sum + amount
      list[#list + 1] = { second, amount }
    end
  end
  return sum, list
end

local function held(key)
  local all = redis.call('HGETALL', key)
  local amounts = {}
  local ends = {}
  local spent = nil
  local from = nil
  for i = 1, #all, 2 do
    local field = all[i]
    local mark = string.sub(field, 1, 2)
    if mark == 'p:' then amounts[string.sub(field, 3)] = tonumber(all[i + 1])
    elseif mark == 'e:' then ends[string.sub(field, 3)] = tonumber(all[i + 1])
    elseif field == 'spent' then spent = tonumber(all[i + 1])
    elseif field == 'from' then from = tonumber(all[i + 1]) end
  end
  local sum = 0
  for who, amount in pairs(amounts) do
    if (ends[who] or 0) <= nowMs then redis.call('HDEL', key, 'p:' .. who, 'e:' .. who)
    else sum = sum + amount end
  end
  return sum, spent, from
end

local function begin(key, from, initial, spent, known)
  if known == nil or spent == nil then spent = initial
  elseif known < from then spent = 0
  else return spent, known end
  redis.call('HSET', key, 'spent', text(spent), 'from', text(from))
  return spent, from
end

local function addTo(key, amount, from)
  local spent = tonumber(redis.call('HGET', key, 'spent'))
  if spent ~= nil and tonumber(redis.call('HGET', key, 'from')) == from then redis.call('HSET', key, 'spent', text(spent + amount)) end
end

local function left(key, from) return 'left:' .. from .. ':' .. key end

-- A report of it that is still under way changes nothing any more.
local function bury(who)
  redis.call('ZREM', KEYS[2], who)
  redis.call('ZREM', KEYS[3], who)
  redis.call('DEL', KEYS[1], KEYS[4])
  redis.call('HSET', KEYS[1], 'report', '1000000000000000')
  redis.call('EXPIRE', KEYS[1], 3600)
end
`;

/**
 * Takes what a request needs of every limit, or nothing of any. KEYS: the budgets of this process, then the limits. ARGV: process, lease in ms, seconds that a
 * window counts, key's life in s, how long a process is remembered in ms, and for each limit: kind (w, s, b), max, need, want besides, start of the period, what
 * was spent in it as far as the process knows, and what the ledger knows a budget by (empty: that was said before).
 * Reply: 1, then second, and for each: granted, left, spent; or 0, then for each: free, used, reserved, time to wait in ms.
 */
export const ACQUIRE = `${COMMON}
local who = ARGV[1]
local lease = tonumber(ARGV[2])
local counted = tonumber(ARGV[3])
local life = ARGV[4]
local facts = {}
local isShort = false
for i = 2, #KEYS do
  local at = 6 + (i - 2) * 7
  local kind = ARGV[at]
  local max = tonumber(ARGV[at + 1])
  local need = tonumber(ARGV[at + 2])
  local fact = { kind = kind, need = need, want = tonumber(ARGV[at + 3]), used = 0, reserved = 0, wait = 0, spent = 0 }
  if kind == 'w' then
    local sum, list = window(KEYS[i], counted)
    fact.used = sum
    fact.free = max - sum
    if fact.free < need then
      table.sort(list, function(a, b) return a[1] < b[1] end)
      local over = need - fact.free
      fact.wait = counted * 1000
      for _, entry in ipairs(list) do
        over = over - entry[2]
        if over <= 0 then fact.wait = (entry[1] + counted) * 1000 - nowMs break end
      end
    end
  else
    local sum, spent, from = held(KEYS[i])
    if kind == 'b' then
      spent, from = begin(KEYS[i], tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]), spent, from)
      fact.used = spent
      fact.spent = spent
      fact.reserved = sum
      fact.free = max - spent - sum
      if spent >= max then fact.free = -1 end
    else
      fact.used = sum
      fact.free = max - sum
    end
    fact.wait = 200
  end
  if fact.free < need then isShort = true end
  facts[i] = fact
end
local reply = {}
if isShort then
  reply[1] = '0'
  for i = 2, #KEYS do
    local fact = facts[i]
    reply[#reply + 1] = text(fact.free)
    reply[#reply + 1] = text(fact.used)
    reply[#reply + 1] = text(fact.reserved)
    reply[#reply + 1] = text(fact.wait)
  end
  return reply
end
reply[1] = '1'
reply[2] = text(nowS)
for i = 2, #KEYS do
  local fact = facts[i]
  local known = ARGV[12 + (i - 2) * 7]
  if known ~= '' then
    redis.call('HSET', KEYS[1], KEYS[i], known)
    redis.call('PEXPIRE', KEYS[1], ARGV[5])
  end
  local unit = math.max(fact.need, 1)
  local more = math.min(fact.want, math.floor((fact.free - fact.need) / 10 / unit) * unit)
  local grant = fact.need + math.max(0, more)
  if grant > 0 then
    if fact.kind == 'w' then
      redis.call('HINCRBYFLOAT', KEYS[i], text(nowS), text(grant))
      redis.call('EXPIRE', KEYS[i], counted + 5)
    else
      redis.call('HINCRBYFLOAT', KEYS[i], 'p:' .. who, text(grant))
      redis.call('HSET', KEYS[i], 'e:' .. who, text(nowMs + lease))
      redis.call('EXPIRE', KEYS[i], life)
    end
  end
  reply[#reply + 1] = text(grant)
  reply[#reply + 1] = text(fact.free - grant)
  reply[#reply + 1] = text(fact.spent)
end
return reply
`;

/**
 * Tells what became of what was taken, once: a report whose number was told already changes nothing. KEYS: this process, those that live, all that have not said
 * that they ended, the budgets of this process, then limits. ARGV: process, lease in ms, seconds that a window counts, key's life in s, how long a process is
 * remembered in ms, number of the report, how many records of the process it includes, whether it is the last one, and for each limit: kind, what the process gives
 * back, the second of it (of a window), what it used besides (of a window: above what was taken; of a budget: spent), start of the period, what the process
 * holds in all (-1: not told), and what the ledger knows a budget by (empty: that was said before). What was spent is only added to: where nobody has said what
 * was spent before, the next process that acquires will, by the ledger. What others held this process for dead and have counted from the ledger, is not
 * counted again. Reply: how many processes live, and how many are gone without a last report.
 */
export const REPORT = `${COMMON}
local who = ARGV[1]
local lease = tonumber(ARGV[2])
local counted = tonumber(ARGV[3])
local life = ARGV[4]
local function reply()
  local processes = redis.call('ZCARD', KEYS[2])
  return { text(processes), text(redis.call('ZCARD', KEYS[3]) - processes) }
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', nowMs)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', nowMs - ARGV[5])
if tonumber(ARGV[6]) <= tonumber(redis.call('HGET', KEYS[1], 'report') or '0') then return reply() end
redis.call('ZADD', KEYS[2], nowMs + lease, who)
redis.call('ZADD', KEYS[3], nowMs, who)
local position = tonumber(redis.call('HGET', KEYS[1], 'position') or '0')
redis.call('HSET', KEYS[1], 'report', ARGV[6], 'position', text(math.max(position, tonumber(ARGV[7]))))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
for i = 5, #KEYS do
  local at = 9 + (i - 5) * 7
  local kind = ARGV[at]
  local back = tonumber(ARGV[at + 1])
  local second = ARGV[at + 2]
  local used = tonumber(ARGV[at + 3])
  if kind == 'w' then
    if back > 0 then
      local amount = tonumber(redis.call('HGET', KEYS[i], second) or '0')
      if amount > 0 then redis.call('HSET', KEYS[i], second, text(math.max(0, amount - back))) end
    end
    if used > 0 then
      redis.call('HINCRBYFLOAT', KEYS[i], text(nowS), text(used))
      redis.call('EXPIRE', KEYS[i], counted + 5)
    end
  else
    local mine = tonumber(redis.call('HGET', KEYS[i], 'p:' .. who) or '0') - back
    local all = tonumber(ARGV[at + 5])
    if all >= 0 then mine = all end
    if mine > 0 then redis.call('HSET', KEYS[i], 'p:' .. who, text(mine), 'e:' .. who, text(nowMs + lease))
    else redis.call('HDEL', KEYS[i], 'p:' .. who, 'e:' .. who) end
    if ARGV[at + 6] ~= '' then redis.call('HSET', KEYS[4], KEYS[i], ARGV[at + 6]) end
    if kind == 'b' and used > 0 then
      local field = left(KEYS[i], ARGV[at + 4])
      local known = tonumber(redis.call('HGET', KEYS[1], field) or '0')
      if known > 0 then redis.call('HSET', KEYS[1], field, text(math.max(0, known - used))) end
      addTo(KEYS[i], math.max(0, used - known), tonumber(ARGV[at + 4]))
    end
    redis.call('EXPIRE', KEYS[i], life)
  end
end
redis.call('PEXPIRE', KEYS[4], ARGV[5])
if ARGV[8] == '1' then bury(who) end
return reply()
`;

/**
 * Counts what a process spent and did not live to tell, once: only where nobody has since it was looked up. KEYS: that process, those that live, all that have not
 * said that they ended, its budgets, then limits. ARGV: process, how many of its records were included before and are now, whether no more will come,
 * and for each limit: what was spent, and in the period that began when. What was added is kept beside it, for the case that the process lives after all and tells it.
 * Reply: whether it was counted.
 */
export const COUNT_LEFT = `${COMMON}
if redis.call('HGET', KEYS[1], 'position') ~= ARGV[2] then return 0 end
for i = 5, #KEYS do
  local at = 5 + (i - 5) * 2
  addTo(KEYS[i], tonumber(ARGV[at]), tonumber(ARGV[at + 1]))
  redis.call('HINCRBYFLOAT', KEYS[1], left(KEYS[i], ARGV[at + 1]), ARGV[at])
end
redis.call('HSET', KEYS[1], 'position', ARGV[3])
if ARGV[4] == '1' then bury(ARGV[1]) end
return 1
`;
