-- The server's clock. KEYS[1] any key: it names the server of a cluster. Returns {seconds, microseconds}
return redis.call('TIME')
