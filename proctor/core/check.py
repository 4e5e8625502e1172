"""The machine of one check of the person: one window, up to three tries; transitions are the table below.

The learner answers with bursts, or by code; the word on each try is an input. What the whole check's outcome settles
is in `session`; here is only how it comes to an outcome.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from proctor.core import actions
from proctor.core.facts import CheckKind, CheckWay, Outcome
from proctor.core.inputs import PendingCheck
from proctor.core.policy import Policy


class State(StrEnum):
    OPEN = "open"  # the window runs; a burst may be uploaded
    JUDGING = "judging"  # a burst was accepted in time and waits for its verdict
    DECIDED = "decided"
    UNDECIDED = "undecided"


class Input(StrEnum):
    ACCEPTED = "accepted"
    PASSED = "passed"
    PASSED_AIDED = "passed_aided"  # by somebody who cannot do the actions: a person must look
    UNCLEAR = "unclear"  # tries are left
    UNCLEAR_LAST = "unclear_last"
    MISMATCH = "mismatch"  # the first one, tries are left
    MISMATCH_AGAIN = "mismatch_again"  # two running
    MISMATCH_LAST = "mismatch_last"  # one, and no try is left: a person must look
    OUR_FAULT = "our_fault"
    DEADLINE = "deadline"  # the window is over, nothing was answered
    DEADLINE_TRIED = "deadline_tried"  # over after an unclear try
    ANOTHER_WAY = "another_way"  # the awaited try is given up for one in another way, and costs nothing
    DECLINED = "declined"  # no way is left that the learner can go
    CANCEL = "cancel"  # takeover, long absence


# (state, input) -> (next state, outcome of the check when it ends, else None). A missing pair is not possible:
# the input is ignored and nothing changes (a late verdict, an acceptance told twice). A lost socket is no
# transition: the check leaves with the snapshot (`pending`) and comes back by `thaw`, its window as it stood.
TABLE: dict[tuple[State, Input], tuple[State, Outcome | None]] = {
    (State.OPEN, Input.ACCEPTED): (State.JUDGING, None),
    (State.OPEN, Input.PASSED): (State.DECIDED, Outcome.PASSED),
    (State.OPEN, Input.PASSED_AIDED): (State.DECIDED, Outcome.UNCLEAR),
    (State.OPEN, Input.UNCLEAR): (State.OPEN, None),
    (State.OPEN, Input.UNCLEAR_LAST): (State.DECIDED, Outcome.UNCLEAR),
    (State.OPEN, Input.MISMATCH): (State.OPEN, None),
    (State.OPEN, Input.MISMATCH_AGAIN): (State.DECIDED, Outcome.MISMATCH),
    (State.OPEN, Input.MISMATCH_LAST): (State.DECIDED, Outcome.UNCLEAR),
    (State.OPEN, Input.OUR_FAULT): (State.UNDECIDED, Outcome.OUR_FAULT),
    (State.OPEN, Input.DEADLINE): (State.DECIDED, Outcome.MISSED),
    (State.OPEN, Input.DEADLINE_TRIED): (State.DECIDED, Outcome.UNCLEAR),
    (State.OPEN, Input.ANOTHER_WAY): (State.OPEN, None),
    (State.OPEN, Input.DECLINED): (State.DECIDED, Outcome.UNCLEAR),
    (State.OPEN, Input.CANCEL): (State.UNDECIDED, None),
    (State.JUDGING, Input.PASSED): (State.DECIDED, Outcome.PASSED),
    (State.JUDGING, Input.PASSED_AIDED): (State.DECIDED, Outcome.UNCLEAR),
    (State.JUDGING, Input.UNCLEAR): (State.OPEN, None),
    (State.JUDGING, Input.UNCLEAR_LAST): (State.DECIDED, Outcome.UNCLEAR),
    (State.JUDGING, Input.MISMATCH): (State.OPEN, None),
    (State.JUDGING, Input.MISMATCH_AGAIN): (State.DECIDED, Outcome.MISMATCH),
    (State.JUDGING, Input.MISMATCH_LAST): (State.DECIDED, Outcome.UNCLEAR),
    (State.JUDGING, Input.OUR_FAULT): (State.UNDECIDED, Outcome.OUR_FAULT),
    (State.JUDGING, Input.ANOTHER_WAY): (State.OPEN, None),
    (State.JUDGING, Input.CANCEL): (State.UNDECIDED, None),
}

OTHER_WAY = "other_way"  # why a sheet was declined: by code instead
CANNOT_ACT = "cannot_act"  # the actions of an active check cannot be done
NO_PHONE = "no_phone"  # of a verdict: no code can be sent, and none of the tries that are left would change that


def step(state: State, given: Input) -> tuple[State, Outcome | None] | None:
    """The table's answer, or None when the input is not possible in this state."""
    return TABLE.get((state, given))


class Check(msgspec.Struct, kw_only=True, gc=False):
    """One pending check inside a session. Times are engine milliseconds."""

    check_id: str
    number: int
    kind: CheckKind
    nonce: str
    deadline_ms: int
    state: State = State.OPEN
    freezes: int = 0
    tries: int = 0
    mismatches: int = 0
    accepted_try: int = 0
    accepted_ms: int = 0
    detail: str = ""
    first_redis_ms: int = 0
    way: CheckWay = CheckWay.ROUTINE
    roll: int = 0
    first_try: int = 1
    aided: bool = False

    @property
    def try_number(self) -> int:
        """The try that is awaited or judged now, from 1. Those that were given up for another way have numbers, too:
        what was sent for one of them is never taken for the awaited one."""
        return self.first_try + self.tries

    def actions(self, policy: Policy) -> tuple[str, ...]:
        """What the awaited try asks for, in order; drawn anew for each."""
        if self.way is not CheckWay.ACTIVE:
            return ()
        return actions.draw(self.roll, policy.active_turns, light=policy.active_light)

    def left_ms(self, now_ms: int) -> int:
        return max(0, self.deadline_ms - now_ms)

    def judged(
        self, outcome: Outcome, detail: str, policy: Policy, *, active_next: bool = False, roll: int = 0
    ) -> Outcome | None:
        """A verdict on the awaited try. Returns the outcome of the check when that ends it.

        `active_next`: something about a routine burst asks for an active one. Whatever else was said of it, it does
        not pass, and costs the learner no try. `roll`: for the actions of the next try.
        """
        if outcome is Outcome.OUR_FAULT:
            return self._move(Input.OUR_FAULT)
        turns = active_next and self.way is CheckWay.ROUTINE and not self.aided
        if turns and outcome is not Outcome.MISMATCH:
            self.mismatches, self.detail = 0, detail
            self.go_on(CheckWay.ACTIVE, roll)
            return None
        self.tries += 1
        self.accepted_try = 0
        self.detail = detail
        if turns:
            self.way = CheckWay.ACTIVE
        self.roll = roll if self.way is CheckWay.ACTIVE else 0
        last = self.tries >= policy.check_tries
        if outcome is Outcome.PASSED:
            self.detail = CANNOT_ACT if self.aided else detail
            return self._move(Input.PASSED_AIDED if self.aided else Input.PASSED)
        if outcome is Outcome.UNCLEAR:
            self.mismatches = 0
            return self._move(Input.UNCLEAR_LAST if last or detail == NO_PHONE else Input.UNCLEAR)
        assert outcome is Outcome.MISMATCH, outcome
        self.mismatches += 1
        if self.mismatches >= 2:
            return self._move(Input.MISMATCH_AGAIN)
        return self._move(Input.MISMATCH_LAST if last else Input.MISMATCH)

    def go_on(self, way: CheckWay, roll: int = 0, *, aided: bool = False) -> bool:
        """The awaited try is given up for one in another way, in the same window; False when the check is over."""
        if step(self.state, Input.ANOTHER_WAY) is None:
            return False
        self._move(Input.ANOTHER_WAY)
        self.first_try += 1
        if way is CheckWay.CODE:
            # The tries by camera are over, and what they came to: a mistyped code shall not be the last of three.
            self.first_try, self.tries, self.mismatches = self.first_try + self.tries, 0, 0
        self.way, self.aided = way, aided
        self.roll = roll if way is CheckWay.ACTIVE else 0
        self.accepted_try = self.accepted_ms = 0
        return True

    def accept(self, now_ms: int) -> None:
        if step(self.state, Input.ACCEPTED):
            self._move(Input.ACCEPTED)
            self.accepted_try = self.try_number
            self.accepted_ms = now_ms

    def window_over(self) -> Outcome | None:
        """Nothing more was answered in time. One mismatch and then silence counts as no answer; who looked for a way
        to answer was there, and a person looks."""
        tried = self.try_number > 1 and self.mismatches == 0
        return self._move(Input.DEADLINE_TRIED if tried else Input.DEADLINE)

    def declined(self, detail: str) -> Outcome | None:
        if step(self.state, Input.DECLINED):
            self.detail = detail
            return self._move(Input.DECLINED)
        return None

    def cancel(self) -> None:
        if step(self.state, Input.CANCEL):
            self._move(Input.CANCEL)

    def _move(self, given: Input) -> Outcome | None:
        answer = step(self.state, given)
        if answer is None:
            return None
        self.state, outcome = answer
        return outcome

    def pending(self, now_ms: int, offset_ms: int, *, frozen: bool = False) -> PendingCheck:
        """How it stands in a snapshot. `offset_ms` turns engine milliseconds into Redis TIME."""
        return PendingCheck(
            check_id=self.check_id,
            number=self.number,
            kind=self.kind,
            nonce=self.nonce,
            left_ms=self.left_ms(now_ms),
            at_redis_ms=now_ms + offset_ms,
            frozen=frozen,
            freezes=self.freezes,
            tries=self.tries,
            mismatches=self.mismatches,
            accepted_try=self.accepted_try,
            accepted_redis_ms=self.accepted_ms + offset_ms if self.accepted_ms else 0,
            detail=self.detail,
            first_redis_ms=self.first_redis_ms,
            way=self.way,
            roll=self.roll,
            first_try=self.first_try,
            aided=self.aided,
        )


def thaw(pending: PendingCheck, policy: Policy, now_ms: int, now_redis_ms: int) -> Check | None:
    """The check goes on after a reconnect; None when it must be issued anew (away too long).

    The first absence does not shorten the window, up to `check_freeze_ms_max`; later ones do: a check cannot
    be put off by dropping the line.
    """
    away_ms = max(0, now_redis_ms - pending.at_redis_ms)
    if away_ms > policy.check_freeze_ms_max:
        return None
    left_ms = pending.left_ms if pending.freezes == 0 else pending.left_ms - away_ms
    judging = pending.accepted_try == pending.first_try + pending.tries
    return Check(
        check_id=pending.check_id,
        number=pending.number,
        kind=pending.kind,
        nonce=pending.nonce,
        deadline_ms=now_ms + max(0, left_ms),
        state=State.JUDGING if judging else State.OPEN,
        freezes=pending.freezes + 1,
        tries=pending.tries,
        mismatches=pending.mismatches,
        accepted_try=pending.accepted_try,
        accepted_ms=now_ms if judging else 0,
        detail=pending.detail,
        first_redis_ms=pending.first_redis_ms,
        way=pending.way,
        roll=pending.roll,
        first_try=pending.first_try,
        aided=pending.aided,
    )
