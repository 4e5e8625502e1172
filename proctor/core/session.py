"""The machine of one open seat: beats, checks, instructions and time in; facts out.

It decides and never waits. The hub feeds it, sends what `view` shows, writes its facts to the journal and its
`snapshot` to Redis. A learner's misbehaviour is data: every refusal is a fact. Methods return the facts in the
order in which they happened; a session that lost its lease returns none, ever.
"""

from __future__ import annotations

from proctor.core import claims, flags
from proctor.core.check import State
from proctor.core.facts import (
    CheckDecided,
    Closed,
    Completed,
    Fact,
    FlagKind,
    Held,
    Instructed,
    Opened,
    Outcome,
    Presence,
    Reason,
    Span,
    Spans,
    Stopped,
)  # fmt: skip
from proctor.core.inputs import Draw, Instruction, Licence, Opening, Verdict
from proctor.core.intervals import clip, normalise, subtract, total, union
from proctor.core.person import FAR_MS
from proctor.core.policy import Policy
from proctor.core.seat import Seat, View
from proctor.core.steady import goes_on
from proctor.core.wire import Beat, Sheet

__all__ = ["FAR_MS", "Session", "View"]

# Beats that end the open stretch and empty the slack, and the state of playback that each leaves behind.
CLOSING = {
    "pause": "paused", "seek": "seeking", "rate": "playing", "hide": "hidden", "blur": "blurred",
    "pip": "picture_in_picture", "end": "ended",
}  # fmt: skip


class Session(Seat):
    """One learner at one lesson under one fence. `due_ms`: engine time of the next `tick` that matters."""

    __slots__ = ()

    _steady = goes_on

    def __init__(self, opening: Opening, policy: Policy, now_ms: int, draw: Draw, verdict_ms: int = 10_000) -> None:
        super().__init__(opening, policy, now_ms, draw, verdict_ms)
        self._opened = self._open(opening, now_ms)
        self._plan(now_ms)

    # Opening.

    def _open(self, opening: Opening, now_ms: int) -> tuple[Fact, ...]:
        opened = Opened(
            lesson_id=self.lesson_id, at_ms=now_ms, cause="resume" if opening.resumed else "open",
            fence=self.fence, device_id=self.device_id, page_id=self.page_id, resumed=opening.resumed,
            taken_over=opening.taken_over,
        )  # fmt: skip
        before = opening.base.takeovers if opening.base else ()
        self.takeovers, many = flags.takeovers_after(before, opening.taken_over, opening.now_redis_ms, self.policy)
        facts = (opened, *self._settle(self.person.open(opening, now_ms)))
        return facts + (self._flag(FlagKind.TAKEOVERS, now_ms, "open", "") if many else ())

    def opened(self) -> tuple[Fact, ...]:
        """Facts of the opening, once. A start check is issued by the first `tick`."""
        facts, self._opened = self._opened, ()
        return facts

    def resume(self, spans: Spans, frames: int, position_ms: int, now_ms: int, opening: Opening) -> tuple[Fact, ...]:
        """The one merged frame of a reconnect: media since the newest durable beat, worth at most the formula.

        Elapsed is the difference of two Redis times, clamped once; the slack of before is gone.
        """
        if not opening.resumed or not spans:
            return ()
        placed = tuple(s for s in clip(normalise(spans), 0, self.duration_ms) if self._placed(s))
        self.position_ms = min(position_ms, self.duration_ms)
        if placed:
            # Played on while the line was down: what follows is no seek, also if nothing of it is granted.
            self.reach_ms = max(self.reach_ms, placed[-1][1])
        base, barred = self._base, self._barred()
        if base is None or base.lesson_id != self.lesson_id or not placed or not base.playing:
            return ()
        if barred not in (None, Reason.CHECK_OPEN, Reason.UNFILED, Reason.CLASS_CLOSED):
            return ()
        elapsed_ms = max(0, min(self._earned_until_redis_ms(opening) - base.at_redis_ms, self.policy.gap_ms_max))
        facts: tuple[Fact, ...] = ()
        # From where the newest known beat stood first: what lies behind it was told before, and is new only where
        # people took it back meanwhile. It must not use up the time in which something else was watched.
        for claim in (clip(placed, base.position_ms, self.duration_ms), clip(placed, 0, base.position_ms)):
            grant = self.credit.grant(claim, elapsed_ms, self._day_left_ms())
            elapsed_ms, self.credit.slack_ms = elapsed_ms - grant.ms, 0
            facts += self._granted(grant, now_ms, frames, [])
        self._plan(now_ms)
        return facts + self._close("resume", now_ms)

    def _placed(self, span: Span) -> bool:
        return claims.misplaced(span, self.reach_ms, self.duration_ms) is None

    # Beats.

    @property
    def overrun(self) -> bool:
        """So many beats that the gateway should close the socket."""
        return self.dialogue.overrun

    def beat(self, beat: Beat, now_ms: int) -> tuple[Fact, ...]:
        """One heartbeat: judge its claim, grant by the formula, close what it closes."""
        if self.lost or self._steady(beat, now_ms):
            return ()
        self.dialogue.count(now_ms)
        cause = f"beat:{beat.seq}"
        if not self.dialogue.follows(beat.seq):
            return self._refuse(Reason.STALE, beat.span or (beat.pos, beat.pos), now_ms, cause)
        self.dialogue.seq = beat.seq
        self.changed = True
        elapsed_ms = self.credit.elapsed_ms(now_ms)
        answered = self.dialogue.answers(beat.ack, beat.nonce)
        facts = self._claim(beat, elapsed_ms, answered, now_ms, cause)
        keep = beat.kind in ("beat", "play", "show") and not self.why
        self.credit.accept(now_ms, beat.playing and not self.held, keep)
        self.position_ms = min(beat.pos, self.duration_ms)
        self.at_ms, self.barred_ms = now_ms, 0
        facts += self._turn(beat, now_ms, cause)
        self._plan(now_ms)
        return facts

    def _claim(self, beat: Beat, elapsed_ms: int, answered: bool, now_ms: int, cause: str) -> tuple[Fact, ...]:
        self.short_ms = 0
        claim = clip((beat.span,), 0, self.duration_ms) if beat.span and beat.span[0] < beat.span[1] else ()
        if not claim:
            self.why = ""
            return ()
        reason = self._reason(beat, claim[0], answered)
        if claims.misplaced(claim[0], self.reach_ms, self.duration_ms) is None:
            # Playing on is no seek, also where it earned nothing (too fast, beyond the cap).
            self.reach_ms = max(self.reach_ms, claim[0][1])
        if reason is not None:
            facts = self._before_bar(beat, claim, elapsed_ms, now_ms, cause) if self.barred_ms else ()
            self.credit.slack_ms = 0
            return facts + self._refuse(reason, claim[0], now_ms, cause)
        return self._grant(beat, claim, elapsed_ms, now_ms, cause)

    def _reason(self, beat: Beat, span: Span, answered: bool) -> Reason | None:
        if not answered:
            return Reason.STALE
        if self.dialogue.too_often:
            return Reason.TOO_OFTEN
        return (
            self._barred()
            or claims.absent(beat, span[1] - span[0])
            or claims.misplaced(span, self.reach_ms, self.duration_ms)
        )

    def _grant(self, beat: Beat, claim: Spans, elapsed_ms: int, now_ms: int, cause: str) -> tuple[Fact, ...]:
        facts: tuple[Fact, ...] = ()
        if self.midnight_ms:
            facts, elapsed_ms = self._before_midnight(claim, elapsed_ms, now_ms, cause)
        silent_ms = now_ms - self.credit.last_ms
        grant = self.credit.grant(claim, elapsed_ms, self._day_left_ms())
        facts += self._granted(grant, now_ms, beat.frames, beat.signals)
        self.short_ms = grant.short_ms
        self.why = ""
        if grant.ms:
            facts += self._end_run(now_ms, cause)
        if grant.capped_ms:
            self.why = Reason.DAILY_CAP
            facts += self._refuse(Reason.DAILY_CAP, claim[0], now_ms, cause, grant.capped_ms)
            facts += self._cap_reached(now_ms, cause)
        elif grant.short_ms and grant.short_ms >= self.policy.slack_ms_max:
            # Below one beat the rest may still be claimed again: jitter is no misbehaviour.
            reason = Reason.GAP if silent_ms > self.policy.gap_ms_max else Reason.TOO_FAST
            reason = reason if self.credit.playing else Reason.NOT_PLAYING
            facts += self._refuse(reason, claim[0], now_ms, cause, grant.short_ms)
        elif grant.repeated_ms and not grant.ms:
            facts += self._refuse(Reason.REPEATED, claim[0], now_ms, cause, grant.repeated_ms)
        return facts

    def _turn(self, beat: Beat, now_ms: int, cause: str) -> tuple[Fact, ...]:
        """What kind of beat it was: closings, the state of playback, completion."""
        facts: tuple[Fact, ...] = ()
        if beat.kind in CLOSING:
            facts += self._close(cause, now_ms) + self._end_run(now_ms, cause)
        state = CLOSING.get(beat.kind) or ("playing" if beat.playing else self.state)
        if state != self.state:
            self.state = state
            where = {"lesson_id": self.lesson_id, "position_ms": self.position_ms}
            facts += (Presence(at_ms=now_ms, cause=cause, state=state, **where),)
        if not self.complete and self._is_complete():
            self.complete = True
            facts += self._close(cause, now_ms)
            facts += (Completed(lesson_id=self.lesson_id, at_ms=now_ms, cause=cause),)
        if self.complete and (beat.kind in ("end", "pause") or self.total_ms >= self.duration_ms):
            # Not before the very end: the last seconds are studied too, and the check shall settle them.
            self.person.ended(now_ms)
        return facts

    # Time.

    def _plan(self, now_ms: int) -> None:
        """When must `tick` be called again, at the latest?"""
        self.person.plan(now_ms, self.credit.playing)
        due_ms = min(self.day_end_ms, self.person.deadline_ms())
        if self.stretch.spans:
            due_ms = min(due_ms, self.stretch.began_ms + self.policy.stretch_ms_max)
        self.due_ms = due_ms

    def tick(self, now_ms: int, draw: Draw) -> tuple[Fact, ...]:
        """A due check is issued, a long stretch is written. Midnight and deadlines have inputs of their own."""
        if self.lost:
            return ()
        facts: tuple[Fact, ...] = ()
        if self.stretch.spans and now_ms - self.stretch.began_ms >= self.policy.stretch_ms_max:
            facts += self._close("tick", now_ms)
        if self.person.is_due(now_ms):
            self._bar(now_ms)
            facts += self._close("tick", now_ms) + self._settle(self.person.issue(now_ms, draw))
            self.credit.slack_ms = 0
            self.changed = True
        self._plan(now_ms)
        return facts

    def new_day(self, day: str, day_end_ms: int, now_ms: int) -> tuple[Fact, ...]:
        """Midnight in the institution's zone: the stretch closes, the cap starts anew, the beat to come is split."""
        if self.lost or day == self.day:
            self.day_end_ms = day_end_ms
            return ()
        facts = self._close("tick", now_ms)
        if self.credit.playing and self.credit.last_ms < self.day_end_ms:
            self.midnight_ms, self._ended_day = self.day_end_ms, (self.day, self.day_used_ms)
        self.day, self.day_end_ms, self.day_used_ms = day, day_end_ms, 0
        self._cap_told = False
        self.changed = True
        self._plan(now_ms)
        return facts

    def wants_verdict(self, now_ms: int) -> tuple[str, int] | None:
        """The window or the time to judge is over: the hub must read what is stored (acceptance, verdict)
        before it calls `judged`, `accepted`, `expired` or `verdict_late`. (check id, try number) or None."""
        check = self.person.check
        if check is None or self.lost or now_ms < self.person.deadline_ms():
            return None
        return check.check_id, check.try_number

    # Checks.

    def accepted(self, check_id: str, try_number: int, now_ms: int) -> tuple[Fact, ...]:
        """The web accepted an upload of this burst in time: the window waits for the verdict."""
        check = self.person.check
        if check is None or self.lost or (check.check_id, check.try_number) != (check_id, try_number):
            return ()
        check.accept(now_ms)
        self.changed = True
        self._plan(now_ms)
        return ()

    def judged(self, verdict: Verdict, now_ms: int, draw: Draw) -> tuple[Fact, ...]:
        """A worker's word on one burst; for another burst than the awaited one it changes nothing."""
        if self.lost:
            return ()
        facts = self._settle(self.person.judged(verdict, now_ms, draw))
        for kind, why in flags.of_capture(verdict) if facts else ():
            facts += self._flag(kind, now_ms, f"check:{verdict.check_id}", why)
        return self._after_check(facts, now_ms)

    def verdict_late(self, check_id: str, now_ms: int, draw: Draw) -> tuple[Fact, ...]:
        """Accepted in time and still not judged: our fault, nothing is decided."""
        check = self.person.check
        if self.lost or check is None or check.check_id != check_id or check.state is not State.JUDGING:
            return ()
        late = Verdict(check_id=check_id, try_number=check.try_number, outcome=Outcome.OUR_FAULT)
        return self._after_check(self._settle(self.person.judged(late, now_ms, draw)), now_ms)

    def expired(self, check_id: str, now_ms: int, draw: Draw) -> tuple[Fact, ...]:
        """The window is over and nothing is stored for the awaited burst."""
        check = self.person.check
        if self.lost or check is None or check.check_id != check_id:
            return ()
        return self._after_check(self._settle(self.person.expired(now_ms, draw)), now_ms)

    def sheet(self, frame: Sheet, now_ms: int, draw: Draw) -> tuple[Fact, ...]:
        """The learner opened the sheet, cannot use a camera, or asks for another way."""
        check = self.person.check
        if self.lost:
            return ()
        if frame.state == "open" and check is None:
            self.person.take(now_ms)
        elif check is not None and frame.check == check.check_id:
            if frame.state == "no_camera":
                check.detail = "no_camera"
            elif frame.state == "declined":
                return self._after_check(self._settle(self.person.declined(frame.why, now_ms, draw)), now_ms)
        self._plan(now_ms)
        return ()

    def _after_check(self, facts: tuple[Fact, ...], now_ms: int) -> tuple[Fact, ...]:
        if facts:
            self.changed = True
        self._plan(now_ms)
        return facts

    def _settle(self, facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
        """What a decided check does to this lesson's coverage; SQL does the same to all lessons."""
        for fact in facts:
            if not isinstance(fact, CheckDecided):
                continue
            if fact.outcome is Outcome.PASSED:
                self.final_ms += total(self.provisional)
            elif fact.outcome in (Outcome.MISSED, Outcome.MISMATCH):
                self.credit.uncover(self.provisional)
                self.complete = self._is_complete()
            self.provisional = ()
            if fact.outcome is Outcome.MISMATCH:
                stopped = Stopped(lesson_id=self.lesson_id, at_ms=fact.at_ms, cause=fact.cause)
                facts = (*facts, stopped)
        return facts

    # Instructions, holding, leaving.

    def instruct(
        self, instruction: Instruction, now_ms: int, record: tuple[Spans, Spans] | None = None
    ) -> tuple[Fact, ...]:
        """The record half decided something; versions apply once and in order. `record`: see `Seat.agree`."""
        if self.lost or instruction.version <= self.instruction_version:
            return ()
        self.instruction_version = instruction.version
        self.changed = True
        facts = self._carry_out(instruction, now_ms)
        if record is not None:
            self.agree(*record)
        self._plan(now_ms)
        done = Instructed(
            lesson_id=self.lesson_id, at_ms=now_ms, cause=f"instruction:{instruction.version}",
            version=instruction.version, action=instruction.action,
        )  # fmt: skip
        return (*facts, done)

    def _carry_out(self, instruction: Instruction, now_ms: int) -> tuple[Fact, ...]:
        if instruction.action == "consent_withdrawn":
            return self._settle(self.person.withdraw_consent(now_ms))
        if instruction.lesson_id != self.lesson_id:
            return ()
        if instruction.action == "take_down":
            self._bar(now_ms)
            self.licence = Licence(earns=False, reason="unfiled")
            self.person.active = False
        elif instruction.action == "void":
            facts = self._close("instruction", now_ms)
            self.credit.uncover(instruction.spans)
            self.provisional = subtract(self.provisional, instruction.spans)
            self.complete = self._is_complete()
            return facts
        elif instruction.action in ("accept", "restore"):
            # What is being watched again stays provisional: people decided on what it was before.
            self.credit.covered = union(self.credit.covered, instruction.spans)
        return ()

    def hold(self, why: str, now_ms: int) -> tuple[Fact, ...]:
        """Playback must stand because of us; what was earned until now is closed."""
        if self.lost or self.held:
            return ()
        self._bar(now_ms)
        self.held = True
        return (
            *self._close("tick", now_ms),
            Held(lesson_id=self.lesson_id, at_ms=now_ms, cause="tick", why=why),
        )

    def release(self, why: str, now_ms: int) -> tuple[Fact, ...]:
        """It may go on."""
        if self.lost or not self.held:
            return ()
        self.held = False
        if not self.barred_ms:
            self.credit.accept(now_ms, False, False)
        # Else no beat came meanwhile: what was played until the hold was heard of is told by the next one.
        return (Held(lesson_id=self.lesson_id, at_ms=now_ms, cause="tick", why=why, over=True),)

    def leave(self, why: str, now_ms: int) -> tuple[Fact, ...]:
        """The seat is left in order; `why` as in `facts.Closed`. Afterwards the session is of no more use."""
        if self.lost:
            return ()
        facts = self._close(why, now_ms) + self._end_run(now_ms, why)
        self.state = "left"
        self.changed = True
        closed = Closed(lesson_id=self.lesson_id, at_ms=now_ms, cause=why, fence=self.fence, why=why)
        return (*facts, closed)

    def lose(self) -> None:
        """Somebody else holds the lease: nothing more is emitted, ever."""
        self.lost = True
        self.due_ms = FAR_MS
