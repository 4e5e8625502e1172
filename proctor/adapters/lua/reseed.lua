-- SQL knows a newer fence than this store (it lost data): raise it; the holder of the older one has lost it.
-- KEYS[1] lease hash; ARGV fence. Returns the stored fence.
local stored = tonumber(redis.call('HGET', KEYS[1], 'fence') or '0')
local fence = tonumber(ARGV[1])
if stored >= fence then return stored end
redis.call('HSET', KEYS[1], 'fence', fence, 'device', '', 'page', '', 'node', '', 'kind', '', 'expires', 0)
return fence
