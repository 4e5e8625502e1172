"""What one open seat earns: coverage, stretch, day and refusals. The inputs of a session work on it.

Split from `session` so that neither becomes the file that holds everything: here is how milliseconds are
granted and closed, there is what a beat, a verdict or an instruction means.
"""

from __future__ import annotations

import msgspec

from proctor.core import claims, flags
from proctor.core.credit import Credit, Grant
from proctor.core.dialogue import Dialogue
from proctor.core.facts import CapReached, CheckKind, Fact, Flagged, FlagKind, Reason, Span, Spans
from proctor.core.inputs import Draw, Opening, Snapshot
from proctor.core.intervals import edge, subtract, union
from proctor.core.person import Person
from proctor.core.policy import Policy
from proctor.core.snapshot import decode_snapshot, encode_fields
from proctor.core.stretch import SPANS_MAX, RefusedRun, Stretch
from proctor.core.wire import Ack, Beat

CLOSED_MAX = 4  # closed stretches that a snapshot may carry until the journal has stored them
PIECES_MAX = 22  # spans in a snapshot: it must stay small


class View(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the player may know now, by the public rules only: a reply is no oracle."""

    total_ms: int
    final_ms: int
    day_ms: int
    counting: bool
    why: str
    complete: bool
    short_ms: int
    nonce: str
    go_on: bool  # playback may go on, as far as checks are concerned


class Seat:
    """State of one learner at one lesson under one fence, and the ways in which it earns."""

    __slots__ = (
        "learner_id", "lesson_id", "class_id", "fence", "device_id", "page_id", "policy", "duration_ms", "licence",
        "due_ms", "durable_seq", "stored_seq", "changed", "lost", "held", "dialogue", "credit", "person",
        "stretch", "run", "provisional", "final_ms", "complete", "day", "day_end_ms", "day_used_ms", "midnight_ms",
        "position_ms", "closed", "short_ms", "why", "state", "instruction_version", "takeovers", "score",
        "at_ms", "_opened", "_base", "_cap_told", "_flagged", "_ended_day", "reach_ms", "barred_ms",
    )  # fmt: skip

    due_ms: int  # see `Session`

    def __init__(self, opening: Opening, policy: Policy, now_ms: int, draw: Draw, verdict_ms: int = 10_000) -> None:
        base = opening.base
        self.learner_id, self.lesson_id, self.class_id = (
            opening.learner_id,
            opening.lesson_id,
            opening.class_id,
        )
        self.fence, self.device_id, self.page_id = opening.fence, opening.device_id, opening.page_id
        self.policy, self.duration_ms, self.licence = policy, opening.duration_ms, opening.licence
        self.durable_seq = self.stored_seq = 0
        self.changed, self.lost, self.held = True, False, False
        self.dialogue = Dialogue(opening.seed, policy, now_ms)
        self.credit = Credit(policy, opening.covered, now_ms)
        self.person = Person(opening, policy, now_ms, draw, verdict_ms)
        self.stretch = Stretch(base.stretch + 1 if base else 1)
        self.run = RefusedRun()
        self.provisional = opening.provisional
        self.final_ms = opening.totals.final_ms
        self.day, self.day_end_ms, self.day_used_ms = opening.day, opening.day_end_ms, opening.day_used_ms
        self.midnight_ms = 0  # of a day that ended within the claim to come
        self.position_ms = base.position_ms if base and base.lesson_id == opening.lesson_id else 0
        self.closed: tuple[tuple[int, int, Spans, str], ...] = ()
        self.short_ms = 0
        self.why = ""
        self.state = "opened"
        self.instruction_version = opening.instruction_version
        self.score = base.score if base else 0
        self.at_ms = now_ms  # of the newest accepted beat
        self.barred_ms = 0  # since then nothing is earned, and no beat has told what was played until then
        self.complete = self._is_complete()
        # Furthest position that was reached by playing on. What was withheld or void since was reached all the same:
        # coverage alone would call the place where the learner stopped a seek ahead.
        here = base.reach_ms if base and base.lesson_id == opening.lesson_id else 0
        self.reach_ms = max(edge(opening.covered), opening.reached_ms, here)
        self._base = base if opening.resumed else None
        self._cap_told = False
        self._flagged: tuple[FlagKind, ...] = ()
        self._ended_day = ("", 0)
        self._opened: tuple[Fact, ...] = ()
        self.takeovers: tuple[int, ...] = ()

    @property
    def seq(self) -> int:
        """Newest accepted beat of this connection."""
        return self.dialogue.seq

    def _barred(self) -> Reason | None:
        """Nothing can be earned now, whatever is played."""
        if self.held or self._crowded():
            return Reason.HOLD
        if self.person.stopped:
            return Reason.STOPPED
        if not self.licence.earns:
            return Reason.CLASS_CLOSED if self.licence.reason == "class_closed" else Reason.UNFILED
        if self.person.blocks:
            return Reason.CHECK_OPEN
        return None

    def _crowded(self) -> bool:
        """The journal is so far behind that a snapshot could not carry one more stretch."""
        if not self.closed:
            return len(self.stretch.spans) > PIECES_MAX
        pieces = sum(len(spans) for _number, _lesson, spans, _day in self.closed)
        return len(self.closed) >= CLOSED_MAX or pieces + len(self.stretch.spans) > PIECES_MAX

    def _is_complete(self) -> bool:
        return self.duration_ms - self.credit.covered_ms <= self.policy.complete_rest_ms

    def _day_left_ms(self) -> int:
        return max(0, self.policy.daily_cap_ms - self.day_used_ms)

    def _cap_reached(self, now_ms: int, cause: str) -> tuple[Fact, ...]:
        if self._cap_told:
            return ()
        self._cap_told = True
        cap_ms = self.policy.daily_cap_ms
        return (CapReached(lesson_id=self.lesson_id, at_ms=now_ms, cause=cause, day=self.day, cap_ms=cap_ms),)

    def _before_midnight(
        self, claim: Spans, elapsed_ms: int, now_ms: int, cause: str
    ) -> tuple[tuple[Fact, ...], int]:
        """The part of this beat's elapsed time that lay before midnight belongs to the day that ended."""
        before_ms = max(0, min(elapsed_ms, self.midnight_ms - self.credit.last_ms))
        new_day, new_used_ms = self.day, self.day_used_ms
        self.day, self.day_used_ms, self.midnight_ms = self._ended_day[0], self._ended_day[1], 0
        grant = self.credit.grant(claim, before_ms, self._day_left_ms())
        facts = self._granted(grant, now_ms, 0, []) + self._close(cause, now_ms)
        self.day, self.day_used_ms = new_day, new_used_ms
        return facts, elapsed_ms - before_ms

    def _before_bar(self, beat: Beat, claim: Spans, elapsed_ms: int, now_ms: int, cause: str) -> tuple[Fact, ...]:
        """What was played until a check was asked, or until we held playback, is earned; the beat only tells it."""
        elapsed_ms = min(elapsed_ms, self.barred_ms - self.credit.last_ms)
        self.barred_ms = 0
        span = claim[0]
        away = claims.absent(beat, span[1] - span[0]) or claims.misplaced(span, self.reach_ms, self.duration_ms)
        if elapsed_ms <= 0 or away or not self.dialogue.answers(beat.ack, beat.nonce) or self._crowded():
            return ()
        facts: tuple[Fact, ...] = ()
        if self.midnight_ms:
            facts, elapsed_ms = self._before_midnight(claim, elapsed_ms, now_ms, cause)
        self.credit.slack_ms = 0
        grant = self.credit.grant(claim, elapsed_ms, self._day_left_ms())
        self.short_ms = grant.short_ms
        # Closed at once: the check that is asked settles it, and its decision must come after it.
        return facts + self._granted(grant, now_ms, beat.frames, beat.signals) + self._close(cause, now_ms)

    def _bar(self, now_ms: int) -> None:
        """From now on nothing is earned; what is playing has earned until now."""
        if self.credit.playing and self._barred() is None:
            self.barred_ms = now_ms

    def _earned_until_redis_ms(self, opening: Opening) -> int:
        """Until when what a reconnect tells could earn, in Redis TIME: neither a check nor a take-down nor the end of
        the class costs what was played before. 0: nobody can say."""
        until_ms = opening.now_redis_ms
        asked = self.person.blocks
        if not self.licence.earns:
            until_ms = min(until_ms, self.licence.until_redis_ms)
            # What earns nothing asks nothing any more; what the seat before was asked barred it all the same.
            base = self._base
            asked = asked or (base is not None and (base.pending is not None or base.due is CheckKind.START))
        if asked and (self.person.check is not None or not opening.unknown):
            until_ms = min(until_ms, self._asked_redis_ms())
        return until_ms

    def _asked_redis_ms(self) -> int:
        """When the pending check of the earlier seat was asked: until then playing earned. 0: nobody can say."""
        pending = self._base.pending if self._base else None
        if pending is None or pending.freezes:
            return 0
        return pending.at_redis_ms + pending.left_ms - self.policy.check_window_ms

    def _granted(self, grant: Grant, now_ms: int, frames: int, signals: list[str]) -> tuple[Fact, ...]:
        if not grant.ms:
            return ()
        self.stretch.add(grant.spans, now_ms, grant.elapsed_ms, frames, signals)
        self.provisional = union(self.provisional, grant.spans)
        self.day_used_ms += grant.ms
        self.person.credited(grant.ms)
        self.changed = True
        if len(self.stretch.spans) > SPANS_MAX:
            return self._close("tick", now_ms)
        return ()

    # Refusals and flags.

    _FLAG_OF = {
        Reason.NO_FRAMES: FlagKind.NO_FRAMES,
        Reason.STALE: FlagKind.STALE_BEATS,
        Reason.TOO_OFTEN: FlagKind.TOO_OFTEN,
    }

    def _refuse(self, reason: Reason, span: Span, now_ms: int, cause: str, ms: int | None = None) -> tuple[Fact, ...]:
        self.why = reason
        width_ms = span[1] - span[0] if ms is None else ms
        ended = self.run.add(reason, span, width_ms, now_ms, self.lesson_id, cause)
        facts: tuple[Fact, ...] = (ended,) if ended else ()
        kind = self._FLAG_OF.get(reason)
        if kind is not None:
            facts += self._flag(kind, now_ms, cause, reason, span)
        return facts

    def _flag(self, kind: FlagKind, now_ms: int, cause: str, detail: str, span: Span = (0, 0)) -> tuple[Fact, ...]:
        """Once per seat and kind: a flag points people somewhere, it does not count."""
        if kind in self._flagged:
            return ()
        self._flagged += (kind,)
        score = flags.SCORES[kind]
        self.score += score
        return (
            Flagged(
                lesson_id=self.lesson_id, at_ms=now_ms, cause=cause, flag=kind, score=score, detail=detail,
                from_ms=span[0], to_ms=span[1],
            ),
        )  # fmt: skip

    def _end_run(self, now_ms: int, cause: str) -> tuple[Fact, ...]:
        ended = self.run.end(self.lesson_id, now_ms, cause)
        return (ended,) if ended else ()

    def _close(self, cause: str, now_ms: int) -> tuple[Fact, ...]:
        """The open stretch becomes a fact."""
        fact = self.stretch.close(self.lesson_id, self.day, self.policy.version, now_ms, cause)
        if fact is None:
            return ()
        self.closed = (*self.closed, (fact.stretch, self.lesson_id, fact.spans, fact.day))
        self.changed = True
        return (fact,)

    def agree(self, covered: Spans, provisional: Spans) -> None:
        """The record after a decision, and what it does not have yet: it alone knows which of two stretches over the
        same milliseconds was there when people decided, the one of before or the one that is being watched again."""
        waiting = self.stretch.spans
        for _number, lesson_id, spans, _day in self.closed:
            if lesson_id == self.lesson_id:
                waiting = union(waiting, spans)
        self.credit.covered = union(covered, waiting)
        self.provisional = union(provisional, subtract(waiting, covered))
        self.complete = self._is_complete()

    def stored(self, stretch: int, seq: int) -> None:
        """The journal committed everything up to this stretch and beat."""
        self.closed = tuple(item for item in self.closed if item[0] > stretch)
        self.stored_seq = max(self.stored_seq, seq)

    # What others may know.

    def snapshot(self, now_ms: int) -> Snapshot:
        """All that a reconnect needs, as a value."""
        return decode_snapshot(self.encoded(now_ms))

    def encoded(self, now_ms: int) -> bytes:
        """All that a reconnect needs, as bytes; the caller clears `changed` when it is durable.

        After `leave` a pending check stands frozen: its window waits for the socket to come back. The values stand
        in the order of `Snapshot`'s fields: made at every beat, a value that is only encoded would cost the most.
        """
        person = self.person
        offset_ms = person.offset_ms
        check = person.check
        return encode_fields((
            1, self.learner_id, self.lesson_id, self.fence, self.dialogue.seq, self.at_ms + offset_ms,
            self.position_ms, self.credit.playing, self.day, self.day_used_ms, self.credit.slack_ms,
            self.stretch.number, self.stretch.spans, self.stretch.began_ms + offset_ms, self.closed,
            person.number, person.decided_number, person.decided_passed, person.decided_redis_ms, person.since_ms,
            person.next_ms,
            check.pending(now_ms, offset_ms, frozen=self.state == "left") if check else None,
            person.decided_count, person.missed_count, self.score, self.instruction_version, person.must,
            person.stopped, person.due, self.takeovers, self.reach_ms, person.owes_active, person.faults,
        ))  # fmt: skip

    @property
    def total_ms(self) -> int:
        """Counted of this lesson: provisional, waiting and final."""
        return self.credit.covered_ms

    def _why(self) -> str:
        """Why nothing is counted now, "" when it is."""
        return str(self._barred() or self.why or ("" if self.credit.playing else Reason.NOT_PLAYING))

    def ack(self) -> Ack:
        """The answer to the newest beat."""
        why = self._why()
        return Ack(
            seq=self.dialogue.seq, nonce=self.dialogue.nonce(), durable=self.durable_seq, stored=self.stored_seq,
            total_ms=self.credit.covered_ms, day_ms=self.day_used_ms, counting=not why, why=why,
            complete=self.complete, short_ms=self.short_ms,
        )  # fmt: skip

    def view(self) -> View:
        why = self._why()
        return View(
            total_ms=self.total_ms, final_ms=self.final_ms, day_ms=self.day_used_ms, counting=not why,
            why=why, complete=self.complete, short_ms=self.short_ms,
            nonce=self.dialogue.nonce(), go_on=not self.person.blocks,
        )  # fmt: skip
