"""Rules about lessons and classes: pure."""

from __future__ import annotations

from typing import NamedTuple

from proctor.core.inputs import Licence


class Standing(NamedTuple):
    """May this lesson be studied now, and does it earn hours? `reason` is "" or says what stands against it:
    taken_down (cannot be studied), unfiled or class_closed (can be studied and earns nothing)."""

    playable: bool
    earns: bool
    reason: str


def standing(
    *, filing_no: str | None, taken_down_ms: int | None, opens_ms: int, closes_ms: int, now_ms: int
) -> Standing:
    """What the licence layer says about one lesson in one class at one moment."""
    if taken_down_ms is not None and taken_down_ms <= now_ms:
        return Standing(False, False, "taken_down")
    if not filing_no:
        return Standing(True, False, "unfiled")
    if not opens_ms <= now_ms < closes_ms:
        return Standing(True, False, "class_closed")
    return Standing(True, True, "")


def licence_of(*, filed: bool, taken_down_ms: int | None, opens_ms: int, closes_ms: int, at_ms: int) -> Licence:
    """May a seat of this lesson in this class earn hours now, and when did that end?"""
    ends_ms = closes_ms if taken_down_ms is None else min(closes_ms, taken_down_ms)
    until_ms = ends_ms if filed and opens_ms <= at_ms else 0
    if not filed or taken_down_ms is not None:
        return Licence(earns=False, reason="unfiled", until_redis_ms=until_ms)
    if not opens_ms <= at_ms < closes_ms:
        return Licence(earns=False, reason="class_closed", until_redis_ms=until_ms)
    return Licence(earns=True)
