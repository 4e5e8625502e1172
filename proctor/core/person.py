"""The person layer of one session: when the next check is due, the pending one, and what it came to.

It knows nothing of spans: `session` closes the stretch before a check and settles the coverage after it. Of who did
not agree to face checks no face is ever asked: these checks go by code, from the start or from the moment it is said.
"""

from __future__ import annotations

from proctor.core.check import CANNOT_ACT, OTHER_WAY, Check, State, thaw
from proctor.core.facts import (
    CheckDecided,
    CheckIssued,
    CheckKind,
    CheckTried,
    CheckUndecided,
    CheckWay,
    Fact,
    Outcome,
)  # fmt: skip
from proctor.core.inputs import Draw, Opening, PendingCheck, Verdict
from proctor.core.policy import Policy
from proctor.core.schedule import (
    FAULTS_MAX,
    again_ms,
    is_active,
    makeup_over,
    next_check_ms,
    start_check_needed,
    too_many_misses,
    weekday_of,
)  # fmt: skip

FAR_MS = 2**62


def _owes_active(check: Check | PendingCheck) -> bool:
    """Nobody decided it: is the next one active? Else an active check, or what became of one, is thrown off for a
    routine one by dropping the line."""
    return check.way is not CheckWay.ROUTINE or check.aided


class Person:
    """Checks of one session. Times are engine milliseconds; `offset_ms` turns them into Redis TIME."""

    __slots__ = (
        "lesson_id", "policy", "consent", "enrolled", "active", "verdict_ms", "check", "number", "decided_number",
        "decided_passed", "decided_redis_ms", "since_ms", "next_ms", "decided_count", "missed_count", "due",
        "due_at_ms", "must", "stopped", "offset_ms", "end_first_redis_ms", "owes_active", "faults",
    )  # fmt: skip

    def __init__(self, opening: Opening, policy: Policy, now_ms: int, draw: Draw, verdict_ms: int) -> None:
        base = opening.base
        self.lesson_id = opening.lesson_id
        self.policy = policy
        self.consent = opening.face_consent
        self.enrolled = opening.enrolled
        self.active = opening.licence.earns  # what earns nothing needs no check
        self.verdict_ms = verdict_ms
        self.check: Check | None = None
        self.number = base.check_number if base else 0
        self.decided_number = base.decided_number if base else 0
        self.decided_passed = base.decided_passed if base else False
        self.decided_redis_ms = base.decided_redis_ms if base else 0
        self.since_ms = base.credited_since_check_ms if base else 0
        self.next_ms = (base.next_check_ms if base else 0) or next_check_ms(policy, draw.roll)
        self.decided_count = base.checks_decided if base else 0
        self.missed_count = base.checks_missed if base else 0
        self.due: CheckKind | None = None
        self.due_at_ms = FAR_MS
        self.must = False  # missed: playback stands until the learner takes a check
        self.stopped = False
        self.offset_ms = opening.now_redis_ms - now_ms
        self.end_first_redis_ms = 0
        # An active check that nobody decided is asked for again as one, and where another device took the seat.
        self.owes_active = (base is not None and base.owes_active) or self._taken_over(opening)
        self.faults = base.faults if base else 0

    def _taken_over(self, opening: Opening) -> bool:
        return opening.taken_over and self.policy.active_takeover

    def open(self, opening: Opening, now_ms: int) -> tuple[Fact, ...]:
        """What the earlier seat left pending goes on, is issued anew, or is settled by the start check."""
        base = opening.base
        pending = base.pending if base and base.pending and base.decided_number < base.pending.number else None
        if pending is None:
            self._open_without_pending(opening, now_ms)
            return ()
        if opening.resumed:
            self.check = thaw(pending, self.policy, now_ms, opening.now_redis_ms)
            if self.check is not None:
                return () if self.consent else self._by_code("no_consent", now_ms, "resume")
        self.owes_active = self.owes_active or _owes_active(pending)
        if opening.resumed:
            self._ask(pending.kind, now_ms, True)
            return (self._undecided(pending.check_id, pending.number, pending.kind, "away", now_ms, "resume"),)
        if pending.kind is CheckKind.END:
            return self._end_check_left(opening, now_ms)
        why = "taken_over" if opening.taken_over else "away"
        self._ask(CheckKind.START, now_ms, self.active)
        return (self._undecided(pending.check_id, pending.number, pending.kind, why, now_ms, "open"),)

    def _open_without_pending(self, opening: Opening, now_ms: int) -> None:
        base = opening.base
        if opening.resumed and base is not None:
            self.must, self.stopped = base.must_check, base.stopped
            if base.due is not None:
                self._ask(base.due, now_ms, True)
                return
        if not opening.resumed or opening.unknown:
            # What was due when the page was left is not shed by leaving it: a fresh pass does not stand for it.
            # Nor is what a gateway had asked that died before anybody else knew of it.
            left_due = base is not None and base.due is not None
            needed = left_due or start_check_needed(self.policy, base, opening.now_redis_ms)
            # A pass at the device that was left says nothing about who sits at this one.
            needed = needed or (self.policy.check_at_start and self._taken_over(opening))
            self._ask(CheckKind.START, now_ms, needed)

    def _end_check_left(self, opening: Opening, now_ms: int) -> tuple[Fact, ...]:
        """An end check left open comes first, once more; after its make-up window it was missed."""
        assert opening.base and opening.base.pending
        pending = opening.base.pending
        first_ms = pending.first_redis_ms or pending.at_redis_ms
        if makeup_over(self.policy, first_ms, opening.now_redis_ms, weekday_of(first_ms)):
            self._ask(CheckKind.START, now_ms, self.active)
            check = Check(
                check_id=pending.check_id,
                number=pending.number,
                kind=pending.kind,
                nonce="",
                deadline_ms=now_ms,
                way=pending.way,
            )
            return (self._decided(check, Outcome.MISSED, now_ms, "open"),)
        self.end_first_redis_ms = first_ms
        self._ask(CheckKind.END, now_ms, self.active)
        return (self._undecided(pending.check_id, pending.number, pending.kind, "away", now_ms, "open"),)

    def _ask(self, kind: CheckKind, at_ms: int, needed: bool) -> None:
        if needed and self.active:
            self.due, self.due_at_ms = kind, at_ms

    # What happens while studying.

    def put_off(self) -> None:
        """The due check cannot be judged yet: it stays due. A start check bars nobody from beginning meanwhile."""
        if self.due is CheckKind.START:
            self.due = CheckKind.RANDOM
            self.owes_active = self.owes_active or self.policy.active_start

    def credited(self, ms: int) -> None:
        self.since_ms += ms

    def plan(self, now_ms: int, playing: bool) -> None:
        """A random check is due when enough was credited and somebody is playing to be asked."""
        if self.due is None and self.check is None and self.active and not self.must and playing:
            self._ask(CheckKind.RANDOM, now_ms, self.since_ms >= self.next_ms)

    def ended(self, now_ms: int) -> None:
        """The lesson is complete: its tail is settled by an end check."""
        if self.check is None and self.since_ms > 0:
            self._ask(CheckKind.END, now_ms, self.policy.check_at_end)

    def take(self, now_ms: int) -> None:
        """After a missed check the learner is ready for another one: also where nothing is earned any more, for
        playback stands until it was taken."""
        if self.must and self.check is None and not self.stopped:
            self.due, self.due_at_ms = self.due or CheckKind.RANDOM, now_ms

    def is_due(self, now_ms: int) -> bool:
        return self.due is not None and self.due_at_ms <= now_ms and self.check is None and not self.stopped

    @property
    def blocks(self) -> bool:
        """Playback stands: a check is pending or must be taken, or the lesson was stopped."""
        return self.check is not None or self.must or self.stopped or self.due is CheckKind.START

    def deadline_ms(self) -> int:
        """Engine time at which somebody must look at the pending check again."""
        if self.check is not None:
            if self.check.state is State.JUDGING:
                return self.check.accepted_ms + self.verdict_ms
            return self.check.deadline_ms
        return self.due_at_ms if self.due is not None else FAR_MS

    def issue(self, now_ms: int, draw: Draw) -> tuple[Fact, ...]:
        """The due check is issued, in the way that policy and dice say; by code where no face may be asked."""
        assert self.due is not None
        kind, self.due, self.due_at_ms = self.due, None, FAR_MS
        self.number += 1
        self.must = False
        now_redis_ms = now_ms + self.offset_ms
        active = self.owes_active or is_active(self.policy, kind, draw.roll)
        way = CheckWay.CODE if not self.consent else CheckWay.ACTIVE if active else CheckWay.ROUTINE
        self.owes_active = False
        self.check = Check(
            check_id=draw.check_id,
            number=self.number,
            kind=kind,
            nonce=draw.nonce,
            deadline_ms=now_ms + self.policy.check_window_ms,
            first_redis_ms=(self.end_first_redis_ms or now_redis_ms) if kind is CheckKind.END else 0,
            way=way,
            roll=draw.low if way is CheckWay.ACTIVE else 0,
        )
        self.end_first_redis_ms = 0
        return (self._issued(self.check, now_ms, "tick", reissued=False),)

    def _issued(self, check: Check, now_ms: int, cause: str, *, reissued: bool) -> CheckIssued:
        return CheckIssued(
            lesson_id=self.lesson_id, at_ms=now_ms, cause=cause, check_id=check.check_id, number=check.number,
            kind=check.kind, nonce=check.nonce, window_ms=check.left_ms(now_ms), reissued=reissued, way=check.way,
        )  # fmt: skip

    def judged(self, verdict: Verdict, now_ms: int, draw: Draw) -> tuple[Fact, ...]:
        """The word on a try. One for another check or another try than the awaited one changes nothing."""
        check = self.check
        if check is None or verdict.check_id != check.check_id or verdict.try_number != check.try_number:
            return ()
        cause, way = f"check:{check.check_id}", check.way
        if verdict.detail == "no_consent" and way is not CheckWay.CODE:
            # Withdrawn, and the word of it is still on its way to us.
            self.consent = False
            return self._by_code("no_consent", now_ms, cause)
        outcome = check.judged(
            verdict.outcome, verdict.detail, self.policy, active_next=verdict.active_next, roll=draw.low
        )
        if verdict.enrolled:
            self.enrolled = True
        if outcome is None:
            tried = Outcome.UNCLEAR if verdict.outcome is Outcome.PASSED else verdict.outcome
            return (
                CheckTried(
                    lesson_id=self.lesson_id, at_ms=now_ms, cause=cause, check_id=check.check_id,
                    try_number=verdict.try_number, outcome=tried, detail=verdict.detail or "not_sure", way=way,
                ),
            )  # fmt: skip
        if outcome is Outcome.OUR_FAULT:
            return self._our_fault(check, now_ms, draw, cause)
        return (self._close(outcome, now_ms, draw, cause),)

    def _our_fault(self, check: Check, now_ms: int, draw: Draw, cause: str) -> tuple[Fact, ...]:
        """Nothing is decided, and it is asked again; the later and the more spread, the longer our trouble lasts."""
        self.check = None
        self.owes_active = _owes_active(check)
        self.faults = min(self.faults + 1, FAULTS_MAX)
        # Playback goes on meanwhile: a start check that waits for us must not bar anybody from beginning.
        kind = CheckKind.RANDOM if check.kind is CheckKind.START else check.kind
        self._ask(kind, now_ms + again_ms(self.policy, self.faults, draw.roll), True)
        return (self._undecided(check.check_id, check.number, check.kind, "our_fault", now_ms, cause),)

    def expired(self, now_ms: int, draw: Draw) -> tuple[Fact, ...]:
        """The window is over, and neither an acceptance nor a verdict is stored: the hub has looked."""
        check = self.check
        if check is None or check.state is not State.OPEN or check.deadline_ms > now_ms:
            return ()
        outcome = check.window_over()
        assert outcome is not None
        return (self._close(outcome, now_ms, draw, f"check:{check.check_id}"),)

    def declined(self, why: str, now_ms: int, draw: Draw) -> tuple[Fact, ...]:
        """The learner cannot or will not answer in this way: another one, or a person, and never a loss.

        While a burst is judged it is not heard: its verdict comes first.
        """
        check = self.check
        if check is None or check.state is not State.OPEN:
            return ()
        if why == OTHER_WAY and check.way is not CheckWay.CODE:
            return self._by_code(OTHER_WAY, now_ms, "sheet")
        if why == CANNOT_ACT:
            if check.way is not CheckWay.ACTIVE:
                return ()  # told twice
            check.go_on(CheckWay.ROUTINE, aided=True)
            return (self._issued(check, now_ms, "sheet", reissued=True),)
        outcome = check.declined(why or "declined")
        assert outcome is not None
        return (self._close(outcome, now_ms, draw, "sheet"),)

    def withdraw_consent(self, now_ms: int) -> tuple[Fact, ...]:
        """From now on nothing of the face is taken; a pending check goes on by code."""
        self.consent = False
        return self._by_code("no_consent", now_ms, "instruction")

    def _by_code(self, why: str, now_ms: int, cause: str) -> tuple[Fact, ...]:
        check = self.check
        if check is None or check.way is CheckWay.CODE or not check.go_on(CheckWay.CODE):
            return ()
        check.detail = why
        return (self._issued(check, now_ms, cause, reissued=True),)

    def _close(self, outcome: Outcome, now_ms: int, draw: Draw, cause: str) -> CheckDecided:
        check, self.check = self.check, None
        assert check is not None
        fact = self._decided(check, outcome, now_ms, cause)
        self.since_ms = self.faults = 0
        self.next_ms = next_check_ms(self.policy, draw.roll)
        self.must = outcome is Outcome.MISSED
        self.stopped = outcome is Outcome.MISMATCH
        return fact

    def _decided(self, check: Check, outcome: Outcome, now_ms: int, cause: str) -> CheckDecided:
        self.decided_number = check.number
        self.decided_passed = outcome is Outcome.PASSED
        self.decided_redis_ms = now_ms + self.offset_ms
        self.decided_count += 1
        self.missed_count += outcome is Outcome.MISSED
        many = too_many_misses(self.policy, self.decided_count, self.missed_count)
        review = outcome in (Outcome.UNCLEAR, Outcome.MISMATCH) or (outcome is Outcome.MISSED and many)
        detail = check.detail or ("no_answer" if outcome is Outcome.MISSED else "")
        return CheckDecided(
            lesson_id=self.lesson_id, at_ms=now_ms, cause=cause, check_id=check.check_id, number=check.number,
            kind=check.kind, outcome=outcome, detail=detail, tries=check.try_number - 1, review=review, way=check.way,
        )  # fmt: skip

    def _undecided(
        self, check_id: str, number: int, kind: CheckKind, why: str, now_ms: int, cause: str
    ) -> CheckUndecided:
        return CheckUndecided(
            lesson_id=self.lesson_id, at_ms=now_ms, cause=cause, check_id=check_id, number=number, kind=kind,
            why=why,
        )  # fmt: skip
