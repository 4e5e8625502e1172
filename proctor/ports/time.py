"""Engine time and Redis TIME."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Engine time: monotonic milliseconds, anchored once per process so that they read like Redis TIME.

    Rules only ever see engine time; it never steps. Whatever leaves the process is converted.
    """

    def now_ms(self) -> int: ...

    def redis_ms(self, engine_ms: int) -> int:
        """Redis TIME at that engine time, by the offset last observed."""
        ...

    def engine_ms(self, redis_ms: int) -> int:
        """The inverse of `redis_ms`."""
        ...

    def observe(self, redis_ms: int) -> None:
        """An adapter saw this Redis TIME just now."""
        ...

    def day(self, engine_ms: int, zone: str) -> tuple[str, int]:
        """Local day `YYYY-MM-DD` in `zone`, and the engine time at which it ends."""
        ...
