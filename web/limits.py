"""A bounded token bucket per key, for sign-in tries. In memory: the lock in SQL is the second wall."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable


class RateLimit:
    """`burst` tries at once per key, then one every `every_s` seconds; remembers at most `keys_max` keys."""

    def __init__(
        self, burst: int, every_s: float, *, keys_max: int = 20_000,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        assert burst >= 1 and every_s > 0 and keys_max >= 1
        self._burst, self._every_s, self._keys_max, self._now_s = burst, every_s, keys_max, now_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """True if this try may go on."""
        now = self._now_s()
        tokens, at = self._buckets.pop(key, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - at) / self._every_s)
        allowed = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > self._keys_max:
            self._buckets.popitem(last=False)
        return allowed
