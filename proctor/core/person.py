"""The person layer of one session: when the next check is due, the pending one, and what it came to.

It knows nothing of spans: `session` closes the stretch before a check and settles the coverage after it.
"""

from __future__ import annotations

from proctor.core.check import Check, State, thaw
from proctor.core.facts import (
    CheckDecided,
    CheckIssued,
    CheckKind,
    CheckTried,
    CheckUndecided,
    Fact,
    Outcome,
)  # fmt: skip
from proctor.core.inputs import Draw, Opening, Verdict
from proctor.core.policy import Policy
from proctor.core.schedule import (
    makeup_over,
    next_check_ms,
    start_check_needed,
    too_many_misses,
    weekday_of,
)  # fmt: skip

FAR_MS = 2**62


class Person:
    """Checks of one session. Times are engine milliseconds; `offset_ms` turns them into Redis TIME."""

    __slots__ = (
        "lesson_id", "policy", "consent", "enrolled", "active", "verdict_ms", "check", "number", "decided_number",
        "decided_passed", "decided_redis_ms", "since_ms", "next_ms", "decided_count", "missed_count", "due",
        "due_at_ms", "must", "stopped", "offset_ms", "end_first_redis_ms",
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
                return ()
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
            )
            return (self._decided(check, Outcome.MISSED, now_ms, "open"),)
        self.end_first_redis_ms = first_ms
        self._ask(CheckKind.END, now_ms, self.active)
        return (self._undecided(pending.check_id, pending.number, pending.kind, "away", now_ms, "open"),)

    def _ask(self, kind: CheckKind, at_ms: int, needed: bool) -> None:
        if needed and self.active:
            self.due, self.due_at_ms = kind, at_ms

    # What happens while studying.

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
        """After a missed check the learner is ready for another one."""
        if self.must and self.check is None and not self.stopped:
            self._ask(self.due or CheckKind.RANDOM, now_ms, True)

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
        """The due check is issued. Without consent nothing is taken: it is unclear at once, for a person."""
        assert self.due is not None
        kind, self.due, self.due_at_ms = self.due, None, FAR_MS
        self.number += 1
        self.must = False
        now_redis_ms = now_ms + self.offset_ms
        self.check = Check(
            check_id=draw.check_id,
            number=self.number,
            kind=kind,
            nonce=draw.nonce,
            deadline_ms=now_ms + self.policy.check_window_ms,
            first_redis_ms=(self.end_first_redis_ms or now_redis_ms) if kind is CheckKind.END else 0,
        )
        self.end_first_redis_ms = 0
        issued = CheckIssued(
            lesson_id=self.lesson_id, at_ms=now_ms, cause="tick", check_id=draw.check_id, number=self.number,
            kind=kind, nonce=draw.nonce, window_ms=self.policy.check_window_ms,
        )  # fmt: skip
        if self.consent:
            return (issued,)
        self.check.detail = "no_consent"
        return (issued, self._close(Outcome.UNCLEAR, now_ms, draw, "tick"))

    def judged(self, verdict: Verdict, now_ms: int, draw: Draw) -> tuple[Fact, ...]:
        """A worker's word. One for another check or another burst than the awaited one changes nothing."""
        check = self.check
        if check is None or verdict.check_id != check.check_id or verdict.try_number != check.try_number:
            return ()
        cause = f"check:{check.check_id}"
        outcome = check.judged(verdict.outcome, verdict.detail, self.policy)
        if verdict.enrolled:
            self.enrolled = True
        if outcome is None:
            return (
                CheckTried(
                    lesson_id=self.lesson_id, at_ms=now_ms, cause=cause, check_id=check.check_id,
                    try_number=verdict.try_number, outcome=verdict.outcome, detail=verdict.detail,
                ),
            )  # fmt: skip
        if outcome is Outcome.OUR_FAULT:
            self.check = None
            # Playback goes on meanwhile: a start check that waits for us must not bar anybody from beginning.
            kind = CheckKind.RANDOM if check.kind is CheckKind.START else check.kind
            self._ask(kind, now_ms + self.policy.check_again_ms, True)
            return (self._undecided(check.check_id, check.number, check.kind, "our_fault", now_ms, cause),)
        return (self._close(outcome, now_ms, draw, cause),)

    def expired(self, now_ms: int, draw: Draw) -> tuple[Fact, ...]:
        """The window is over, and neither an acceptance nor a verdict is stored: the hub has looked."""
        check = self.check
        if check is None or check.state is not State.OPEN or check.deadline_ms > now_ms:
            return ()
        outcome = check.window_over()
        assert outcome is not None
        return (self._close(outcome, now_ms, draw, f"check:{check.check_id}"),)

    def declined(self, why: str, now_ms: int, draw: Draw) -> tuple[Fact, ...]:
        check = self.check
        outcome = check.declined(why or "declined") if check is not None else None
        if outcome is None:
            return ()
        return (self._close(outcome, now_ms, draw, "sheet"),)

    def withdraw_consent(self, now_ms: int) -> tuple[Fact, ...]:
        """From now on nothing of the face is taken; a pending check ends undecided and is asked again soon."""
        self.consent = False
        check, self.check = self.check, None
        if check is None:
            return ()
        self._ask(check.kind, now_ms, True)
        undecided = self._undecided(
            check.check_id, check.number, check.kind, "consent_withdrawn", now_ms, "instruction"
        )
        return (undecided,)

    def _close(self, outcome: Outcome, now_ms: int, draw: Draw, cause: str) -> CheckDecided:
        check, self.check = self.check, None
        assert check is not None
        fact = self._decided(check, outcome, now_ms, cause)
        self.since_ms = 0
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
            kind=check.kind, outcome=outcome, detail=detail, tries=check.tries, review=review,
        )  # fmt: skip

    def _undecided(
        self, check_id: str, number: int, kind: CheckKind, why: str, now_ms: int, cause: str
    ) -> CheckUndecided:
        return CheckUndecided(
            lesson_id=self.lesson_id, at_ms=now_ms, cause=cause, check_id=check_id, number=number, kind=kind,
            why=why,
        )  # fmt: skip
