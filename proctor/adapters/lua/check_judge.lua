-- Store a verdict once; the first stays. KEYS[1] check hash; ARGV try, verdict, keep_ms.
-- Returns {1|0 stored now, node, state}
local field = 'verdict:' .. ARGV[1]
local fresh = redis.call('HSETNX', KEYS[1], field, ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local row = redis.call('HMGET', KEYS[1], 'node', 'state')
return {fresh, row[1] or '', row[2] or ''}
