"""When a check is due: dice from outside, a fresh pass serves again, working days to make up."""

from __future__ import annotations

import pytest

from proctor.core.policy import Policy
from proctor.core.schedule import ROLLS, makeup_over, next_check_ms, start_check_needed, too_many_misses, weekday_of
from tests.core.test_snapshot import at
from tests.core.worlds import Player

DAY = 86_400_000


def test_random_checks_lie_between_their_bounds_both_included() -> None:
    policy = Policy(check_every_ms_min=10, check_every_ms_max=12)
    assert [next_check_ms(policy, roll) for roll in (0, ROLLS // 2, ROLLS - 1)] == [10, 11, 12]


def test_only_a_fresh_pass_serves_as_the_next_start_check() -> None:
    passed = Player().session.snapshot(0)
    assert passed.decided_passed
    for later_ms, needed in ((300_000, False), (300_001, True)):
        assert start_check_needed(Policy(), passed, passed.decided_redis_ms + later_ms) is needed
    assert start_check_needed(Policy(), None, 0) and start_check_needed(Policy(), at(1, 1, 1), 0)
    assert not start_check_needed(Policy(check_at_start=False), None, 0)


@pytest.mark.parametrize(("weekday", "days"), [(0, 3), (1, 3), (2, 5), (3, 5), (4, 5), (5, 4), (6, 3)])
def test_three_working_days_to_make_up_an_end_check(weekday, days) -> None:
    assert not makeup_over(Policy(), 0, days * DAY, weekday)
    assert makeup_over(Policy(), 0, days * DAY + 1, weekday)


def test_weekdays_count_from_monday() -> None:
    assert [weekday_of(day * DAY) for day in range(8)] == [3, 4, 5, 6, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("decided", "missed", "many"), [(1, 1, False), (3, 3, False), (4, 1, True), (16, 3, False), (16, 4, True)]
)
def test_a_reviewer_looks_above_the_ratio_and_never_at_one_miss_of_one(decided, missed, many) -> None:
    assert too_many_misses(Policy(), decided, missed) is many
