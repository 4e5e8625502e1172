"""A loss is excused by a cause that stood when it was played, and by nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from tests.sim.bits import bits
from tests.sim.losses import CARRIED_MS, FOR_EVER_MS, TRAVEL_MS, Losses, without_cause

PLAYED = [(1, 0, 10_000, 50_000), (1, 10_000, 20_000, 60_000)]  # lesson, from, to, true time of the end


def judged(lost: tuple[int, int], *causes: tuple[str, int, int]) -> tuple[list, Counter]:
    counted: Counter[str] = Counter()
    masks = defaultdict(int, {1: bits([lost])})
    return without_cause(PLAYED, masks, list(causes), lambda cause, ms: counted.update({cause: ms})), counted


def test_a_loss_without_a_cause_is_found_with_the_time_when_it_was_played() -> None:
    assert judged((12_000, 13_000)) == ([(1, 12_000, 13_000, 53_000)], Counter())


@pytest.mark.parametrize("stood", [(0, 52_999 - TRAVEL_MS), (53_000, FOR_EVER_MS), (40_000, 50_000)])
def test_a_cause_that_stood_at_another_time_excuses_nothing(stood: tuple[int, int]) -> None:
    found, _counted = judged((12_000, 13_000), ("ended", *stood))
    assert found == [(1, 12_000, 13_000, 53_000)]


def test_a_cause_that_stood_excuses_what_was_played_meanwhile_and_is_counted() -> None:
    found, counted = judged((8_000, 12_000), ("page_crash", 48_000, 52_000))
    assert found == [] and counted == {"page_crash": 4_000}
    found, counted = judged((8_000, 13_000), ("page_crash", 48_000, 52_000))
    assert found == [(1, 10_000, 13_000, 53_000)] and counted == {"page_crash": 4_000}


def test_what_was_played_twice_needs_a_cause_both_times() -> None:
    twice = [*PLAYED, (1, 12_000, 13_000, 90_000)]
    masks = defaultdict(int, {1: bits([(12_000, 13_000)])})
    found = without_cause(twice, masks, [("ended", 52_000, 53_000)], lambda _cause, _ms: None)
    assert found == [(1, 12_000, 13_000, 90_000)]


def test_a_rest_that_is_claimed_again_is_missing_later_and_not_more_of_it() -> None:
    late = ("late_line", 44_000, 46_000)
    found, counted = judged((15_000, 17_000), late)
    assert found == [] and counted == {"carried": 2_000}
    found, _counted = judged((15_000, 17_500), late)
    assert found == [(1, 15_000, 17_500, 57_500)]
    assert CARRIED_MS == 10_000, "one beat: a player gives a longer rest up"


def test_a_word_under_way_explains_its_own_time_and_no_more() -> None:
    ways = (("play_on_the_way", 44_500, 45_100), ("check_on_the_way", 40_000, 40_300))
    assert judged((10_000, 10_900), *ways) == ([], {"carried": 900})
    found, _counted = judged((10_000, 10_901), *ways)
    assert found == [(1, 10_000, 10_901, 50_901)]


def test_a_cause_is_open_until_it_ends() -> None:
    now = [5_000]
    losses = Losses(lambda: now[0])
    losses.begins("late_line", 0)
    losses.begins("other_device", 3)
    assert losses.of(2) == [("late_line", 5_000, FOR_EVER_MS)]
    now[0] = 9_000
    losses.ends("late_line", 0, 500)
    losses.ends("other_device", 4)
    assert losses.of(3) == [("late_line", 5_000, 9_500), ("other_device", 5_000, FOR_EVER_MS)]
    with pytest.raises(AssertionError):
        losses.stood("bad luck", 3, 0, 1)
