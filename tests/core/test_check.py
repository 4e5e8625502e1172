"""One check: every state and input of the table, and the real machine's way through it."""

from __future__ import annotations

import itertools

import pytest

from proctor.core.actions import draw
from proctor.core.check import CANNOT_ACT, NO_PHONE, TABLE, Check, Input, State, step, thaw
from proctor.core.facts import CheckKind, CheckWay, Outcome
from proctor.core.policy import Policy

POLICY = Policy()
OVER = (State.DECIDED, State.UNDECIDED)
PAIRS = sorted(itertools.product(State, Input))


def check(**changes) -> Check:
    values = dict(check_id="c", number=1, kind=CheckKind.RANDOM, nonce="n", deadline_ms=60_000)
    return Check(**{**values, **changes})


@pytest.mark.parametrize(("state", "given"), PAIRS)
def test_every_pair_moves_as_the_table_says_or_changes_nothing(state, given) -> None:
    one = check(state=state)
    outcome = one._move(given)
    assert (one.state, outcome) == TABLE.get((state, given), (state, None))
    assert step(state, given) == TABLE.get((state, given))


@pytest.mark.parametrize(("state", "given"), sorted(TABLE))
def test_an_outcome_comes_exactly_with_an_end(state, given) -> None:
    after, outcome = TABLE[state, given]
    assert state not in OVER, "what is over takes no input"
    if after is State.DECIDED:
        assert outcome in (Outcome.PASSED, Outcome.UNCLEAR, Outcome.MISSED, Outcome.MISMATCH)
    elif after is State.UNDECIDED:
        assert outcome is (Outcome.OUR_FAULT if given is Input.OUR_FAULT else None)
    else:
        assert outcome is None


def test_every_state_that_is_not_over_can_come_to_an_end_and_every_input_is_used() -> None:
    assert {given for _state, given in TABLE} == set(Input)
    assert {state for state, _given in TABLE} == set(State) - set(OVER)
    assert all((state, Input.CANCEL) in TABLE for state in set(State) - set(OVER))


def test_a_deadline_never_ends_a_burst_that_was_accepted_in_time() -> None:
    one = check()
    one.accept(59_000)
    assert one.window_over() is None and one.state is State.JUDGING


@pytest.mark.parametrize(
    ("verdicts", "outcome"),
    [
        ([Outcome.PASSED], Outcome.PASSED),
        ([Outcome.UNCLEAR, Outcome.UNCLEAR, Outcome.PASSED], Outcome.PASSED),
        ([Outcome.UNCLEAR] * 3, Outcome.UNCLEAR),
        ([Outcome.MISMATCH] * 2, Outcome.MISMATCH),
        ([Outcome.MISMATCH, Outcome.UNCLEAR, Outcome.MISMATCH], Outcome.UNCLEAR),
        ([Outcome.OUR_FAULT], Outcome.OUR_FAULT),
    ],
)
def test_up_to_three_tries_come_to_one_outcome(verdicts, outcome) -> None:
    one = check()
    found = [one.judged(verdict, "", POLICY) for verdict in verdicts]
    assert found == [None] * (len(verdicts) - 1) + [outcome]


@pytest.mark.parametrize(
    ("before", "outcome"),
    [([], Outcome.MISSED), ([Outcome.UNCLEAR], Outcome.UNCLEAR), ([Outcome.MISMATCH], Outcome.MISSED)],
)
def test_silence_is_missed_unless_an_unclear_try_was_made(before, outcome) -> None:
    one = check()
    for verdict in before:
        one.judged(verdict, "", POLICY)
    assert one.window_over() is outcome


@pytest.mark.parametrize("outcome", [Outcome.UNCLEAR, Outcome.PASSED])
def test_a_routine_burst_that_asks_for_an_active_one_costs_no_try_and_never_passes(outcome) -> None:
    one = check(tries=2, mismatches=1)
    one.accept(5)
    assert one.judged(outcome, "not_sure", POLICY, active_next=True, roll=6) is None
    assert (one.way, one.state, one.tries, one.mismatches) == (CheckWay.ACTIVE, State.OPEN, 2, 0)
    assert one.try_number == 4 and one.actions(POLICY) == draw(6)
    assert one.judged(Outcome.UNCLEAR, "not_sure", POLICY, active_next=True) is Outcome.UNCLEAR, "only once"


def test_a_mismatch_that_asks_for_an_active_burst_still_is_one() -> None:
    one = check()
    assert one.judged(Outcome.MISMATCH, "mismatch", POLICY, active_next=True, roll=1) is None
    assert (one.way, one.try_number) == (CheckWay.ACTIVE, 2)
    assert one.judged(Outcome.MISMATCH, "mismatch", POLICY) is Outcome.MISMATCH


def test_each_active_try_draws_its_own_actions_and_no_other_has_any() -> None:
    one = check(way=CheckWay.ACTIVE, roll=0)
    seen = [one.actions(POLICY)]
    for roll in (3, 2):
        one.judged(Outcome.UNCLEAR, "dark", POLICY, roll=roll)
        seen.append(one.actions(POLICY))
    assert seen == [draw(0), draw(3), draw(2)] and len(set(seen)) == 3
    assert one.go_on(CheckWay.CODE, 3) and one.actions(POLICY) == () and one.roll == 0
    assert check(roll=3).actions(POLICY) == ()
    lit = check(way=CheckWay.ACTIVE, roll=3).actions(Policy(active_light=True))
    assert lit[:-1] == draw(3) and lit[-1].startswith("light:")


def test_the_code_way_has_tries_of_its_own_in_the_window_that_is_left() -> None:
    one = check()
    for _each in range(2):
        one.judged(Outcome.UNCLEAR, "dark", POLICY)
    assert one.go_on(CheckWay.CODE) and (one.try_number, one.tries, one.deadline_ms) == (4, 0, 60_000)
    assert [one.judged(Outcome.UNCLEAR, "wrong_code", POLICY) for _each in range(3)] == [None, None, Outcome.UNCLEAR]
    assert not one.go_on(CheckWay.CODE), "it is over"


def test_without_a_phone_the_code_way_ends_for_a_person_at_once() -> None:
    assert check(way=CheckWay.CODE).judged(Outcome.UNCLEAR, NO_PHONE, POLICY) is Outcome.UNCLEAR


def test_who_cannot_act_passes_for_a_person_only() -> None:
    one = check(way=CheckWay.ACTIVE)
    assert one.go_on(CheckWay.ROUTINE, aided=True)
    assert one.judged(Outcome.UNCLEAR, "not_sure", POLICY, active_next=True) is None
    assert one.way is CheckWay.ROUTINE, "what cannot be done is not asked again"
    assert one.judged(Outcome.PASSED, "", POLICY) is Outcome.UNCLEAR and one.detail == CANNOT_ACT
    other = check(way=CheckWay.ROUTINE, aided=True)
    assert other.go_on(CheckWay.CODE) and other.judged(Outcome.PASSED, "", POLICY) is Outcome.PASSED


@pytest.mark.parametrize("way", [CheckWay.CODE, CheckWay.ROUTINE])
def test_who_looked_for_another_way_and_ran_out_of_time_waits_for_a_person(way) -> None:
    one = check(way=CheckWay.ACTIVE)
    one.go_on(way, aided=way is CheckWay.ROUTINE)
    assert one.window_over() is Outcome.UNCLEAR
    assert check(way=CheckWay.CODE).window_over() is Outcome.MISSED, "who never answered was not there"


def test_our_fault_takes_no_try_away() -> None:
    one = check()
    one.judged(Outcome.OUR_FAULT, "", POLICY)
    assert one.tries == 0 and one.state is State.UNDECIDED


@pytest.mark.parametrize(
    ("freezes", "away_ms", "left_ms"), [(0, 170_000, 40_000), (1, 30_000, 10_000), (1, 90_000, 0), (0, 180_001, None)]
)
def test_the_window_stands_still_once_and_three_minutes_at_most(freezes, away_ms, left_ms) -> None:
    pending = check(freezes=freezes).pending(20_000, 1_000_000)
    again = thaw(pending, POLICY, 500, 1_020_000 + away_ms)
    assert (again.left_ms(500) if again else None) == left_ms


def test_way_actions_and_numbers_come_back_after_a_reconnect() -> None:
    one = check(way=CheckWay.ACTIVE, roll=2**16 - 1, first_try=2, tries=1)
    again = thaw(one.pending(1_000, 0), POLICY, 1_000, 1_000)
    assert again is not None and again.actions(POLICY) == one.actions(POLICY) == draw(2**16 - 1)
    assert (again.try_number, again.way, again.aided, again.state) == (3, CheckWay.ACTIVE, False, State.OPEN)
    again.accept(2_000)
    twice = thaw(again.pending(3_000, 0), POLICY, 3_000, 3_000)
    assert twice is not None and twice.state is State.JUDGING


def test_an_accepted_burst_is_still_being_judged_after_a_reconnect() -> None:
    one = check()
    one.accept(5_000)
    again = thaw(one.pending(6_000, 0), POLICY, 100, 7_000)
    assert again is not None and again.state is State.JUDGING and again.accepted_ms == 100
