-- Queue a job in the turn of its institution. KEYS: queue, ages, own, state, stream, bell; ARGV: bound, institution, job.
-- The queue is sorted by turns: the next turn of an institution comes one after its last one, and never before the turn
-- that is being taken, so each gets one job in each round, however many it has. Returns 1 when queued.
local all = redis.call('ZCARD', KEYS[1]) + redis.call('XLEN', KEYS[5])
local mine = tonumber(redis.call('HGET', KEYS[3], ARGV[2]) or 0)
-- Whoever fills the queue leaves at least as much room to others as it takes.
if mine >= tonumber(ARGV[1]) - all then return 0 end
local time = redis.call('TIME')
local last = redis.call('HMGET', KEYS[4], 'turn', 'last:' .. ARGV[2])
local turn = math.max(tonumber(last[1] or 0), tonumber(last[2] or 0)) + 1
local name = string.format('%016d', redis.call('HINCRBY', KEYS[4], 'queued', 1))
redis.call('HSET', KEYS[4], 'last:' .. ARGV[2], turn)
redis.call('HINCRBY', KEYS[3], ARGV[2], 1)
redis.call('ZADD', KEYS[1], turn, name .. ARGV[2] .. ':' .. ARGV[3])
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), name)
-- One ring wakes one worker; a bell that still rings is not rung again.
if redis.call('LLEN', KEYS[6]) == 0 then redis.call('RPUSH', KEYS[6], '1') end
return 1
