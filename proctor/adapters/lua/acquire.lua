-- Take a learner's lease by a start or a resume. Atomic; a success raises the fence by one.
-- KEYS[1] lease hash of the learner: fence, device, page, node, kind, expires
-- KEYS[2] snapshot of the learner
-- ARGV device, page, node, kind, lease_ms, fence ("" for a start), first_keeps (0|1), force (0|1), keep_ms
-- Returns {now, "granted", fence, snapshot, device, page, node, kind of the loser ("" if none)}
--      or {now, held|kept|elsewhere, device, page, node, kind of the live holder ("" if none)}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local row = redis.call('HMGET', KEYS[1], 'fence', 'device', 'page', 'node', 'kind', 'expires')
local fence = tonumber(row[1] or '0')
local named = row[2] and row[2] ~= ''
local live = named and tonumber(row[6] or '0') > now
local own = named and row[2] == ARGV[1] and row[3] == ARGV[2]
local function refuse(why)
  if live then return {now, why, row[2], row[3], row[4], row[5] or ''} end
  return {now, why, '', '', '', ''}
end
if ARGV[6] ~= '' then
  local presented = tonumber(ARGV[6])
  if not (fence == 0 or presented == fence or own) then return refuse('elsewhere') end
  if presented > fence then fence = presented end
elseif live and not own then
  if ARGV[7] == '1' then return refuse('kept') end
  if ARGV[8] ~= '1' then return refuse('held') end
end
fence = fence + 1
redis.call('HSET', KEYS[1], 'fence', fence, 'device', ARGV[1], 'page', ARGV[2], 'node', ARGV[3], 'kind', ARGV[4],
  'expires', now + tonumber(ARGV[5]))
local snapshot = redis.call('GET', KEYS[2]) or ''
if live and not own then
  return {now, 'granted', fence, snapshot, row[2], row[3], row[4], row[5] or ''}
end
return {now, 'granted', fence, snapshot, '', '', '', ''}
