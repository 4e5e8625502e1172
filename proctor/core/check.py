"""The machine of one check of the person: one window, up to three tries; transitions are the table below.

The learner answers with bursts; a worker's word on each is an input. What the whole check's outcome settles is
in `session`; here is only how it comes to an outcome.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from proctor.core.facts import CheckKind, Outcome
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
    UNCLEAR = "unclear"  # tries are left
    UNCLEAR_LAST = "unclear_last"
    MISMATCH = "mismatch"  # the first one, tries are left
    MISMATCH_AGAIN = "mismatch_again"  # two running
    MISMATCH_LAST = "mismatch_last"  # one, and no try is left: a person must look
    OUR_FAULT = "our_fault"
    DEADLINE = "deadline"  # the window is over, nothing was answered
    DEADLINE_TRIED = "deadline_tried"  # over after an unclear try
    DECLINED = "declined"  # no camera, or another way was chosen
    CANCEL = "cancel"  # takeover, long absence, withdrawn consent


# (state, input) -> (next state, outcome of the check when it ends, else None). A missing pair is not possible:
# the input is ignored and nothing changes (a late verdict, an acceptance told twice). A lost socket is no
# transition: the check leaves with the snapshot (`pending`) and comes back by `thaw`, its window as it stood.
TABLE: dict[tuple[State, Input], tuple[State, Outcome | None]] = {
    (State.OPEN, Input.ACCEPTED): (State.JUDGING, None),
    (State.OPEN, Input.PASSED): (State.DECIDED, Outcome.PASSED),
    (State.OPEN, Input.UNCLEAR): (State.OPEN, None),
    (State.OPEN, Input.UNCLEAR_LAST): (State.DECIDED, Outcome.UNCLEAR),
    (State.OPEN, Input.MISMATCH): (State.OPEN, None),
    (State.OPEN, Input.MISMATCH_AGAIN): (State.DECIDED, Outcome.MISMATCH),
    (State.OPEN, Input.MISMATCH_LAST): (State.DECIDED, Outcome.UNCLEAR),
    (State.OPEN, Input.OUR_FAULT): (State.UNDECIDED, Outcome.OUR_FAULT),
    (State.OPEN, Input.DEADLINE): (State.DECIDED, Outcome.MISSED),
    (State.OPEN, Input.DEADLINE_TRIED): (State.DECIDED, Outcome.UNCLEAR),
    (State.OPEN, Input.DECLINED): (State.DECIDED, Outcome.UNCLEAR),
    (State.OPEN, Input.CANCEL): (State.UNDECIDED, None),
    (State.JUDGING, Input.PASSED): (State.DECIDED, Outcome.PASSED),
    (State.JUDGING, Input.UNCLEAR): (State.OPEN, None),
    (State.JUDGING, Input.UNCLEAR_LAST): (State.DECIDED, Outcome.UNCLEAR),
    (State.JUDGING, Input.MISMATCH): (State.OPEN, None),
    (State.JUDGING, Input.MISMATCH_AGAIN): (State.DECIDED, Outcome.MISMATCH),
    (State.JUDGING, Input.MISMATCH_LAST): (State.DECIDED, Outcome.UNCLEAR),
    (State.JUDGING, Input.OUR_FAULT): (State.UNDECIDED, Outcome.OUR_FAULT),
    (State.JUDGING, Input.CANCEL): (State.UNDECIDED, None),
}


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

    @property
    def try_number(self) -> int:
        """The burst that is awaited or judged now, from 1."""
        return self.tries + 1

    def left_ms(self, now_ms: int) -> int:
        return max(0, self.deadline_ms - now_ms)

    def judged(self, outcome: Outcome, detail: str, policy: Policy) -> Outcome | None:
        """A verdict on the awaited burst. Returns the outcome of the check when that ends it."""
        if outcome is Outcome.OUR_FAULT:
            return self._move(Input.OUR_FAULT)
        self.tries += 1
        self.accepted_try = 0
        last = self.tries >= policy.check_tries
        self.detail = detail
        if outcome is Outcome.PASSED:
            return self._move(Input.PASSED)
        if outcome is Outcome.UNCLEAR:
            self.mismatches = 0
            return self._move(Input.UNCLEAR_LAST if last else Input.UNCLEAR)
        assert outcome is Outcome.MISMATCH, outcome
        self.mismatches += 1
        if self.mismatches >= 2:
            return self._move(Input.MISMATCH_AGAIN)
        return self._move(Input.MISMATCH_LAST if last else Input.MISMATCH)

    def accept(self, now_ms: int) -> None:
        if step(self.state, Input.ACCEPTED):
            self._move(Input.ACCEPTED)
            self.accepted_try = self.try_number
            self.accepted_ms = now_ms

    def window_over(self) -> Outcome | None:
        """Nothing more was answered in time. One mismatch and then silence counts as no answer."""
        tried = self.tries > 0 and self.mismatches == 0
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
    judging = pending.accepted_try == pending.tries + 1
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
    )
