"""Alarms: the earliest wins, each goes off once, and who has left is passed over."""

from __future__ import annotations

from dataclasses import dataclass

from proctor.core.person import FAR_MS
from proctor.live.alarms import Alarms


@dataclass(eq=False)
class Sleeper:
    """The two things of a learner that alarms look at."""

    alarm_ms: int = FAR_MS
    over: bool = False


def test_the_earliest_alarm_goes_off_once() -> None:
    alarms, one, two = Alarms(), Sleeper(), Sleeper()
    alarms.set(one, 500)
    alarms.set(two, 400)
    alarms.set(one, 300)  # earlier: replaces
    alarms.set(one, 900)  # later: the earlier one is still to come
    assert list(alarms.due(299)) == []
    assert list(alarms.due(600)) == [one, two]
    assert list(alarms.due(FAR_MS)) == []


def test_an_alarm_can_be_set_again_after_it_went_off() -> None:
    alarms, one = Alarms(), Sleeper()
    alarms.set(one, 100)
    assert list(alarms.due(100)) == [one]
    alarms.set(one, 700)
    assert list(alarms.due(699)) == []
    assert list(alarms.due(700)) == [one]


def test_who_has_left_is_passed_over() -> None:
    alarms, one = Alarms(), Sleeper()
    alarms.set(one, 100)
    one.over = True
    assert list(alarms.due(200)) == []
