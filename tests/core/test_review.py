"""One case: every state, input and kind of person of the table; only named people void."""

from __future__ import annotations

import itertools

import pytest

from proctor.core.review import TABLE, CaseInput, CaseState, NotPossible, Step, Who, step

PAIRS = sorted(itertools.product(CaseState, CaseInput))
PROPOSER, OTHER = 7, 8


@pytest.mark.parametrize("by", [PROPOSER, OTHER])
@pytest.mark.parametrize(("state", "given"), PAIRS)
def test_every_pair_leads_where_the_table_says_or_is_refused(state, given, by) -> None:
    proposer_id = PROPOSER if state is CaseState.PROPOSED else 0
    found = step(state, given, by_account_id=by, proposer_id=proposer_id)
    said = TABLE.get((state, given))
    if said is None:
        assert found == NotPossible("not_possible")
    elif said.who is Who.OTHER and by == PROPOSER:
        assert found == NotPossible("same_person")
    elif said.who is Who.PROPOSER and by == OTHER:
        assert found == NotPossible("not_proposer")
    else:
        assert found == said


def test_a_closed_case_takes_no_step_and_every_input_is_used() -> None:
    assert {given for _state, given in TABLE} == set(CaseInput)
    assert {state for state, _given in TABLE} == {CaseState.OPEN, CaseState.PROPOSED}


def test_a_case_has_an_outcome_exactly_when_it_closes() -> None:
    for found in TABLE.values():
        assert bool(found.outcome) is (found.status is CaseState.CLOSED)


def test_upholding_takes_two_people_unless_the_institution_says_one() -> None:
    assert step("open", "propose", by_account_id=1) == Step(CaseState.PROPOSED)
    assert step("proposed", "confirm", by_account_id=1, proposer_id=1) == NotPossible("same_person")
    assert step("open", "propose", by_account_id=1, persons=1) == Step(CaseState.CLOSED, "upheld")


@pytest.mark.parametrize(("state", "given"), [("gone", "propose"), ("open", "void"), ("", "")])
def test_words_that_are_no_states_or_inputs_are_refused(state, given) -> None:
    assert step(state, given, by_account_id=1) == NotPossible("not_possible")
