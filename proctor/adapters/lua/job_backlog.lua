-- How the queue stands. KEYS: queue, ages, own, state, stream, pace, due, dead; ARGV: node, due, worker_ms, node_ms,
-- rate_ms. Returns {waiting, judging, oldest_ms, institutions, dead, queued, queued in rate_ms, [burst_us of each
-- worker], [due of each node]}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[1] ~= '' then redis.call('HSET', KEYS[7], ARGV[1], now .. ':' .. ARGV[2]) end
local function living(key, forget_ms)
  local found, rows = {}, redis.call('HGETALL', key)
  for index = 1, #rows, 2 do
    local at, value = string.match(rows[index + 1], '(%d+):(%d+)')
    if now - tonumber(at) > tonumber(forget_ms) then
      redis.call('HDEL', key, rows[index])
    else
      found[#found + 1] = tonumber(value)
    end
  end
  return found
end
local oldest = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local state = redis.call('HMGET', KEYS[4], 'queued', 'mark', 'marked', 'rate')
local queued, mark, marked = tonumber(state[1] or 0), tonumber(state[2] or 0), tonumber(state[3] or 0)
local rate, since = tonumber(state[4] or 0), now - mark
if since >= tonumber(ARGV[5]) then
  -- Within a quiet hour nobody asked, and what came long ago says nothing about now.
  rate = since > 10 * tonumber(ARGV[5]) and 0 or math.floor((queued - marked) * tonumber(ARGV[5]) / since)
  redis.call('HSET', KEYS[4], 'mark', now, 'marked', queued, 'rate', rate)
end
return {
  redis.call('ZCARD', KEYS[1]), redis.call('XLEN', KEYS[5]), oldest[2] and math.max(0, now - tonumber(oldest[2])) or 0,
  redis.call('HLEN', KEYS[3]), redis.call('XLEN', KEYS[8]), queued, rate, living(KEYS[6], ARGV[3]),
  living(KEYS[7], ARGV[4]),
}
