-- These jobs are finished. KEYS: stream; ARGV: group, receipts.
for index = 2, #ARGV do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[index])
  redis.call('XDEL', KEYS[1], ARGV[index])
end
return #ARGV - 1
