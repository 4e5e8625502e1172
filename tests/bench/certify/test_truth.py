"""The comparison finds each way in which a record can be wrong."""

from __future__ import annotations

import msgspec
import pytest

from bench.certify.truth import Told, compare, joined

TOLD = Told(
    learner=5, start_ms=0, pos=30_000, short_ms=10, total_ms=29_990, durable_ms=29_990, broken_ms=0, resumes=0,
    state=6, elapsed_ms=30_020,
)  # fmt: skip
RIGHT = [(0, 20_000), (20_000, 29_990)]


def test_a_record_that_is_right() -> None:
    found = compare([TOLD], {5: RIGHT}, {5: 29_990})
    assert found.holds and found.credited_ms == 29_990 and found.short_most_ms == 10 and found.wrong == []


@pytest.mark.parametrize(
    ("spans", "rollup_ms", "field", "ms"),
    [
        ([(0, 20_000)], 20_000, "lost_ms", 9_990),
        ([(0, 20_000), (20_100, 29_990)], 29_890, "lost_ms", 100),
        ([(0, 20_000), (19_000, 29_990)], 30_990, "twice_ms", 1_000),
        ([(0, 20_000), (20_000, 30_500)], 30_500, "twice_ms", 500),
        ([(0, 20_000), (20_000, 30_500)], 30_500, "above_ms", 480),
        (RIGHT, 29_000, "rollup_ms", 990),
        ([], 0, "lost_ms", 29_990),
    ],
)
def test_a_record_that_is_wrong(spans, rollup_ms, field, ms) -> None:
    found = compare([TOLD], {5: spans}, {5: rollup_ms})
    assert getattr(found, field) == ms and not found.holds and "learner=5" in found.wrong[0]


def test_the_last_answer_is_the_total_to_the_millisecond() -> None:
    """A house that stored a second more than it had told was true: within what was claimed, and within the clock."""
    more = msgspec.structs.replace(TOLD, pos=31_000, elapsed_ms=31_000)
    spans, sums = {5: [(0, 30_990)]}, {5: 30_990}
    assert compare([more], spans, sums).holds, "the answer to the closing beat is not known"
    found = compare([msgspec.structs.replace(more, closed=1)], spans, sums)
    assert found.twice_ms == 1_000 and not found.holds
    assert compare([msgspec.structs.replace(TOLD, closed=1)], {5: RIGHT}, {5: 29_990}).holds


def test_durable_media_that_a_welcome_forgot_is_lost() -> None:
    assert compare([msgspec.structs.replace(TOLD, broken_ms=40)], {5: RIGHT}, {5: 29_990}).lost_ms == 40


def test_parts_of_one_learner_are_one_run() -> None:
    later = msgspec.structs.replace(TOLD, start_ms=29_990, pos=50_000, total_ms=50_000, elapsed_ms=20_020, resumes=1)
    never = msgspec.structs.replace(TOLD, learner=6, start_ms=-1)
    (one,) = joined([TOLD, never, later])
    assert (one.start_ms, one.pos, one.total_ms, one.elapsed_ms, one.resumes) == (0, 50_000, 50_000, 50_040, 1)


def test_nobody_compared_proves_nothing() -> None:
    assert not compare([], {}, {}).holds
