"""Contradictions for people, each raised once per run; a flag ranks a case and is never a verdict."""

from __future__ import annotations

from proctor.core.facts import FlagKind
from proctor.core.inputs import Verdict
from proctor.core.policy import Policy

HOUR_MS = 3_600_000

SCORES: dict[FlagKind, int] = {
    FlagKind.TAKEOVERS: 30,
    FlagKind.NO_FRAMES: 40,
    FlagKind.STALE_BEATS: 40,
    FlagKind.TOO_FAST: 10,
    FlagKind.TOO_OFTEN: 20,
    FlagKind.UNTRUSTED_CAPTURE: 20,
    # Many an honest learner uses a telephone or a good camera by such a program: a hint to look, and no more.
    FlagKind.VIRTUAL_CAMERA: 10,
}
# What a page may say of its own camera, and the flag that it raises.
HINTS: dict[str, FlagKind] = {"virtual_camera": FlagKind.VIRTUAL_CAMERA}


def takeovers_after(
    before: tuple[int, ...], taken_over: bool, now_redis_ms: int, policy: Policy
) -> tuple[tuple[int, ...], bool]:
    """Takeovers between devices within the last hour, and whether this one makes them too many."""
    recent = tuple(at for at in before if now_redis_ms - at < HOUR_MS)
    if not taken_over:
        return recent, False
    recent = (*recent, now_redis_ms)[-policy.takeovers_per_hour_flag :]
    return recent, len(recent) >= policy.takeovers_per_hour_flag


def of_capture(verdict: Verdict) -> tuple[tuple[FlagKind, str], ...]:
    """Flags and their details that say how the pictures came; the word on them is the same with and without."""
    found = [(FlagKind.UNTRUSTED_CAPTURE, "file")] if verdict.source == "file" else []
    return (*found, *((HINTS[hint], hint) for hint in verdict.hints if hint in HINTS))
