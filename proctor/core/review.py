"""The machine of one case: who may take which step, as a table. Only people move it (and new causes join it).

Two persons by default: one proposes to uphold, another confirms. An institution may set one; then a proposal
upholds at once. Dismissing takes one person, but not the proposer's own proposal: that one is withdrawn.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class CaseState(StrEnum):
    OPEN = "open"
    PROPOSED = "proposed"
    CLOSED = "closed"


class CaseInput(StrEnum):
    PROPOSE = "propose"
    CONFIRM = "confirm"
    DISMISS = "dismiss"
    WITHDRAW = "withdraw"
    CAUSE = "cause"  # something more happened to the same learner, lesson and kind


class Who(StrEnum):
    ANYONE = "anyone"
    PROPOSER = "proposer"
    OTHER = "other"  # anyone but the proposer


class Step(msgspec.Struct, frozen=True, gc=False):
    """Where a step leads. `outcome` is upheld or dismissed when it closes the case."""

    status: CaseState
    outcome: str = ""
    who: Who = Who.ANYONE


# (state, input) -> step, for two persons. A missing pair is refused; a closed case takes no step at all: a new
# cause opens a new case.
TABLE: dict[tuple[CaseState, CaseInput], Step] = {
    (CaseState.OPEN, CaseInput.PROPOSE): Step(CaseState.PROPOSED),
    (CaseState.OPEN, CaseInput.DISMISS): Step(CaseState.CLOSED, "dismissed"),
    (CaseState.OPEN, CaseInput.CAUSE): Step(CaseState.OPEN),
    (CaseState.PROPOSED, CaseInput.CONFIRM): Step(CaseState.CLOSED, "upheld", Who.OTHER),
    (CaseState.PROPOSED, CaseInput.DISMISS): Step(CaseState.CLOSED, "dismissed", Who.OTHER),
    (CaseState.PROPOSED, CaseInput.WITHDRAW): Step(CaseState.OPEN, "", Who.PROPOSER),
    (CaseState.PROPOSED, CaseInput.CAUSE): Step(CaseState.PROPOSED),
}


class NotPossible(msgspec.Struct, frozen=True, gc=False):
    """`why`: not_possible, same_person or not_proposer."""

    why: str


def step(
    status: str, given: str, *, by_account_id: int = 0, proposer_id: int = 0, persons: int = 2
) -> Step | NotPossible:
    """What this person's step leads to. `proposer_id` is whose proposal stands (0: nobody's)."""
    try:
        found = TABLE.get((CaseState(status), CaseInput(given)))
    except ValueError:
        return NotPossible("not_possible")
    if found is None:
        return NotPossible("not_possible")
    if found.who is Who.OTHER and by_account_id == proposer_id:
        return NotPossible("same_person")
    if found.who is Who.PROPOSER and by_account_id != proposer_id:
        return NotPossible("not_proposer")
    if given == CaseInput.PROPOSE and persons == 1:
        return Step(CaseState.CLOSED, "upheld")
    return found
