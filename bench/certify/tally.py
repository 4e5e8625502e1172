"""What a load process counts, by the second, and hands over when the second is old."""

from __future__ import annotations

from collections import Counter

from bench.certify.orders import SECOND_KEPT_S, Second
from bench.histogram import Histogram


class Tick:
    """One second's counts."""

    __slots__ = ("sent", "acked", "latency", "moved", "lateness", "opened", "resumed", "opening", "errors")

    def __init__(self) -> None:
        self.sent = self.acked = self.opened = self.resumed = 0
        self.latency, self.moved, self.lateness, self.opening = Histogram(), Histogram(), Histogram(), Histogram()
        self.errors: Counter[str] = Counter()

    def told(self, at: int) -> Second:
        return Second(
            at=at, sent=self.sent, acked=self.acked, opened=self.opened, resumed=self.resumed,
            errors=dict(self.errors),
            **{name: getattr(self, name).to_json() for name in ("latency", "moved", "lateness", "opening")
               if getattr(self, name).count},
        )  # fmt: skip


class Tally:
    """Seconds by number. An answer that comes very late makes a second line of the same number; they add up."""

    def __init__(self) -> None:
        self._ticks: dict[int, Tick] = {}

    def at(self, when_s: float) -> Tick:
        second = int(when_s)
        found = self._ticks.get(second)
        if found is None:
            found = self._ticks[second] = Tick()
        return found

    def hand_over(self, now_s: float, *, everything: bool = False) -> list[Second]:
        ripe = sorted(second for second in self._ticks if everything or second + 1 + SECOND_KEPT_S <= now_s)
        return [self._ticks.pop(second).told(second) for second in ripe]
