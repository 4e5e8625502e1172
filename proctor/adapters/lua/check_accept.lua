-- Accept an upload by Redis TIME, once: the same digest again is no news, other bytes are refused.
-- KEYS[1] check hash; ARGV try, digest. Returns {now, word, node, opened}; word: fresh, again, cancelled, closed, late,
-- other_bytes, unknown or judged.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local row = redis.call('HMGET', KEYS[1], 'state', 'try', 'deadline', 'digest:' .. ARGV[1], 'verdict:' .. ARGV[1], 'node',
  'opened:' .. ARGV[1])
if not row[1] then return {now, 'unknown', ''} end
if row[1] == 'cancelled' then return {now, 'cancelled', ''} end
if row[5] then return {now, 'judged', ''} end
if row[4] then
  if row[4] == ARGV[2] then return {now, 'again', ''} end
  return {now, 'other_bytes', ''}
end
if row[2] ~= ARGV[1] then return {now, 'closed', ''} end
if now > tonumber(row[3]) then return {now, 'late', ''} end
redis.call('HSET', KEYS[1], 'digest:' .. ARGV[1], ARGV[2], 'accepted:' .. ARGV[1], now)
return {now, 'fresh', row[6] or '', row[7] or now}
