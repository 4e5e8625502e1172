-- Who holds a live lease, by the clock of the server that keeps it. KEYS[1] lease hash of the learner
-- Returns {device, page, node, kind, fence}, or {} when nobody does.
local row = redis.call('HMGET', KEYS[1], 'device', 'page', 'node', 'kind', 'fence', 'expires')
local time = redis.call('TIME')
if not row[1] or row[1] == '' or tonumber(row[6] or '0') <= time[1] * 1000 + math.floor(time[2] / 1000) then
  return {}
end
return {row[1], row[2], row[3], row[4] or '', tonumber(row[5] or '0')}
