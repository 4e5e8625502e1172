"""Engine time: the monotonic clock, anchored once so that it reads like Redis TIME."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def local_day(epoch_ms: int, zone: str) -> tuple[str, int]:
    """Local day `YYYY-MM-DD` of an epoch time, and the epoch milliseconds at which that day ends."""
    here = datetime.fromtimestamp(epoch_ms / 1_000, UTC).astimezone(_zone(zone))
    midnight = datetime(here.year, here.month, here.day, tzinfo=_zone(zone)) + timedelta(days=1)
    return here.strftime("%Y-%m-%d"), int(midnight.timestamp() * 1_000)


class SystemClock:
    """The clock of a real process. A step of the host's clock does not move it; Redis TIME corrects labels."""

    def __init__(self) -> None:
        self._anchor_ms = time.time_ns() // 1_000_000 - time.monotonic_ns() // 1_000_000
        self._offset_ms = 0

    def now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000 + self._anchor_ms

    def redis_ms(self, engine_ms: int) -> int:
        return engine_ms + self._offset_ms

    def engine_ms(self, redis_ms: int) -> int:
        return redis_ms - self._offset_ms

    def observe(self, redis_ms: int) -> None:
        self._offset_ms = redis_ms - self.now_ms()

    def day(self, engine_ms: int, zone: str) -> tuple[str, int]:
        day, end_ms = local_day(self.redis_ms(engine_ms), zone)
        return day, self.engine_ms(end_ms)
