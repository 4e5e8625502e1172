"""The seconds of all load processes added up, and what a stretch of them says."""

from __future__ import annotations

from collections import Counter

from bench.certify.orders import Second
from bench.certify.tally import Tick
from bench.histogram import Histogram

HISTOGRAMS = ("latency", "moved", "lateness", "opening")


class Seconds:
    """Ticks of the whole crowd by second of the machine's clock."""

    def __init__(self) -> None:
        self.ticks: dict[int, Tick] = {}

    def add(self, told: Second) -> None:
        tick = self.ticks.get(told.at)
        if tick is None:
            tick = self.ticks[told.at] = Tick()
        add(tick, told)

    def window(self, from_s: float, to_s: float) -> Tick:
        """Everything of the whole seconds from `from_s` (rounded up) to `to_s` (rounded down)."""
        found = Tick()
        for at in range(int(-(-from_s // 1)), int(to_s)):
            if at in self.ticks:
                merge(found, self.ticks[at])
        return found


def add(tick: Tick, told: Second) -> None:
    for name in ("sent", "acked", "opened", "resumed"):
        setattr(tick, name, getattr(tick, name) + getattr(told, name))
    for name in HISTOGRAMS:
        data = getattr(told, name)
        if data:
            getattr(tick, name).merge(Histogram.from_json(data))
    tick.errors += Counter(told.errors)


def merge(into: Tick, other: Tick) -> None:
    for name in ("sent", "acked", "opened", "resumed"):
        setattr(into, name, getattr(into, name) + getattr(other, name))
    for name in HISTOGRAMS:
        getattr(into, name).merge(getattr(other, name))
    into.errors += other.errors
