"""The person layer alone: due, pending, decided; it knows nothing of spans."""

from __future__ import annotations

import pytest

from proctor.core.check import Check
from proctor.core.facts import CheckDecided, CheckIssued, CheckKind, CheckTried, CheckUndecided, CheckWay, Outcome
from proctor.core.inputs import Draw, Licence, Verdict
from proctor.core.person import FAR_MS, Person
from proctor.core.policy import Policy
from proctor.core.session import Session
from tests.core.worlds import T0, Player, after, opening

DRAW = Draw("c1", "n1", 0)


def person(**changes) -> Person:
    begun = opening(**changes)
    one = Person(begun, Policy(), T0, DRAW, 10_000)
    assert one.open(begun, T0) == ()
    return one


def judge(one: Person, outcome: Outcome, try_number: int = 1, **more):
    return one.judged(Verdict(check_id="c1", try_number=try_number, outcome=outcome, **more), T0 + 5, DRAW)


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


def test_a_missed_check_is_taken_also_where_the_lesson_was_taken_down_meanwhile() -> None:
    """Else playback stands for ever: it waits for a check that what earns nothing does not ask."""
    one = person()
    one.issue(T0, DRAW)
    one.expired(T0 + 60_000, DRAW)
    one.active = False
    one.take(T0 + 60_001)
    assert one.is_due(T0 + 60_001)
    one.issue(T0 + 60_001, DRAW)
    judge(one, Outcome.PASSED)
    assert not one.blocks


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


# Ways.

QUIET = {"active_start": False, "active_end": False, "active_takeover": False, "active_one_in": 0}


def asked_person(policy: Policy, **changes) -> Person:
    begun = opening(**changes)
    one = Person(begun, policy, T0, DRAW, 10_000)
    one.open(begun, T0)
    (issued,) = one.issue(T0, DRAW)
    assert isinstance(issued, CheckIssued) and one.check is not None and issued.way is one.check.way
    return one


def asked(policy: Policy, **changes) -> Check:
    check = asked_person(policy, **changes).check
    assert check is not None
    return check


def test_policy_says_which_checks_are_active_and_consent_whether_a_face_is_asked_at_all() -> None:
    assert asked(Policy()).way is CheckWay.ACTIVE
    assert asked(Policy(**QUIET)).way is CheckWay.ROUTINE
    assert asked(Policy(), face_consent=False).way is asked(Policy(**QUIET), face_consent=False).way is CheckWay.CODE


def test_in_an_exam_every_check_is_active_but_of_who_shows_no_face() -> None:
    exam = Policy(exam=True, active_start=False, active_one_in=0)
    assert asked(exam).way is CheckWay.ACTIVE
    assert asked(exam, face_consent=False).way is CheckWay.CODE


def test_where_another_device_took_the_seat_a_fresh_pass_does_not_serve() -> None:
    """It says who sat at the one that was left."""
    base = Player().session.snapshot(T0)
    assert base.decided_passed
    for policy, due in ((Policy(), True), (Policy(**QUIET), False), (Policy(check_at_start=False), False)):
        begun = opening(base=base, now_redis_ms=base.decided_redis_ms + 1_000, taken_over=True, fence=2)
        one = Person(begun, policy, T0, DRAW, 10_000)
        one.open(begun, T0)
        assert one.is_due(T0) is due
    only_takeover = Policy(**{**QUIET, "active_takeover": True})
    assert asked(only_takeover, base=base, taken_over=True, fence=2).way is CheckWay.ACTIVE


@pytest.mark.parametrize("how", ["our_fault", "away", "taken_over", "other_way", "cannot_act"])
def test_an_active_check_that_nobody_decided_comes_back_as_an_active_one(how: str) -> None:
    """Else a still passes by dropping the line until the dice ask for a routine check."""
    player = Player(Policy(**QUIET), passed=False)
    person = player.session.person
    person.owes_active = True
    player.tick()
    assert person.check is not None and person.check.way is CheckWay.ACTIVE
    if how in ("other_way", "cannot_act"):
        person.declined(how, player.now_ms, player.dice())
    if how == "our_fault":
        player.pass_check(Outcome.OUR_FAULT)
        player.now_ms += 60_000
        assert after(player.session.snapshot(player.now_ms), 0).base.owes_active, "also over a reconnect"
    else:
        base = player.session.snapshot(player.now_ms)
        begun = opening(base=base, fence=2, resumed=how != "taken_over", now_redis_ms=base.at_redis_ms + 400_000)
        player.session = Session(begun, player.policy, player.now_ms, DRAW)
    player.tick()
    again = player.session.person.check
    assert again is not None and again.way is CheckWay.ACTIVE and not again.aided


def test_a_cue_makes_the_next_try_active_and_says_so_as_an_unclear_try() -> None:
    one = asked_person(Policy(**QUIET))
    (fact,) = judge(one, Outcome.PASSED, active_next=True)
    assert (fact.outcome, fact.detail, fact.way) == (Outcome.UNCLEAR, "not_sure", CheckWay.ROUTINE)
    assert one.check.way is CheckWay.ACTIVE and one.check.tries == 0 and one.check.try_number == 2
    (decided,) = judge(one, Outcome.PASSED, 2)
    assert (decided.outcome, decided.way, decided.tries) == (Outcome.PASSED, CheckWay.ACTIVE, 2)


def test_what_cannot_be_done_is_heard_once_and_another_way_always_but_not_while_a_burst_is_judged() -> None:
    one = asked_person(Policy())
    (first,) = one.declined("cannot_act", T0, DRAW)
    assert first.way is CheckWay.ROUTINE and first.reissued and one.declined("cannot_act", T0, DRAW) == ()
    one.check.accept(T0)
    assert one.declined("other_way", T0, DRAW) == () and one.check.try_number == 2
    judge(one, Outcome.UNCLEAR, 2)
    (second,) = one.declined("other_way", T0, DRAW)
    assert second.way is CheckWay.CODE and one.check.detail == "other_way"
    (decided,) = one.declined("other_way", T0, DRAW)
    assert (decided.outcome, decided.review) == (Outcome.UNCLEAR, True), "no code either: a person looks"


def test_a_worker_that_knows_of_the_withdrawal_first_turns_the_check_to_code() -> None:
    one = asked_person(Policy())
    (fact,) = judge(one, Outcome.UNCLEAR, detail="no_consent")
    assert isinstance(fact, CheckIssued) and fact.way is CheckWay.CODE and not one.consent
    (decided,) = judge(one, Outcome.PASSED, 2)
    assert decided.outcome is Outcome.PASSED


def test_running_faults_of_ours_are_counted_over_a_reconnect_until_something_is_decided() -> None:
    player = Player(passed=False, roll=2**32 - 1)
    waits = []
    for _each in range(3):
        player.pass_check(Outcome.OUR_FAULT)
        waits.append(player.session.person.due_at_ms - player.now_ms + 1)
        player.now_ms = player.session.person.due_at_ms
    assert waits == [60_000, 90_000, 150_000]
    assert player.session.snapshot(player.now_ms).faults == 3
    player.pass_check()
    assert player.session.person.faults == 0
