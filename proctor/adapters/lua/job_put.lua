-- Queue a job unless too many wait. KEYS[1] stream; ARGV bound, job. Returns 1 when queued.
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'job', ARGV[2])
return 1
