-- Jobs for a worker: what others left over, then what is next in turn, which goes into the group's stream at once.
-- KEYS: queue, ages, own, state, stream, pace; ARGV: group, worker, count, left_over_ms, burst_us, consumer_idle_ms.
-- Returns {now, {receipt, deliveries, job} ...}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stream, group, count = KEYS[5], ARGV[1], tonumber(ARGV[3])
local claimed = redis.pcall('XAUTOCLAIM', stream, group, ARGV[2], ARGV[4], '0-0', 'COUNT', count)
if claimed.err then
  -- The group is gone with a store that lost its data, or was never made.
  redis.call('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
  claimed = {'0-0', {}}
end
if redis.call('HEXISTS', KEYS[6], ARGV[2]) == 0 then
  -- A new worker tidies up after those that are gone for long and hold nothing.
  for _, one in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
    if one[4] == 0 and one[6] > tonumber(ARGV[6]) then redis.call('XGROUP', 'DELCONSUMER', stream, group, one[2]) end
  end
end
redis.call('HSET', KEYS[6], ARGV[2], now .. ':' .. ARGV[5])
local found = {now}
for _, entry in ipairs(claimed[2]) do
  local pending = redis.call('XPENDING', stream, group, entry[1], entry[1], 1)
  found[#found + 1] = {entry[1], pending[1] and pending[1][4] or 2, entry[2][2]}
end
local fresh = 0
while #found + fresh <= count do
  local next = redis.call('ZPOPMIN', KEYS[1])
  if not next[1] then break end
  local name, mark = string.sub(next[1], 1, 16), string.find(next[1], ':', 17, true)
  local institution = string.sub(next[1], 17, mark - 1)
  redis.call('ZREM', KEYS[2], name)
  redis.call('HSET', KEYS[4], 'turn', next[2])
  if redis.call('HINCRBY', KEYS[3], institution, -1) <= 0 then
    redis.call('HDEL', KEYS[3], institution)
    redis.call('HDEL', KEYS[4], 'last:' .. institution)
  end
  redis.call('XADD', stream, '*', 'job', string.sub(next[1], mark + 1))
  fresh = fresh + 1
end
if fresh > 0 then
  local read = redis.call('XREADGROUP', 'GROUP', group, ARGV[2], 'COUNT', fresh, 'STREAMS', stream, '>')
  for _, entry in ipairs(read[1][2]) do found[#found + 1] = {entry[1], 1, entry[2][2]} end
end
return found
