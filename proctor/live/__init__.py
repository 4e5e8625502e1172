"""The running half: sessions, leases, journal; it waits so that the rules need not."""
