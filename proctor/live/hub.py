"""The hub: all learners of this process, and what follows from each fact.

Frames and ticks come in, sessions decide, facts go to the journal and words to the player. One beat costs one
call: no task, no timer, no store on the way.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Coroutine

import structlog

from proctor import errors
from proctor.core import wire
from proctor.core.facts import (
    CheckDecided,
    CheckIssued,
    CheckTried,
    CheckUndecided,
    Credited,
    Fact,
    Held,
    Outcome,
    Refused,
    Stopped,
)  # fmt: skip
from proctor.core.session import Session
from proctor.errors import Unavailable
from proctor.live.alarms import Alarms
from proctor.live.bursts import Bursts
from proctor.live.holding import Holding
from proctor.live.instructions import Instructions
from proctor.live.journal import Journal
from proctor.live.learner import Claim, Learner, Link, draw
from proctor.live.leases import LeaseKeeper
from proctor.live.opening import GIVEN_UP, Closing, Opened, Opener, welcome
from proctor.live.turns import Turns
from proctor.ports import Checks, CheckTicket, Clock, Inbox, Leases, Nodes, Records, SeatWritten
from proctor.settings import Settings

log = structlog.get_logger("hub")


class Hub:
    """`mint_upload` and `mint_resume` sign what the player presents later."""

    def __init__(
        self, settings: Settings, *, node: str, clock: Clock, leases: Leases, records: Records, checks: Checks,
        inbox: Inbox, nodes: Nodes, mint_upload: Callable[[CheckTicket], str],
        mint_resume: Callable[[Claim, int, int], str],
    ) -> None:  # fmt: skip
        self.settings = settings
        self.node = node
        self.clock = clock
        self.leases = leases
        self.learners: dict[int, Learner] = {}
        self.counts: Counter[str] = Counter()
        self.alarms = Alarms()
        self.turns = Turns()
        self._mint_resume = mint_resume
        self._tasks: set[asyncio.Task] = set()
        self.holding = Holding(self)
        self.opener = Opener(leases, records, inbox, clock, node=node, handover_ms=settings.handover_ms)
        self.bursts = Bursts(self, checks, nodes, clock, mint_upload, node=node)
        self.instructions = Instructions(self, records, clock)
        self.journal = Journal(
            records, clock, every_ms=settings.journal_every_ms, facts=settings.journal_facts,
            facts_max=settings.journal_facts_max, written=self._written, held=self.holding.switch,
        )  # fmt: skip
        self.keeper = LeaseKeeper(
            leases, clock, every_ms=settings.snapshot_every_ms, lost=self._outrun, gone=self._redis_gone
        )

    def spawn(self, work: Coroutine) -> asyncio.Task:
        """Background work that must not be collected while it runs; it handles its own failures."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("task_failed", exc_info=task.exception())

    # Opening.

    async def open(self, claim: Claim, hello: wire.Start | wire.Resume, link: Link) -> Learner | None:
        """Open the seat and welcome the player, or close the link with the reason."""
        await self._replace(claim)
        resume = hello if isinstance(hello, wire.Resume) else None
        try:
            opened = await self.opener.open(claim, resume.fence if resume else None, link)
            answer = self._first(claim, opened, link)
        except Unavailable as gone:
            log.warning("open_unavailable", port=gone.port)
            link.close(errors.CLOSE_UNAVAILABLE, "unavailable")
            return None
        if isinstance(answer, Closing):
            self.counts[f"refused_{answer.why}"] += 1
            link.send(wire.Lost(why=answer.why, device=answer.device, at_ms=answer.at_ms))
            link.close(answer.code, answer.why)
            return None
        learner = self._seat(claim, link, answer, resume)
        await self._welcome(learner, answer, resume)
        return learner

    async def _replace(self, claim: Claim) -> None:
        """The same page again: its old socket is dead, whether or not anybody has noticed."""
        old = self.learners.get(claim.learner_id)
        if old is not None and claim.same_page(old.claim):
            await self.finish(old, "disconnected", release=False)
            old.link.close(errors.CLOSE_REPLACED, "replaced")

    def _first(self, claim: Claim, answer: Opened | Closing, link: Link) -> Opened | Closing:
        """A younger dial of this learner may have been quicker: its seat stands, this one is over before it began.

        A seat that nobody waits for any more gets no session, which would say that nothing plays: what the page was
        last told to be durable stays the newest word, and its next dial goes on from there.
        """
        newer = self.learners.get(claim.learner_id)
        if isinstance(answer, Closing):
            return answer
        if newer is None or newer.session.fence < answer.opening.fence:
            return GIVEN_UP if link.gone else answer
        at_ms, kind = self.clock.redis_ms(self.clock.now_ms()), newer.claim.device_kind
        return Closing(code=errors.CLOSE_TAKEN_OVER, why="taken_over", device=kind, at_ms=at_ms)

    def _seat(self, claim: Claim, link: Link, opened: Opened, resume: wire.Resume | None) -> Learner:
        now_ms = self.clock.now_ms()
        opening, seat = opened.opening, opened.seat
        session = Session(opening, seat.policy, now_ms, draw(), self.settings.verdict_ms)
        learner = Learner(claim, link, session, seat.zone, self.node, now_ms)
        former = self.learners.get(claim.learner_id)
        if former is not None:
            self.taken(former, claim.device_kind)
        self.learners[claim.learner_id] = learner
        self.counts["opened_resume" if resume else "opened_start"] += 1
        facts = session.opened()
        if resume is not None:
            spans = tuple((span[0], span[1]) for span in resume.spans)
            facts += session.resume(spans, resume.frames, resume.pos, now_ms, opening)
        # Together: the first fact may be the one that fills the journal, and who is held is granted nothing.
        self._count(facts)
        self.journal.add(learner, facts)
        if self.holding.on:
            self.journal.add(learner, session.hold("journal_full", now_ms))
        if not self.turns.put_off(session, now_ms):
            self.journal.add(learner, session.tick(now_ms, draw()))
        self.keeper.mark(learner)
        self.alarms.set(learner, now_ms)  # the next scan says when it must be looked at
        return learner

    async def _welcome(self, learner: Learner, opened: Opened, resume: wire.Resume | None) -> None:
        session, opening = learner.session, opened.opening
        before = opening.base.pending if opening.base else None
        pending = session.person.check
        if before is not None and (pending is None or pending.check_id != before.check_id):
            self.spawn(self.bursts.cancel(before.check_id))
        awaited, push, asked = self.bursts.awaited(learner), None, True
        try:
            push = await self.bursts.push_of(learner)
        except Unavailable:
            asked = False
        if learner.over:
            return
        token = self._mint_resume(learner.claim, session.class_id, session.fence)
        learner.link.send(welcome(session, opened, push, token))
        if not asked:
            self.bursts.unreachable(learner, awaited)
        elif pending is not None and before is not None and pending.check_id == before.check_id:
            self.spawn(self.bursts.catch_up(learner, pending.check_id, pending.try_number))
        if session.person.must:
            # The word that a check was missed went to an earlier seat: said again, or playback would go on uncounted.
            learner.link.send(
                wire.VerdictPush(check="", outcome=str(Outcome.MISSED), detail="", decided=True, go_on=False)
            )
        if session.person.stopped:
            self.emit(learner, (Stopped(lesson_id=session.lesson_id, at_ms=self.clock.now_ms(), cause="open"),))
        elif session.held:
            learner.link.send(wire.Hold(why="journal_full"))

    # Frames.

    def beat(self, learner: Learner, frame: wire.Beat) -> None:
        """One frame in, one frame out."""
        now_ms = self.clock.now_ms()
        learner.heard_ms = now_ms
        session = learner.session
        if learner.over:
            return
        facts = session.beat(frame, now_ms)
        self.counts["beats"] += 1
        if session.overrun:
            self.counts["overrun"] += 1
            self.emit(learner, facts)
            self.spawn(self.finish(learner, "disconnected", release=False))
            learner.link.close(errors.CLOSE_PROTOCOL, "too often")
            return
        self.emit(learner, facts)
        learner.link.send(session.ack())
        if session.changed and session.person.check is None:
            # Now, while all of it is in the processor's cache: a second later it costs five times as much.
            learner.fresh = session.encoded(now_ms)

    def sheet(self, learner: Learner, frame: wire.Sheet) -> None:
        now_ms = self.clock.now_ms()
        learner.heard_ms = now_ms
        self.emit(learner, learner.session.sheet(frame, now_ms, draw()))
        self.tick(learner, now_ms)

    def bye(self, learner: Learner) -> None:
        """The page leaves, or hands its seat over: the lease is free at once."""
        if learner.over:
            return
        if learner.handover_ms:
            self.spawn(self.hand_over(learner))
        else:
            self.spawn(self.finish(learner, "left", release=True))
            learner.link.close(1000, "bye")

    def disconnected(self, learner: Learner) -> None:
        """The socket is gone. The lease stays for its life time: the page may come back."""
        if not learner.over:
            self.spawn(self.finish(learner, "disconnected", release=False))

    # Facts.

    def emit(self, learner: Learner, facts: tuple[Fact, ...]) -> None:
        """Journal first, then words to the player."""
        self._moved(learner)
        if not facts:
            return
        self.journal.add(learner, facts)
        self._count(facts)
        for fact in facts:
            if isinstance(fact, CheckIssued):
                learner.trouble = learner.trouble and fact.reissued
                if learner.session.person.check is not None:
                    self.spawn(self.bursts.offer(learner))
            elif isinstance(fact, CheckTried):
                self.spawn(self.bursts.offer_again(learner, fact))
            elif isinstance(fact, CheckDecided):
                self.bursts.decided(learner, fact)
                self.instructions.tell(learner, "check")
            elif isinstance(fact, CheckUndecided):
                self.bursts.decided(learner, fact)
                self.spawn(self.bursts.cancel(fact.check_id))
            elif isinstance(fact, Held):
                learner.link.send(wire.Hold(why=fact.why, over=fact.over))
            elif isinstance(fact, Stopped):
                self.end(learner, "stopped", errors.CLOSE_CHECK_STOPPED)

    def _moved(self, learner: Learner) -> None:
        """The session was given something: it may be due earlier, and it may have changed."""
        session = learner.session
        learner.fresh = None
        if session.due_ms < learner.alarm_ms:
            self.alarms.set(learner, session.due_ms)
        if session.changed:
            self.keeper.mark(learner)

    def _count(self, facts: tuple[Fact, ...]) -> None:
        for fact in facts:
            if isinstance(fact, Credited):
                self.counts["credited_ms"] += sum(b - a for a, b in fact.spans)
            elif isinstance(fact, Refused):
                self.counts[f"uncounted_{fact.reason}"] += 1
            elif isinstance(fact, CheckDecided):
                self.counts[f"checks_{fact.outcome}"] += 1

    # Leaving.

    async def finish(self, learner: Learner, why: str, *, release: bool) -> None:
        """Leave in order: close the stretch, make it durable, then perhaps free the lease. Once."""
        if learner.over:
            return
        facts = learner.session.leave(why, self.clock.now_ms())
        learner.over, learner.fresh = True, None
        self._forget(learner)
        self._count(facts)
        self.journal.add(learner, facts)
        try:
            await self.keeper.sync([learner])
            if release and not learner.session.lost:
                # Whoever opens the seat next moves the fence: checks and flags not stored by then would be refused.
                await self.journal.emptied(learner, self.settings.handover_ms // 2)
                await self.leases.release(learner.claim.learner_id, learner.session.fence)
        except Unavailable as gone:
            # The journal has it, and the player keeps what it was not told to be stored.
            log.warning("leave_not_durable", port=gone.port)

    def end(self, learner: Learner, why: str, code: int, device: str = "") -> None:
        """Leave because the record half or a check says so: last word, then close."""
        if learner.over:
            return
        self.counts[f"ended_{why}"] += 1
        self.spawn(self.finish(learner, why, release=True))
        self.last_word(learner, why, code, device)

    def last_word(self, learner: Learner, why: str, code: int, device: str = "") -> None:
        at_ms = self.clock.redis_ms(self.clock.now_ms())
        learner.link.send(wire.Lost(why=why, device=device, at_ms=at_ms))
        learner.link.close(code, why)

    async def hand_over(self, learner: Learner) -> None:
        """Another device asked: flush, free the lease, and say who it was."""
        if learner.over:
            return
        await self.finish(learner, "taken_over", release=True)
        self.counts["handed_over"] += 1
        self.last_word(learner, "taken_over", errors.CLOSE_TAKEN_OVER, learner.handover_kind)

    def asked_to_hand_over(self, learner: Learner, device_kind: str) -> None:
        if learner.over or learner.handover_ms:
            return
        learner.handover_ms = self.clock.now_ms() + self.settings.handover_ms
        learner.handover_kind = device_kind
        learner.link.send(wire.Handover(in_ms=self.settings.handover_ms))
        # SQL has it before the lease is taken by force, whatever Redis forgot, and however long it does not answer.
        self.journal.hurry(learner)
        self.spawn(self._make_durable(learner))
        self.spawn(self._give_up(learner))

    async def _make_durable(self, learner: Learner) -> None:
        with contextlib.suppress(Unavailable):
            await self.keeper.sync([] if learner.over else [learner])

    async def _give_up(self, learner: Learner) -> None:
        """Without a last word, too. A timer of its own: the ticker would be late by a scan, and that is too late."""
        await asyncio.sleep(max(0, learner.handover_ms - self.clock.now_ms()) / 1_000)
        await self.hand_over(learner)

    def taken(self, learner: Learner, device_kind: str = "") -> None:
        """A newer fence exists: from now on nothing of this session counts."""
        if learner.session.lost or learner.over:
            return
        learner.session.lose()
        learner.over = True
        self._forget(learner)
        self.counts["taken"] += 1
        self.last_word(learner, "taken_over", errors.CLOSE_TAKEN_OVER, device_kind or learner.handover_kind)

    def _outrun(self, learner: Learner) -> None:
        """Redis has a newer fence; SQL, which says what counts, may not have it yet, or ever: leave in order."""
        self.spawn(self._outran(learner))

    async def _outran(self, learner: Learner) -> None:
        """By a dial that its own page had given up: the page comes back by itself, nobody has to press anything."""
        found = None
        with contextlib.suppress(Unavailable):
            found = await self.leases.holder(learner.claim.learner_id)
        if found is None or not learner.claim.same_page(found[0]):
            await self.hand_over(learner)
        elif not learner.over:
            await self.finish(learner, "disconnected", release=True)
            learner.link.close(errors.CLOSE_REPLACED, "replaced")

    def _forget(self, learner: Learner) -> None:
        if self.learners.get(learner.claim.learner_id) is learner:
            del self.learners[learner.claim.learner_id]

    # What others report.

    def _written(self, learner: Learner, answer: SeatWritten) -> None:
        if not answer.matched:
            self.counts["stale_writes"] += 1
            self.taken(learner)
        elif answer.instruction_version > learner.session.instruction_version and not learner.over:
            self.spawn(self.instructions.fetch(learner))

    def _redis_gone(self) -> None:
        for learner in self.learners.values():
            learner.trouble = learner.trouble or learner.session.person.check is not None

    # Time.

    def tick(self, learner: Learner, now_ms: int) -> None:
        """Something of this learner is due."""
        session = learner.session
        if learner.over:
            return
        if now_ms >= session.day_end_ms:
            day, day_end_ms = self.clock.day(now_ms, learner.zone)
            self.emit(learner, session.new_day(day, day_end_ms, now_ms))
        awaited = session.wants_verdict(now_ms)
        if awaited is not None and not learner.resolving:
            learner.resolving = True
            self.spawn(self.bursts.resolve(learner, *awaited))
        if session.due_ms <= now_ms and not self.turns.put_off(session, now_ms):
            self.emit(learner, session.tick(now_ms, draw()))

    async def settle(self) -> None:
        """Let background work that is under way come to its end."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
