"""What an active check asks for."""

from __future__ import annotations

from collections import Counter

import pytest

from proctor.core.actions import CLOSER, LIGHT, LIGHT_STEPS, TURNS, draw, guess_rate, side


@pytest.mark.parametrize(("turns", "draws"), [(2, 16), (3, 32), (4, 64)])
def test_every_draw_is_equally_likely_and_as_hard_to_guess_as_it_says(turns: int, draws: int) -> None:
    found = Counter(draw(roll, turns) for roll in range(2**10))
    assert len(found) == draws and set(found.values()) == {2**10 // draws}
    assert guess_rate(turns) == 1 / draws
    for actions in found:
        assert sum(action in TURNS for action in actions) == turns
        assert actions.count(CLOSER) == len(actions) - turns <= 1


def test_a_single_turn_has_two_places_for_coming_closer_and_is_guessed_more_often_than_half() -> None:
    found = Counter(draw(roll, 1) for roll in range(2**10))
    assert max(found.values()) / 2**10 <= guess_rate(1)


def test_the_lower_half_of_a_roll_gives_the_whole_draw() -> None:
    """A snapshot keeps no more of it."""
    for roll in (0x0000_1234, 0x0000_FFFF, 0x0000_0B0B):
        assert draw(roll, 4, light=True) == draw(roll | 0xABCD_0000, 4, light=True)


def test_the_screen_changes_where_it_is_to_be_followed() -> None:
    for roll in range(0, 2**16, 7):
        *turns, light = draw(roll, light=True)
        steps = light.removeprefix(LIGHT)
        assert light != steps and len(steps) == LIGHT_STEPS and steps[0] != steps[1] and set(steps) <= set("012")
        assert tuple(turns) == draw(roll)


def test_sides_are_the_learners_own() -> None:
    assert [side(action) for action in ("left", "right", "closer", "light:0120")] == [1, -1, 0, 0]
