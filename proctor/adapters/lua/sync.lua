-- Renew leases and store snapshots of one bucket; each item unless a newer fence exists. Safe to repeat.
-- KEYS[1] a key of the bucket: all keys of its items lie in the same slot
-- ARGV keep_ms, prefix of lease hashes, prefix of snapshots, msgpack array with for each item:
--   learner, fence, device, page, node, kind, lease_ms, bytes of its snapshot (0 to leave it);
--   then all snapshots one after the other: this msgpack knows text only
-- Returns {now, 1|0 for each item}. Two arguments for all items: the client packs them in one go.
local call, time = redis.call, redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local keep, leases, snapshots, items = ARGV[1], ARGV[2], ARGV[3], cmsgpack.unpack(ARGV[4])
local bytes, from, answer = ARGV[5], 1, {now}
for at = 1, #items, 8 do
  local learner, fence, page, node, expires = items[at], items[at + 1], items[at + 3], items[at + 4], now + items[at + 6]
  local lease, mine = leases .. learner, true
  local stored = call('HMGET', lease, 'fence', 'page', 'node')
  local known = tonumber(stored[1] or '0')
  if known == fence and stored[2] == page and stored[3] == node then
    -- The usual case: nothing has changed but the time.
    call('HSET', lease, 'expires', expires)
  elseif known <= fence then
    -- A stored fence below ours is one that the store has forgotten to raise: it lost data.
    call('HSET', lease, 'fence', fence, 'device', items[at + 2], 'page', page, 'node', node, 'kind', items[at + 5],
      'expires', expires)
  else
    mine = false
  end
  local size = items[at + 7]
  if mine and size > 0 then
    call('SET', snapshots .. learner, string.sub(bytes, from, from + size - 1), 'PX', keep)
  end
  from = from + size
  answer[#answer + 1] = mine and 1 or 0
end
return answer
