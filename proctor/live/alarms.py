"""When must somebody look at a learner again, at the latest? A heap instead of a scan over everybody."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count

from proctor.core.person import FAR_MS
from proctor.live.learner import Learner


class Alarms:
    """One alarm for each learner. An earlier one replaces it; the entry of the later one is then passed over."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Learner]] = []
        self._numbers = count()  # two alarms at one time are told apart without comparing learners

    def set(self, learner: Learner, at_ms: int) -> None:
        """Look at this learner at `at_ms` or earlier."""
        if at_ms < learner.alarm_ms:
            learner.alarm_ms = at_ms
            heappush(self._heap, (at_ms, next(self._numbers), learner))

    def due(self, now_ms: int) -> Iterator[Learner]:
        """Learners whose alarm went off: each must be given another one."""
        heap = self._heap
        while heap and heap[0][0] <= now_ms:
            at_ms, _number, learner = heappop(heap)
            if at_ms == learner.alarm_ms and not learner.over:
                learner.alarm_ms = FAR_MS
                yield learner
