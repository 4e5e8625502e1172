"""The outside: Valkey, SQL, files, clocks; every port also in memory."""
