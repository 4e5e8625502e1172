"""One check: every state and input of the table, and the real machine's way through it."""

from __future__ import annotations

import itertools

import pytest

from proctor.core.check import TABLE, Check, Input, State, step, thaw
from proctor.core.facts import CheckKind, Outcome
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


def test_an_accepted_burst_is_still_being_judged_after_a_reconnect() -> None:
    one = check()
    one.accept(5_000)
    again = thaw(one.pending(6_000, 0), POLICY, 100, 7_000)
    assert again is not None and again.state is State.JUDGING and again.accepted_ms == 100
