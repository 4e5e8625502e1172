-- Renew leases and store snapshots of one bucket; each item unless a newer fence exists. Safe to repeat.
-- KEYS lease hash and snapshot of each item, in pairs
-- ARGV keep_ms, then for each item: fence, device, page, node, kind, lease_ms, snapshot ("" to leave it)
-- Returns {now, 1|0 for each item}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {now}
for i = 1, #KEYS / 2 do
  local lease, snapshot, at = KEYS[2 * i - 1], KEYS[2 * i], 2 + (i - 1) * 7
  local stored = redis.call('HGET', lease, 'fence')
  -- A stored fence below ours is one that the store has forgotten to raise: it lost data.
  if (not stored) or tonumber(stored) <= tonumber(ARGV[at]) then
    redis.call('HSET', lease, 'fence', ARGV[at], 'device', ARGV[at + 1], 'page', ARGV[at + 2], 'node', ARGV[at + 3],
      'kind', ARGV[at + 4], 'expires', now + tonumber(ARGV[at + 5]))
    if ARGV[at + 6] ~= '' then redis.call('SET', snapshot, ARGV[at + 6], 'PX', ARGV[1]) end
    answer[i + 1] = 1
  else
    answer[i + 1] = 0
  end
end
return answer
