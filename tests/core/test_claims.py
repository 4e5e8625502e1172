"""Presence and place: claims only lower, and absent signals contradict nothing."""

from __future__ import annotations

import pytest

from proctor.core.claims import SEEK_TOLERANCE_MS, absent, misplaced
from proctor.core.facts import Reason
from proctor.core.wire import Beat


@pytest.mark.parametrize(
    ("signs", "claim_ms", "reason"),
    [
        ({}, 10_000, None),
        ({"frames": -1}, 10_000, None),
        ({"frames": 0}, 4_999, None),
        ({"frames": 0}, 5_000, Reason.NO_FRAMES),
        ({"visible": False}, 1, Reason.HIDDEN),
        ({"focused": False}, 1, Reason.BLURRED),
        ({"pip": True, "visible": False}, 1, Reason.PICTURE_IN_PICTURE),
        ({"visible": False, "focused": False}, 1, Reason.HIDDEN),
    ],
)
def test_only_a_contradiction_says_that_nobody_was_in_front(signs, claim_ms, reason) -> None:
    assert absent(Beat(seq=1, kind="beat", pos=0, **signs), claim_ms) is reason


@pytest.mark.parametrize(
    ("from_ms", "reason"),
    [
        (0, None),
        (20_000 + SEEK_TOLERANCE_MS, None),
        (20_001 + SEEK_TOLERANCE_MS, Reason.SEEK_AHEAD),
        (60_000, Reason.BEYOND_END),
    ],
)
def test_going_back_is_free_and_jumping_ahead_earns_nothing(from_ms, reason) -> None:
    assert misplaced((from_ms, from_ms + 1_000), 20_000, 60_000) is reason
