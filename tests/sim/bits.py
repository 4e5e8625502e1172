"""Sets of milliseconds as the bits of one integer: the auditor's own arithmetic, nothing of the core's."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache


def bits(spans: Iterable[tuple[int, int] | list[int]]) -> int:
    """The milliseconds of half-open spans."""
    return _bits(tuple((span[0], span[1]) for span in spans))


@lru_cache(maxsize=2_000)
def _bits(spans: tuple[tuple[int, int], ...]) -> int:
    found = 0
    for from_ms, to_ms in spans:
        if to_ms > from_ms:
            found |= ((1 << (to_ms - from_ms)) - 1) << from_ms
    return found


def text(mask: int) -> str:
    """Spans for people, in seconds."""
    parts = []
    at = 0
    while mask:
        zeros = (mask & -mask).bit_length() - 1
        mask >>= zeros
        at += zeros
        ones = (~mask & (mask + 1)).bit_length() - 1
        parts.append(f"{at / 1_000:.3f}-{(at + ones) / 1_000:.3f}")
        mask >>= ones
        at += ones
    return " ".join(parts[:12]) or "nothing"
