"""Spans are sets of milliseconds: every operation is held against Python's own sets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proctor.core import intervals

raw = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)
spans = raw.map(intervals.normalise)


def points(given_spans) -> set[int]:
    return {ms for a, b in given_spans for ms in range(a, b)}


def well_formed(found) -> bool:
    flat = [edge for span in found for edge in span]
    return flat == sorted(flat) and all(a < b for a, b in found) and len(set(flat)) == len(flat)


@given(raw)
def test_normalise_is_the_same_set_in_the_one_form(some) -> None:
    found = intervals.normalise(some)
    assert points(found) == points(some) and well_formed(found)
    assert intervals.total(found) == len(points(some))


@given(spans, spans)
def test_union_subtract_intersect_are_set_operations(left, right) -> None:
    for operation, expected in (
        (intervals.union, points(left) | points(right)),
        (intervals.subtract, points(left) - points(right)),
        (intervals.intersect, points(left) & points(right)),
    ):
        found = operation(left, right)
        assert points(found) == expected and well_formed(found)


@given(spans, st.integers(0, 80))
def test_take_first_takes_the_earliest(some, ms) -> None:
    taken = intervals.take_first(some, ms)
    assert sorted(points(some))[:ms] == sorted(points(taken))


@given(spans, st.integers(0, 60), st.integers(0, 60))
def test_clip_and_edge(some, a, b) -> None:
    assert points(intervals.clip(some, a, b)) == {ms for ms in points(some) if a <= ms < b}
    assert intervals.edge(some) == max((ms + 1 for ms in points(some)), default=0)
