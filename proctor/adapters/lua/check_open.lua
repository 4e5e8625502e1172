-- A burst of a check may be uploaded from now on. Opening again moves deadline and node; what was accepted and when
-- this try was first opened stay.
-- KEYS[1] check hash; ARGV try, left_ms, node, keep_ms. Returns now.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('HGET', KEYS[1], 'state') ~= 'cancelled' then
  redis.call('HSET', KEYS[1], 'state', 'open', 'try', ARGV[1], 'deadline', now + tonumber(ARGV[2]), 'node', ARGV[3])
  redis.call('HSETNX', KEYS[1], 'opened:' .. ARGV[1], now)
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return now
