-- A job that nobody could judge. KEYS: stream, dead; ARGV: group, receipt, job, why, at most, keep_ms.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[5], '*', 'job', ARGV[3], 'why', ARGV[4])
redis.call('XTRIM', KEYS[2], 'MINID', now - tonumber(ARGV[6]))
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
return 1
