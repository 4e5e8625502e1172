-- Give a lease up under its fence; fence, page and snapshot stay. Safe to repeat.
-- KEYS[1] lease hash; ARGV fence. Returns 1 when the fence was current.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'expires', 0)
return 1
