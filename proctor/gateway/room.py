"""How many seats a gateway opens at the same time: what it can end while a page still waits for it.

A page gives a dial up after three seconds and dials anew. Once more openings are under way than can end in that time,
each is given up before its end and all of them come again: the work is lost, and those who study pay for it. So the
room shrinks while openings take long and grows again, one by one, while they do not; who is sent away at once comes
again when there is room.
"""

from __future__ import annotations

SLOW_S = 1.5  # half of what a page waits; a handover and its answer take a third of it
SHRINK = 0.95  # by each slow one: a full room of slow ones falls to the least within its own time
LEAST = 20


class Room:
    """Counts openings. `most`: the bound of the settings."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._least = min(LEAST, most)
        self._now = float(most)
        self.taken = 0

    @property
    def size(self) -> int:
        """How many may be under way now."""
        return int(self._now)

    @property
    def full(self) -> bool:
        return self.taken >= self.size

    def enter(self) -> None:
        self.taken += 1

    def leave(self, took_s: float) -> None:
        """An opening came to its end, whatever became of it."""
        self.taken -= 1
        self._now = max(self._least, self._now * SHRINK) if took_s > SLOW_S else min(self._most, self._now + 1)
