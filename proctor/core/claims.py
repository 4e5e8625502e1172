"""Why a claim earns nothing, decided before the formula: presence, place and licence. Pure functions."""

from __future__ import annotations

from proctor.core.facts import Reason, Span
from proctor.core.wire import Beat

SEEK_TOLERANCE_MS = 1_500  # players report positions a little past where they stopped
FRAMES_CLAIM_MS = 5_000  # shorter stretches may honestly present nothing (a seek, a stall)


def absent(beat: Beat, claim_ms: int) -> Reason | None:
    """Was the page not in front during the claimed stretch? Absent signals are no contradiction."""
    if beat.pip:
        return Reason.PICTURE_IN_PICTURE
    if not beat.visible:
        return Reason.HIDDEN
    if not beat.focused:
        return Reason.BLURRED
    if beat.frames == 0 and claim_ms >= FRAMES_CLAIM_MS:
        return Reason.NO_FRAMES
    return None


def misplaced(span: Span, reach_ms: int, duration_ms: int) -> Reason | None:
    """Does the claim begin where the learner cannot be yet, or after the end?"""
    if span[0] >= duration_ms:
        return Reason.BEYOND_END
    if span[0] > reach_ms + SEEK_TOLERANCE_MS:
        return Reason.SEEK_AHEAD
    return None
