-- The same as sync, and each item says who holds it: for leases that the store has forgotten or never named.
-- KEYS, ARGV as in sync, but eight values an item: learner, fence, lease_ms, bytes, device, page, node, kind
-- Returns {now, 1|0 for each item}
local call, time = redis.call, redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local keep, leases, snapshots, items = ARGV[1], ARGV[2], ARGV[3], cmsgpack.unpack(ARGV[4])
local bytes, from, answer = ARGV[5], 1, {now}
for at = 1, #items, 8 do
  local lease, fence, size = leases .. items[at], items[at + 1], items[at + 3]
  local stored = call('HMGET', lease, 'fence', 'page')
  local known, mine = tonumber(stored[1] or '0'), true
  if known > fence then
    mine = false
  elseif known == fence and stored[2] and stored[2] ~= '' then
    -- Somebody was named meanwhile: only the time moves.
    call('HSET', lease, 'expires', now + items[at + 2])
  else
    -- A stored fence below ours is one that the store has forgotten to raise: it lost data.
    call('HSET', lease, 'fence', fence, 'device', items[at + 4], 'page', items[at + 5], 'node', items[at + 6],
      'kind', items[at + 7], 'expires', now + items[at + 2])
  end
  if mine and size > 0 then
    call('SET', snapshots .. items[at], string.sub(bytes, from, from + size - 1), 'PX', keep)
  end
  from = from + size
  answer[#answer + 1] = mine and 1 or 0
end
return answer
