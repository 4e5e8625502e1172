"""The room for openings: it shrinks while they are slow, and comes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proctor.gateway.room import LEAST, SLOW_S, Room


def test_a_full_room_of_slow_openings_falls_to_the_least_and_grows_again_with_quick_ones() -> None:
    """95,000 studied when one of eight gateways died: its learners dialled in vain and took the others with them."""
    room = Room(400)
    for _n in range(400):
        room.enter()
    assert room.full
    for _n in range(400):
        room.leave(2 * SLOW_S)
    assert (room.size, room.taken) == (LEAST, 0)
    for _n in range(380):
        room.enter()
        room.leave(0.2)
    assert room.size == 400


def test_a_bound_below_the_least_holds() -> None:
    room = Room(2)
    room.enter()
    room.leave(60)
    assert room.size == 2


@given(st.lists(st.floats(0, 30), max_size=200), st.integers(1, 500))
def test_there_is_always_room_for_somebody_and_never_for_more_than_the_bound(times: list[float], most: int) -> None:
    room = Room(most)
    for took_s in times:
        room.enter()
        room.leave(took_s)
        assert 1 <= room.size <= most
