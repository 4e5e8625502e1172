"""In which way checks are asked and passed: the auditor's own account of it.

It knows what policy says, when somebody refused to show a face, in which way each answer was given, and what a judge
said against it. It shares nothing with the engine.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

FACE = ("routine", "active")


@dataclass
class Asked:
    """One check. `cued`: number of the routine try that asked for an active one; 0: none did."""

    way: str
    answers: dict[int, str] = field(default_factory=dict)  # try: in which way it was answered
    cued: int = 0


class Ways:
    """`fail(law, detail)` ends the run."""

    def __init__(self, policy, fail) -> None:
        self._policy = policy
        self._fail = fail
        self._asked: dict[str, Asked] = {}
        self._acted: dict[tuple[str, int], tuple[str, ...]] = {}
        self._refused: set[int] = set()
        self._faceless: dict[int, int] = {}  # learner: the first fence that was opened after the refusal
        self._owed: dict[int, set[int]] = defaultdict(set)  # learner: fences whose next check is active

    # What people say.

    def refused(self, learner_id: int) -> None:
        """No face from now on; the sessions that are opened after this know it."""
        self._refused.add(learner_id)

    def opened(self, learner_id: int, fence: int) -> None:
        if learner_id in self._refused:
            self._faceless.setdefault(learner_id, fence)

    def answered(self, ticket) -> None:
        """An answer was accepted, under a ticket that says in which way."""
        way, number = str(ticket.way), ticket.try_number
        self._asked.setdefault(ticket.check_id, Asked(way)).answers[number] = way
        turns = sum(action in ("left", "right") for action in ticket.actions)
        if turns != (self._policy.active_turns if way == "active" else 0) or (way != "active" and ticket.actions):
            self._fail("only an active try asks for actions, and then for all of them", f"{ticket}")

    def judged(self, verdict) -> None:
        one = self._asked.get(verdict.check_id)
        if one is not None and verdict.active_next and one.answers.get(verdict.try_number) == "routine":
            one.cued = one.cued or verdict.try_number

    # What the engine says.

    def issued(self, learner_id: int, fence: int, fact) -> None:
        way, who = str(fact.way), f"learner {learner_id} check {fact.number} {fact.kind} {fact.way}"
        if way in FACE and self._faceless.get(learner_id, fence + 1) <= fence:
            self._fail("a face is asked only of who agreed", who)
        if fact.reissued:
            return
        self._asked.setdefault(fact.check_id, Asked(way))
        owed = fence in self._owed[learner_id]
        self._owed[learner_id].clear()
        if way == "routine" and (owed or self._must_be_active(str(fact.kind))):
            self._fail("what policy makes active is not routine", f"{who}, owed: {owed}")

    def _must_be_active(self, kind: str) -> bool:
        policy = self._policy
        if kind == "random":
            return policy.active_one_in == 1
        return policy.active_start if kind == "start" else policy.active_end

    def undecided(self, learner_id: int, fence: int, fact) -> None:
        """An active check that nobody decided comes back as one, at the latest in the same seat."""
        one = self._asked.get(fact.check_id)
        if one is not None and fact.why == "our_fault" and one.way == "active":
            self._owed[learner_id].add(fence)

    def passed(self, check_id: str, passes: list[int]) -> str:
        """"" when one of the tries that were judged as passed is enough for a check like this, else why not."""
        one = self._asked.get(check_id)
        if one is None:
            return "never asked"
        hard = one.way == "active"
        for number in passes:
            way = one.answers.get(number, "")
            if way in ("active", "code") or (way == "routine" and not hard and not 0 < one.cued <= number):
                return ""
        return f"asked {one.way}, cued by {one.cued}, answered {one.answers}"
