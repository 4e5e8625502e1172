-- Renew leases and store snapshots of one bucket; each item unless a newer fence exists. Safe to repeat.
-- KEYS lease hash and snapshot of each item, in pairs
-- ARGV keep_ms, then for each item: fence, device, page, node, kind, lease_ms, snapshot ("" to leave it)
-- Returns {now, 1|0 for each item}
local call, time = redis.call, redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local keep, answer, at = ARGV[1], {now}, 2
for i = 1, #KEYS, 2 do
  local lease, fence, page = KEYS[i], ARGV[at], ARGV[at + 2]
  local stored = call('HMGET', lease, 'fence', 'page', 'node')
  local mine = true
  if stored[1] == fence and stored[2] == page and stored[3] == ARGV[at + 3] then
    -- The usual case: nothing has changed but the time.
    call('HSET', lease, 'expires', now + ARGV[at + 5])
  elseif (not stored[1]) or tonumber(stored[1]) <= tonumber(fence) then
    -- A stored fence below ours is one that the store has forgotten to raise: it lost data.
    call('HSET', lease, 'fence', fence, 'device', ARGV[at + 1], 'page', page, 'node', ARGV[at + 3],
      'kind', ARGV[at + 4], 'expires', now + ARGV[at + 5])
  else
    mine = false
  end
  if mine and ARGV[at + 6] ~= '' then call('SET', KEYS[i + 1], ARGV[at + 6], 'PX', keep) end
  answer[#answer + 1] = mine and 1 or 0
  at = at + 7
end
return answer
