"""The independent auditor: what may be credited, derived anew from what truly happened.

It shares no rule with the engine. It sees what arrives at the gateways, when (by the true clock of the simulated
host), what faces the pictures showed, what people decided, and what the stores then hold. Each law is named; the
first one broken ends the run.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

from proctor.core import facts as f
from proctor.core.snapshot import decode_snapshot
from proctor.errors import Unavailable
from tests.sim import once
from tests.sim.bits import bits, text
from tests.sim.books import Book, Chunk, Watch
from tests.sim.losses import BEAT_MS, FOR_EVER_MS
from tests.sim.ways import Ways

GAP_MS = 30_000
SLACK_MS = 10_000
SEEK_MS = 1_500
SHED_MS = 42_000  # earned at most between a check being due and being asked, besides the pause after a fault of ours
UNANSWERED_MS = 3_000
TRAVEL_MS = 20  # Redis TIME is as old as its answer when a gateway hears it
CLOSERS = ("pause", "seek", "rate", "hide", "blur", "pip", "end")


class Violation(Exception):
    """A law was broken."""

    def __init__(self, law: str, detail: str) -> None:
        super().__init__(f"{law}: {detail}")
        self.law = law
        self.detail = detail


class Auditor:
    def __init__(self, world) -> None:
        self.world = world
        self.books: dict[int, Book] = defaultdict(Book)
        self.watches: dict[int, Watch] = {}
        self.accepted_at: dict[tuple[str, int], int] = {}
        self.truth: dict[tuple[str, int], str] = {}
        self._judged: set[tuple[str, int, str]] = set()
        self._told_at: dict[tuple[str, int], int] = {}  # how often Redis had forgotten by then
        self.heard_ms: dict[str, int] = defaultdict(int)  # when the newest beat of a page was accepted
        self._once = once.Once()
        self.taken_down: dict[int, int] = {}  # lesson: true time
        self.issued: dict[str, tuple[int, int]] = {}  # check: true time, Redis losses until then
        self.ways = Ways(world.policy, self.fail)

    def fail(self, law: str, detail: str) -> None:
        world = self.world
        if world.loop.broken is None:
            world.trace("VIOLATED", law, detail)
            world.loop.broken = Violation(law, detail)

    # What the gateways see.

    def watch_gateway(self, gateway) -> None:
        hub = gateway.hub
        seat, beat, add, open_ = hub._seat, hub.beat, hub.journal.add, hub.opener.open

        async def opening(claim, fence, link):
            began_ms = self.world.loop.now_ms
            try:
                answer = await open_(claim, fence, link)
            except Unavailable:
                # A fence that Redis handed out, and no seat: whom SQL names may not have been asked any more.
                self.books[claim.learner_id].broken_open_ms = self.world.loop.now_ms
                raise
            if hasattr(answer, "opening"):
                self.books[claim.learner_id].began[answer.opening.fence] = began_ms
            return answer

        def seated(claim, link, opened, resume):
            learner = seat(claim, link, opened, resume)
            self._seated(gateway, learner, opened.opening, resume)
            return learner

        def beaten(learner, frame):
            over, before = learner.over, learner.session.credit.covered
            beat(learner, frame)
            self._beat(gateway, learner, frame, before, over)

        def added(learner, facts):
            self._watch(learner).gateway = gateway
            add(learner, facts)
            self._facts(learner, facts)

        hub._seat, hub.beat, hub.journal.add, hub.opener.open = seated, beaten, added, opening

    def _watch(self, learner) -> Watch:
        found = self.watches.get(id(learner))
        if found is None:
            found = self.watches[id(learner)] = Watch(learner)  # it keeps the learner: the id stays its own
        return found

    def _seated(self, gateway, learner, opening, resume) -> None:
        session, book = learner.session, self.books[opening.learner_id]
        now, mono = self.world.loop.now_ms, gateway.host.monotonic_ms()
        watch = self._watch(learner)
        watch.last_ms = mono
        watch.acks[0] = session.view().nonce
        watch.pending = session.person.check.check_id if session.person.check else ""
        book.beats[session.fence, 0] = (now, False)
        book.seated(watch.pending)
        base = opening.base
        accepted, playing = book.beats.get((base.fence, base.seq), (now, False)) if base else (now, False)
        if not playing:
            # Nobody had said, durably, that something plays: what was played since then is worth nothing.
            self.world.losses.stood("play_unheard", opening.learner_id, accepted if base else 0, now + 1_000)
        line = learner.link._transport
        if resume is not None and (line is None or line.client_gone):
            # Nobody is at its other end, and what the next resume tells counts from a seat in which nothing plays.
            self.world.losses.stood("given_up_dial", opening.learner_id, accepted, now)
        granted = bits(session.credit.covered) & ~bits(opening.covered)
        if resume is not None:
            for span in sorted(resume.spans):
                book.reached(session.lesson_id, span, SEEK_MS)
        if not granted:
            return
        # A seat reckons in the Redis TIME that it heard when its opening began.
        since = min(accepted, book.began.get(base.fence, accepted)) if base else now
        until = min(now, self.taken_down.get(session.lesson_id, now))
        most = min(GAP_MS, max(0, until - accepted) + TRAVEL_MS + self.world.unsure_ms(since))
        if resume is None or not playing:
            self.fail("a resume earns only after a beat that said playing", f"learner {opening.learner_id}")
        elif granted & ~bits(resume.spans):
            self.fail("a grant lies within its claim", f"learner {opening.learner_id}: {text(granted)}")
        elif granted.bit_count() > most:
            worth = f"{granted.bit_count()} of {most} ms"
            self.fail("a resume is worth one gap", f"learner {opening.learner_id}: {worth}")
        self._granted(watch, book, granted, now - most, now)

    def _beat(self, gateway, learner, frame, before, over: bool) -> None:
        session, watch = learner.session, self._watch(learner)
        book = self.books[session.learner_id]
        now, mono = self.world.loop.now_ms, gateway.host.monotonic_ms()
        after = session.credit.covered
        granted = 0 if after is before else bits(after) & ~bits(before)
        accepted = not over and frame.seq == watch.seq + 1
        elapsed = min(mono - watch.last_ms, GAP_MS) if watch.playing else 0
        if granted:
            self._grant_laws(watch, book, frame, granted, accepted, elapsed, before)
        if accepted:
            self.heard_ms[session.page_id] = now
            if frame.span:
                book.reached(session.lesson_id, frame.span, SEEK_MS)
            left = elapsed + watch.slack_ms - granted.bit_count()
            watch.slack_ms = 0 if frame.kind in CLOSERS else max(0, min(SLACK_MS, left))
            if watch.playing:
                book.worked |= bits([(max(0, now - elapsed), now)])
            elif frame.playing:
                told_ms = learner.link._transport.told_ms[frame.seq]
                self.world.losses.stood("play_on_the_way", session.learner_id, told_ms, now)
            watch.last_ms, watch.playing, watch.seq = mono, frame.playing, frame.seq
            watch.acks[frame.seq] = session.view().nonce
            book.beats[session.fence, frame.seq] = (now, frame.playing)
        if granted:
            self._granted(watch, book, granted, now - elapsed, now)
        self._durable(watch, book)

    def _grant_laws(self, watch, book, frame, granted, accepted, elapsed, before) -> None:
        ms, who = granted.bit_count(), f"learner {watch.learner.session.learner_id} beat {frame.seq}"
        span = frame.span or (0, 0)
        claim = span[1] - span[0]
        absent = not frame.visible or not frame.focused or frame.pip or (frame.frames == 0 and claim >= 5_000)
        checks = (
            (accepted, "only beats in order earn"),
            (not granted & ~bits([span]), "a grant lies within its claim"),
            (ms <= elapsed + watch.slack_ms, "credit is at most elapsed and slack"),
            (not absent, "what was not in front earns nothing"),
            (watch.acks.get(frame.ack) == frame.nonce, "a beat repeats a word of the server"),
            (frame.seq - 1 - frame.ack < 8, "a beat repeats a recent word of the server"),
            (
                not watch.pending or ms <= watch.asked_ms - watch.last_ms,
                "nothing earns while a check is open, but what was played before it was asked",
            ),
            (span[0] <= book.reach[watch.learner.session.lesson_id] + SEEK_MS, "a seek ahead earns nothing"),
        )
        for held, law in checks:
            if not held:
                self.fail(law, f"{who}: {ms} ms of {frame.kind} {span}, elapsed {elapsed}, slack {watch.slack_ms}")
                return

    def _granted(self, watch: Watch, book: Book, granted: int, from_ms: int, now_ms: int) -> None:
        session = watch.learner.session
        watch.grants.append((watch.seq, granted, self.world.redis.losses))
        book.granted[session.lesson_id] |= granted
        book.worked |= bits([(max(0, from_ms), now_ms)])
        book.since_check.add(session.lesson_id, granted)
        who = f"learner {session.learner_id}"
        if book.owed:
            book.since_owed.add(session.lesson_id, granted)
            if book.since_owed.ms > SHED_MS + self._pause_ms(book.faults):
                self.fail("a due check is never shed", f"{who}: {book.since_owed.ms} ms since {book.owed}")
        most = self.world.policy.check_every_ms_max + SHED_MS + self._pause_ms(9) + book.lost_ms
        if book.since_check.ms > most and session.licence.earns:
            self.fail("a random check comes in time", f"{who}: {book.since_check.ms} ms without one")

    def _pause_ms(self, faults: int) -> int:
        """The longest time until a check is asked again: it grows while faults of ours last, up to the fourth."""
        again_ms = self.world.policy.check_again_ms
        return again_ms + again_ms * 2 ** min(3, max(0, faults - 1))

    def _durable(self, watch: Watch, book: Book) -> None:
        session = watch.learner.session
        told = session.durable_seq
        if told <= watch.durable:
            return
        if told > watch.seq:
            self.fail("durable beats were accepted", f"learner {session.learner_id}: {told} of {watch.seq}")
        watch.durable = told
        replaced_ms = book.replaced_ms(session.fence)
        if all(at_ms < replaced_ms for at_ms in self.world.redis.lost_ms):
            replaced_ms = -1
        for seq, granted, losses in watch.grants:
            if seq <= told:
                book.durable.append(Chunk(session.lesson_id, granted, losses, watch, replaced_ms))
        watch.grants = [one for one in watch.grants if one[0] > told]

    def _facts(self, learner, facts) -> None:
        watch, book = self._watch(learner), self.books[learner.session.learner_id]
        world, session = self.world, learner.session
        if session.fence < book.fence:
            book = Book()  # a seat that somebody else has: what it says is refused, and binds nobody
        for fact in facts:
            kind = type(fact).__name__
            world.count(kind)
            word = getattr(fact, "outcome", "") or getattr(fact, "reason", "") or getattr(fact, "spans", "")
            world.trace(kind, session.learner_id, session.fence, fact.cause, word)
            if isinstance(fact, f.Opened):
                if not fact.resumed:
                    reuse_ms = world.policy.check_reuse_ms + sum(ms for _at, ms in world.steps)
                    elsewhere = fact.taken_over and world.policy.active_takeover
                    book.owes_start(world.loop.now_ms, -1 if elsewhere else reuse_ms)
            elif isinstance(fact, f.CheckIssued) and fact.reissued:
                self.ways.issued(session.learner_id, session.fence, fact)
                world.count(f"went_on_{fact.way}")
            elif isinstance(fact, f.CheckIssued):
                self.ways.issued(session.learner_id, session.fence, fact)
                world.count(f"asked_{fact.way}")
                watch.pending, watch.asked_ms = fact.check_id, watch.gateway.host.monotonic_ms()
                book.asked(fact.check_id)
                self.issued[fact.check_id] = (world.loop.now_ms, world.redis.losses)
                world.count(f"check_{fact.kind}")
                world.losses.begins("check_on_the_way", session.learner_id)
            elif isinstance(fact, f.CheckDecided):
                watch.pending = ""
                book.decided(fact.outcome, world.loop.now_ms)
                if fact.outcome == "missed":
                    asked_ms = self.issued.get(fact.check_id, (world.loop.now_ms, 0))[0]
                    # The page slept before it was asked: nothing was told since its last beat (seed 201).
                    heard_ms = max(self.heard_ms[session.page_id], asked_ms - GAP_MS)
                    since_ms = min(heard_ms, asked_ms - BEAT_MS)
                    world.losses.stood("check_missed", session.learner_id, since_ms, world.loop.now_ms)
                if fact.outcome in ("passed", "unclear"):
                    world.losses.ends("check_on_the_way", session.learner_id)
                self._outcome(fact, session.learner_id)
                world.count(f"outcome_{fact.outcome}")
                world.count(f"{fact.outcome}_{fact.way}")
                world.count("passed_for_a_person", fact.detail == "cannot_act")
            elif isinstance(fact, f.CheckUndecided):
                watch.pending = book.open_check = ""
                world.losses.ends("check_on_the_way", session.learner_id)
                book.owes(f"{fact.check_id} {fact.why}")
                book.faults += fact.why == "our_fault"
                self.ways.undecided(session.learner_id, session.fence, fact)
                world.count(f"undecided_{fact.why}")
            elif isinstance(fact, f.Refused):
                world.count(f"refused_{fact.reason}")
            elif isinstance(fact, f.Closed | f.Held):
                world.count(f"{kind}_{fact.why}")
                if kind == "Held":
                    turn = world.losses.ends if fact.over else world.losses.begins
                    turn("check_on_the_way", session.learner_id)
            elif isinstance(fact, f.CapReached):
                world.losses.stood("daily_cap", session.learner_id, world.loop.now_ms - GAP_MS, FOR_EVER_MS)
            elif isinstance(fact, f.Flagged):
                world.count(f"flag_{fact.flag}")
                self._flag(fact, session.learner_id)

    def _flag(self, fact, learner_id: int) -> None:
        if self.world.honest(learner_id) and fact.flag is not f.FlagKind.TAKEOVERS:
            self.fail("an honest learner is never flagged", f"learner {learner_id}: {fact.flag} {fact.detail}")

    # Faces.

    def refused(self, learner_id: int) -> None:
        """No face from now on; word of it is on its way to a session that is open."""
        self.ways.refused(learner_id)

    def accepted(self, ticket, redis_ms: int) -> None:
        self.ways.answered(ticket)
        self.accepted_at.setdefault((ticket.check_id, ticket.try_number), redis_ms)

    def told(self, verdict) -> None:
        """Redis was. The first word on a burst stays; one that forgot it lets the burst be taken and judged anew."""
        key, losses = (verdict.check_id, verdict.try_number), self.world.redis.losses
        if str(verdict.outcome) != "our_fault" and (*key, str(verdict.outcome)) not in self._judged:
            self.fail("what a check is told was really judged", f"check {key}: {verdict.outcome}")
        if key not in self.truth or self._told_at[key] < losses:
            self.truth[key], self._told_at[key] = str(verdict.outcome), losses

    def judged(self, job, verdict) -> None:
        self._judged.add((job.check_id, job.try_number, str(verdict.outcome)))
        self.world.trace("judged", job.learner_id, job.try_number, verdict.outcome)
        self.world.count(f"judged_{verdict.outcome}")
        self.world.count("judged_cue", verdict.active_next)
        self.ways.judged(verdict)
        if getattr(job, "deliveries", 1) > 1:
            self.world.count("job_delivered_again")

    def _outcome(self, fact, learner_id: int) -> None:
        seen = {number: word for (id_, number), word in self.truth.items() if id_ == fact.check_id}
        who = f"learner {learner_id} check {fact.number} {fact.kind}: {fact.outcome} {fact.detail}, truth {seen}"
        if fact.outcome is f.Outcome.PASSED and "passed" not in seen.values():
            self.fail("a pass was really judged, for this check", who)
        if fact.outcome is f.Outcome.PASSED:
            wrong = self.ways.passed(fact.check_id, [number for number, word in seen.items() if word == "passed"])
            if wrong:
                self.fail("an active check is passed by its actions or by code", f"{who}: {wrong}")
        if fact.outcome is f.Outcome.MISMATCH and list(seen.values()).count("mismatch") < 2:
            self.fail("a mismatch takes two", who)
        if fact.outcome is f.Outcome.MISSED:
            losses = self.issued.get(fact.check_id, (0, -1))[1]
            uploads = [number for (id_, number) in self.accepted_at if id_ == fact.check_id]
            answered = [n for n in uploads if seen.get(n) not in ("mismatch", "unclear")]
            if answered and losses == self.world.redis.losses:
                self.fail("an answer in time is no miss", f"{who}, accepted {uploads}")

    # What SQL holds.

    def opened(self, requests, answers) -> None:
        for request, answer in zip(requests, answers, strict=True):
            if not hasattr(answer, "covered"):
                continue
            book = self.books[request.learner_id]
            if request.fence <= book.fence:
                self.fail("a fence opens one seat", f"learner {request.learner_id}: {request.fence} again")
            book.fence = request.fence
            self.ways.opened(request.learner_id, request.fence)
            book.opened.append((request.fence, self.world.loop.now_ms))
            self._settled(request.learner_id, book)
            self._durable_kept(request, book)
            self._compare(request.learner_id, book)

    def _settled(self, learner_id: int, book: Book) -> None:
        """What the open added to the ledger: granted before, and not covered by anything."""
        for (lesson, day), mask in self._provisional(learner_id).items():
            new = mask & ~book.mask(lesson, ("provisional",), day)
            if not new:
                continue
            self.world.count("settled_at_open")
            if new & book.mask(lesson, Book.COVERED):
                self.fail("nothing is earned twice", f"learner {learner_id} settled {text(new)}")
            if new & ~book.granted[lesson]:
                self.fail("only what was granted is stored", f"learner {learner_id} settled {text(new)}")
            book.add(lesson, new, day)

    def _provisional(self, learner_id: int) -> dict[tuple[int, str], int]:
        found: dict[tuple[int, str], int] = defaultdict(int)
        for row in self.world.sql.records.ledger.get(learner_id, []):
            if row.status == "provisional":
                found[row.lesson_id, row.day] |= bits([(row.from_ms, row.to_ms)])
        return found

    def _durable_kept(self, request, book: Book) -> None:
        """One failure: what was told to be durable is in the ledger as soon as the next seat is open."""
        for chunk in book.durable:
            missing = chunk.mask & ~book.mask(chunk.lesson_id, Book.ALL)
            if not missing:
                continue
            if not (self._failed_as_well(request.learner_id, chunk) or self._untold(request.learner_id, chunk)):
                chunk_of = chunk.watch.learner.session
                self.world.trace("missing", chunk_of.fence, chunk_of.seq, chunk.watch.gateway.name)
                self.fail("durable is never lost by one failure", f"learner {request.learner_id}: {text(missing)}")
            else:
                # Redis forgot as well: the player resends, worth one gap.
                self.world.count("durable_lost_with_redis")
                book.lost_ms += missing.bit_count()
        book.durable = []

    def _failed_as_well(self, learner_id: int, chunk: Chunk) -> bool:
        """Redis forgot what the gateway knew: was there a second failure by which nobody could tell it any more?"""
        redis, process = self.world.redis, chunk.watch.gateway.process
        if chunk.losses == redis.losses:
            return False
        failed_ms = (
            process.thawed_ms, redis.inbox.unheard_ms.get(learner_id, -1), self.books[learner_id].broken_open_ms
        )  # fmt: skip
        silent = process.dead or process.frozen or max(failed_ms) >= redis.lost_ms[chunk.losses]
        return silent or self._waits_for_sql(chunk)

    def _untold(self, learner_id: int, chunk: Chunk) -> bool:
        """Two failures before it was told: a newer seat had been opened and the word of it never came, or late, or a
        step of TIME had ended its lease and nobody knew whom to tell; and Redis forgot that newer fence afterwards,
        so that it could only take the older one for the newest."""
        redis, fence = self.world.redis, chunk.watch.learner.session.fence
        silent = redis.inbox.untold_ms.get(learner_id, -1) >= chunk.replaced_ms
        return chunk.replaced_ms >= 0 and (silent or (learner_id, fence) in redis.cut_short)

    @staticmethod
    def _waits_for_sql(chunk: Chunk) -> bool:
        """The gateway sends what it knows, and SQL has not answered for longer than any healthy transaction takes."""
        gateway = chunk.watch.gateway
        waiting = gateway.hub.journal._waiting.get(id(chunk.watch.learner))
        now_ms = gateway.clock.now_ms()
        return waiting is not None and any(now_ms - fact.at_ms > UNANSWERED_MS for fact in waiting.facts)

    def waiting(self, learner_id: int, lesson_id: int) -> int:
        """What the newest snapshot in Redis holds: the next open of the seat settles it, also days later."""
        row = self.world.redis.leases.table.rows.get(learner_id)
        if row is None or not row.snapshot:
            return 0
        one = decode_snapshot(row.snapshot)
        found = bits(one.open_spans) if one.lesson_id == lesson_id else 0
        for _number, lesson, spans, _day in one.closed:
            found |= bits(spans) if lesson == lesson_id else 0
        return found

    def wrote(self, items, answers) -> None:
        touched: dict[int, None] = {}
        for item, answer in zip(items, answers, strict=True):
            book = self.books[item.learner_id]
            if answer.matched != (item.fence == book.fence):
                self.fail("only the newest fence writes", f"learner {item.learner_id}: {item.fence} of {book.fence}")
            if answer.matched:
                if self._fold(item, book):
                    touched[item.learner_id] = None
            elif item.facts:
                self.world.count("stale_write_refused")
                book.unstored_endings.update(getattr(fact, "check_id", "") for fact in item.facts)
        for learner_id in touched:
            self._compare(learner_id, self.books[learner_id])
        matched = [item for item, answer in zip(items, answers, strict=True) if answer.matched]
        for wrong in self._once.wrote(matched, self.world.sql.records.facts):
            self.fail(once.LAW, wrong)

    def _fold(self, item, book: Book) -> bool:
        """Does the ledger change by it, or may it have?"""
        changes = False
        for fact in item.facts:
            changes = changes or isinstance(fact, f.Credited | f.CheckDecided)
            if id(fact) in book.seen:
                self.world.count("write_repeated")
                continue
            book.seen[id(fact)] = fact
            if isinstance(fact, f.Credited):
                mask = bits(fact.spans)
                twice = mask & book.mask(fact.lesson_id, Book.COVERED)
                if twice & ~book.returned[fact.lesson_id]:
                    self.fail("nothing is earned twice", f"learner {item.learner_id} {text(mask)}")
                # Given back by people while it was watched again: paid once.
                self.world.count("given_back_meanwhile", bool(twice))
                mask &= ~twice
                if mask & ~book.granted[fact.lesson_id]:
                    self.fail("only what was granted is stored", f"learner {item.learner_id} {text(mask)}")
                book.add(fact.lesson_id, mask, fact.day)
            elif isinstance(fact, f.CheckDecided):
                book.settle(str(fact.outcome))
        return changes

    def decided(self, learner_id: int, lesson_id: int, action: str, spans) -> None:
        """People decided, in the transaction that has just ended."""
        book = self.books[learner_id]
        before = book.mask(lesson_id, ("void",)).bit_count()
        book.decide(lesson_id, action, bits(spans))
        if action == "void":
            book.since_check.take(lesson_id, bits(spans))
            book.since_owed.take(lesson_id, bits(spans))
        if action == "void" and book.mask(lesson_id, ("void",)).bit_count() > before:
            self.world.count("voided")
        self._compare(learner_id, book)

    def _compare(self, learner_id: int, book: Book) -> None:
        """Ledger, rollups and the auditor's own book say the same; nobody earned more than time passed."""
        world = self.world
        stored: dict[tuple[int, str, str], int] = defaultdict(int)
        covered: list[tuple[int, int, int]] = []
        for row in world.sql.records.ledger.get(learner_id, []):
            stored[row.lesson_id, row.day, row.status] += row.to_ms - row.from_ms
            if row.status in Book.COVERED:
                covered.append((row.lesson_id, row.from_ms, row.to_ms))
        if dict(stored) != book.totals():
            self.fail("the ledger is what happened", f"learner {learner_id}: {dict(stored)} for {book.totals()}")
        rollups: dict[tuple[int, str, str], int] = {}
        for (who, lesson, day), sums in world.sql.records.rollups.items():
            if who == learner_id:
                rollups.update({(lesson, day, status): ms for status, ms in sums.items() if ms})
        if rollups != dict(stored):
            self.fail("rollups equal the ledger", f"learner {learner_id}: {rollups} for {dict(stored)}")
        covered.sort()
        for one, next_one in pairwise(covered):
            if one[0] == next_one[0] and next_one[1] < one[2]:
                self.fail("covered spans are disjoint", f"learner {learner_id} lesson {one[0]}: {one} {next_one}")
        self._bounds(learner_id, book, stored)

    def _bounds(self, learner_id: int, book: Book, stored: dict[Any, int]) -> None:
        world = self.world
        total, worked = sum(stored.values()), book.worked.bit_count()
        if total > worked + world.unsure_ms(0) + TRAVEL_MS * book.fence:
            self.fail("one second of time pays once", f"learner {learner_id}: {total} ms earned in {worked} ms")
        days: dict[str, int] = defaultdict(int)
        for (_lesson, day, _status), ms in stored.items():
            days[day] += ms
        for day, ms in days.items():
            if ms > world.policy.daily_cap_ms:
                self.fail("a day has its cap", f"learner {learner_id} {day}: {ms} ms")
        if world.honest(learner_id):
            for lesson in world.lessons:
                more = book.mask(lesson, Book.ALL) & ~world.played(learner_id, lesson)
                if more:
                    self.fail("honest credit was really played", f"learner {learner_id}: {text(more)}")

    def two_people(self, proposer: int, who: int) -> None:
        if not proposer or proposer == who:
            self.fail("a void takes two people", f"{proposer} and {who}")
