-- Renew leases and store snapshots of one bucket; each item unless a newer fence exists. Safe to repeat.
-- KEYS[1] a key of the bucket: all keys of its items lie in the same slot
-- ARGV keep_ms, prefix of lease hashes, prefix of snapshots, msgpack array with for each item:
--   learner, fence, lease_ms, bytes of its snapshot (0 to leave it);
--   then all snapshots one after the other: this msgpack knows text only
-- Returns {now, for each item 1, 0 (a newer fence exists) or 2: not renewed, the store does not know who holds it
-- under this fence, say it with sync_named}. Two arguments for all items: the client packs them in one go.
local call, time = redis.call, redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local keep, leases, snapshots, items = ARGV[1], ARGV[2], ARGV[3], cmsgpack.unpack(ARGV[4])
local bytes, from, answer = ARGV[5], 1, {now}
for at = 1, #items, 4 do
  local learner, fence, size = items[at], items[at + 1], items[at + 3]
  local stored = call('HMGET', leases .. learner, 'fence', 'page')
  local known, word = tonumber(stored[1] or '0'), 2
  if known > fence then
    word = 0
  elseif known == fence and stored[2] and stored[2] ~= '' then
    word = 1
    call('HSET', leases .. learner, 'expires', now + items[at + 2])
    if size > 0 then
      call('SET', snapshots .. learner, string.sub(bytes, from, from + size - 1), 'PX', keep)
    end
  end
  from = from + size
  answer[#answer + 1] = word
end
return answer
