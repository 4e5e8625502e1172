"""When a check is due and in which way: dice from outside, a fresh pass serves again, working days to make up."""

from __future__ import annotations

import pytest

from proctor.core.facts import CheckKind
from proctor.core.policy import Policy
from proctor.core.schedule import (
    ROLLS,
    again_ms,
    is_active,
    makeup_over,
    next_check_ms,
    start_check_needed,
    too_many_misses,
    weekday_of,
)  # fmt: skip
from tests.core.test_snapshot import at
from tests.core.worlds import Player

DAY = 86_400_000


def test_random_checks_lie_between_their_bounds_both_included() -> None:
    policy = Policy(check_every_ms_min=10, check_every_ms_max=12)
    assert [next_check_ms(policy, roll) for roll in (0, ROLLS // 2, ROLLS - 1)] == [10, 11, 12]


@pytest.mark.parametrize(("one_in", "active"), [(0, 0), (1, 1_000), (5, 200), (10, 100)])
def test_one_in_so_many_random_checks_is_active(one_in, active) -> None:
    policy = Policy(active_one_in=one_in)
    rolls = range(0, ROLLS, ROLLS // 1_000)
    found = sum(is_active(policy, CheckKind.RANDOM, roll) for roll in rolls)
    assert abs(found - active) <= 1 and is_active(policy, CheckKind.RANDOM, ROLLS - 1) is (one_in == 1)


def test_start_and_end_are_active_where_policy_says_so_whatever_the_dice_say() -> None:
    for kind, field in ((CheckKind.START, "active_start"), (CheckKind.END, "active_end")):
        for roll in (0, ROLLS - 1):
            assert is_active(Policy(), kind, roll) and not is_active(Policy(**{field: False}), kind, roll)


def test_of_an_exam_each_check_is_active() -> None:
    exam = Policy(exam=True, active_start=False, active_end=False, active_one_in=0)
    assert all(is_active(exam, kind, roll) for kind in CheckKind for roll in (0, ROLLS // 2, ROLLS - 1))


def test_after_faults_of_ours_checks_come_back_the_later_and_the_more_spread_the_longer_they_last() -> None:
    policy = Policy(check_again_ms=10_000)
    ends = [(again_ms(policy, faults, 0), again_ms(policy, faults, ROLLS - 1) + 1) for faults in (1, 2, 3, 4, 9)]
    assert ends == [(10_000, 20_000), (10_000, 30_000), (10_000, 50_000), (10_000, 90_000), (10_000, 90_000)]


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
