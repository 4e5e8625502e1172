"""Snapshots: what goes in comes out, and the worst that a session keeps fits in 600 bytes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proctor.core.facts import CheckKind, CheckWay
from proctor.core.inputs import PendingCheck, Snapshot
from proctor.core.intervals import normalise
from proctor.core.seat import CLOSED_MAX, PIECES_MAX
from proctor.core.snapshot import decode_snapshot, encode_snapshot, newer

BYTES_MAX = 600
ms = st.integers(0, 7 * 86_400_000)
time_ms = st.integers(0, 2**43)
count = st.integers(0, 2**31)
spans = st.lists(st.tuples(ms, ms), max_size=6).map(normalise)
pending = st.builds(
    PendingCheck, check_id=st.text(max_size=32), number=count, kind=st.sampled_from(CheckKind),
    nonce=st.text(max_size=16), left_ms=ms, at_redis_ms=time_ms, way=st.sampled_from(CheckWay),
    roll=st.integers(0, 2**16 - 1), first_try=st.integers(1, 9), aided=st.booleans(),
)  # fmt: skip
snapshots = st.builds(
    Snapshot, learner_id=count, lesson_id=count, fence=count, seq=count, at_redis_ms=time_ms, position_ms=ms,
    playing=st.booleans(), day=st.just("2026-11-24"), day_used_ms=ms, slack_ms=ms, stretch=count, open_spans=spans,
    open_from_redis_ms=time_ms, closed=st.lists(st.tuples(count, count, spans, st.just("d")), max_size=4).map(tuple),
    pending=st.none() | pending, due=st.none() | st.sampled_from(CheckKind),
    takeovers=st.lists(time_ms, max_size=3).map(tuple),
)  # fmt: skip


@settings(max_examples=150)
@given(snapshots)
def test_what_goes_in_comes_out(snapshot) -> None:
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot


def worst() -> Snapshot:
    """Every list as long as a seat lets it become; ids of a large installation, counts of a long day.

    While a check is pending none is due and none must be taken: `Person` clears both when it issues one.
    """
    base_ms = 40_000_000  # eleven hours into a lesson
    pieces = tuple((base_ms + i * 70_000, base_ms + i * 70_000 + 60_000) for i in range(PIECES_MAX))
    each = len(pieces) // (CLOSED_MAX + 1)
    closed = tuple(
        (60_000 + i, 2**31, pieces[i * each : (i + 1) * each], "2026-11-24") for i in range(CLOSED_MAX)
    )
    now_ms = 1_790_000_000_000
    return Snapshot(
        learner_id=2**31, lesson_id=2**31, fence=2**31, seq=50_000, at_redis_ms=now_ms, position_ms=base_ms,
        playing=True, day="2026-11-24", day_used_ms=21_600_000, slack_ms=10_000, stretch=60_009,
        open_spans=pieces[CLOSED_MAX * each :], open_from_redis_ms=now_ms, closed=closed, check_number=60_000,
        decided_number=60_000, decided_passed=True, decided_redis_ms=now_ms, credited_since_check_ms=900_000,
        next_check_ms=900_000,
        pending=PendingCheck(
            check_id="f" * 24, number=60_000, kind=CheckKind.RANDOM, nonce="f" * 16, left_ms=60_000,
            at_redis_ms=now_ms, frozen=True, freezes=1, tries=2, mismatches=1, accepted_try=3,
            accepted_redis_ms=now_ms, detail="w" * 24, first_redis_ms=now_ms, way=CheckWay.ACTIVE, roll=2**16 - 1,
            first_try=4,
        ),
        checks_decided=60_000, checks_missed=60_000, score=60_000, instruction_version=60_000, must_check=False,
        stopped=True, due=None, takeovers=(now_ms,) * 3, reach_ms=2 * base_ms, owes_active=True, faults=4,
    )  # fmt: skip


def test_the_worst_snapshot_that_a_seat_keeps_is_small() -> None:
    assert len(encode_snapshot(worst())) <= BYTES_MAX


def test_a_snapshot_of_before_checks_had_a_way_is_read_as_routine() -> None:
    """Rows and leases outlive an upgrade: what is missing at the end of an array has its default."""
    fields = msgspec.msgpack.decode(encode_snapshot(worst()))
    assert len(fields) == 33
    place = Snapshot.__struct_fields__.index("pending")
    fields[place] = fields[place][:14]
    old = decode_snapshot(msgspec.msgpack.encode(fields[:31]))
    assert old.pending is not None and (old.pending.way, old.pending.first_try) == (CheckWay.ROUTINE, 1)
    assert (old.owes_active, old.faults, old.reach_ms) == (False, 0, worst().reach_ms)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x90", b"nothing"])
def test_bytes_that_were_never_a_snapshot_are_corruption(data) -> None:
    with pytest.raises(AssertionError):
        decode_snapshot(data)


def at(fence: int, seq: int, stretch: int) -> Snapshot:
    return Snapshot(
        learner_id=1, lesson_id=2, fence=fence, seq=seq, at_redis_ms=0, position_ms=0, playing=True, day="d",
        day_used_ms=0, slack_ms=0, stretch=stretch, open_spans=(), open_from_redis_ms=0,
    )  # fmt: skip


def test_the_newer_of_two_knows_the_later_fence_then_beat_then_stretch() -> None:
    order = [at(1, 9, 9), at(2, 1, 9), at(2, 2, 3), at(2, 2, 4)]
    for older, later in zip(order, order[1:], strict=False):
        assert newer(older, later) == later == newer(later, older)
    decided = msgspec.structs.replace(at(2, 2, 4), decided_number=1)
    assert newer(at(2, 2, 4), decided) == decided, "between two beats a check may be decided"
    assert newer(None, order[0]) == order[0] == newer(order[0], None) and newer(None, None) is None
