"""The running half: everything that waits lives here and decides nothing; decisions are made in `core`."""
