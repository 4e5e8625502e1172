"""The person layer alone: due, pending, decided; it knows nothing of spans."""

from __future__ import annotations

import pytest

from proctor.core.facts import CheckDecided, CheckKind, CheckTried, CheckUndecided, Outcome
from proctor.core.inputs import Draw, Licence, Verdict
from proctor.core.person import FAR_MS, Person
from proctor.core.policy import Policy
from tests.core.worlds import T0, opening

DRAW = Draw("c1", "n1", 0)


def person(**changes) -> Person:
    begun = opening(**changes)
    one = Person(begun, Policy(), T0, DRAW, 10_000)
    assert one.open(begun, T0) == ()
    return one


def judge(one: Person, outcome: Outcome, try_number: int = 1):
    return one.judged(Verdict(check_id="c1", try_number=try_number, outcome=outcome), T0 + 5, DRAW)


def test_a_press_of_play_asks_for_a_start_check_and_playback_stands_until_then() -> None:
    one = person()
    assert one.is_due(T0) and one.blocks and one.due is CheckKind.START


def test_what_earns_nothing_needs_no_check() -> None:
    one = person(licence=Licence(earns=False, reason="unfiled"))
    assert not one.is_due(T0) and not one.blocks and one.deadline_ms() == FAR_MS


def test_a_random_check_comes_after_credit_and_only_while_playing() -> None:
    one = person()
    one.issue(T0, DRAW)
    judge(one, Outcome.PASSED)
    one.credited(420_000)
    one.plan(T0 + 9, False)
    assert one.due is None
    one.plan(T0 + 9, True)
    assert one.due is CheckKind.RANDOM


@pytest.mark.parametrize(
    ("outcome", "kind", "must", "stopped"),
    [
        (Outcome.PASSED, CheckDecided, False, False),
        (Outcome.UNCLEAR, CheckTried, False, False),
        (Outcome.OUR_FAULT, CheckUndecided, False, False),
    ],
)
def test_one_verdict_is_one_fact(outcome, kind, must, stopped) -> None:
    one = person()
    one.issue(T0, DRAW)
    (fact,) = judge(one, outcome)
    assert type(fact) is kind and (one.must, one.stopped) == (must, stopped)


def test_a_missed_check_must_be_taken_before_anything_goes_on() -> None:
    one = person()
    one.issue(T0, DRAW)
    assert one.expired(T0 + 59_999, DRAW) == ()
    (fact,) = one.expired(T0 + 60_000, DRAW)
    assert fact.outcome is Outcome.MISSED and one.must and one.blocks
    one.plan(T0 + 60_000, True)
    assert one.due is None, "it is not asked by itself"
    one.take(T0 + 60_001)
    assert one.is_due(T0 + 60_001)


def test_two_mismatches_running_stop_the_lesson_and_nothing_more_is_asked() -> None:
    one = person()
    one.issue(T0, DRAW)
    judge(one, Outcome.MISMATCH, 1)
    (fact,) = judge(one, Outcome.MISMATCH, 2)
    assert fact.outcome is Outcome.MISMATCH and fact.review and one.stopped
    one.take(T0 + 9)
    assert not one.is_due(T0 + 9)


def test_an_accepted_burst_is_waited_for_beyond_the_window() -> None:
    one = person()
    one.issue(T0, DRAW)
    assert one.check is not None and one.deadline_ms() == T0 + 60_000
    one.check.accept(T0 + 59_000)
    assert one.deadline_ms() == T0 + 69_000 and one.expired(T0 + 60_000, DRAW) == ()
