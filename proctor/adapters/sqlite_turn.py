"""Writers of SQLite in several processes take turns, so that none of them starves.

SQLite's own waiting sleeps longer the longer it has waited, up to 0.1 s at a time: whoever just committed begins
again meanwhile, and of eight busy processes one wrote 346 times in the five seconds in which another wrote once.

Two locks on files beside the database give every writer the same chance. A writer holds `next` only while it waits
for `turn`, so that the one who leaves cannot come back at once: somebody stands at the door. A lock that blocks
knows no deadline, and a thread that waits in one cannot be called back; so they are looked at again and again, a
thousand times a second, which measured as fair (79 to 104 writes each) and as quick as blocking. A process that dies
leaves its locks to the kernel; one that is frozen at the door is passed by after half of a writer's patience. Whose
write counts is still for SQLite to say (BEGIN IMMEDIATE): this is order, not safety.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from proctor.errors import Unavailable

NEXT_EVERY_S = 0.004  # how often those look who wait for the door
TURN_EVERY_S = 0.0005  # and the one who stands at it
FILE_MODE = 0o600


class SqliteTurns:
    """The order of writers of the database file at `path`; other processes have the same by the same path."""

    def __init__(self, path: str) -> None:
        self._next, self._turn = f"{path}-next", f"{path}-turn"

    @contextmanager
    def taken(self, wait_ms: int) -> Iterator[None]:
        """For a thread. Raises Unavailable after `wait_ms`, or when there is no place for the files."""
        held: list[int] = []
        try:
            for pause_s in self._take(held, wait_ms):
                time.sleep(pause_s)
            yield
        finally:
            _leave(held)

    @asynccontextmanager
    async def taken_on_loop(self, wait_ms: int) -> AsyncIterator[None]:
        """The same for the loop, which goes on meanwhile."""
        held: list[int] = []
        try:
            for pause_s in self._take(held, wait_ms):
                await asyncio.sleep(pause_s)
            yield
        finally:
            _leave(held)

    def _take(self, held: list[int], wait_ms: int) -> Iterator[float]:
        """How long to sleep (seconds) before each further look, until the turn's descriptor is the last of `held`."""
        now_s = time.monotonic()
        held.append(_open(self._next))
        while not _locked(held[0]) and time.monotonic() < now_s + wait_ms / 2_000:
            yield NEXT_EVERY_S
        held.append(_open(self._turn))
        while not _locked(held[1]):
            if time.monotonic() >= now_s + wait_ms / 1_000:
                raise Unavailable("sql", "no turn to write")
            yield TURN_EVERY_S
        os.close(held.pop(0))


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise Unavailable("sql", error.strerror or "no file") from error


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _leave(held: list[int]) -> None:
    """Closing is unlocking."""
    for descriptor in held:
        os.close(descriptor)
