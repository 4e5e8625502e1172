"""Bugs put into the engine on purpose: the simulator must find each of them within 200 seeds.

A mutation is a function that patches the production code while it is applied. Each is a mistake that somebody
could make in good faith.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from proctor.adapters import memory_records
from proctor.adapters.memory_records import MemoryRecords
from proctor.core import claims, person, review
from proctor.core.check import Check
from proctor.core.coalesce import coalesce
from proctor.core.credit import Credit
from proctor.core.facts import CheckDecided, Outcome, Status
from proctor.core.lease import LeaseTable
from proctor.core.person import Person
from proctor.core.seat import Seat
from proctor.core.session import Session
from proctor.core.snapshot import decode_snapshot, encode_snapshot
from proctor.errors import Unavailable
from proctor.live import bursts
from proctor.live.journal import Journal
from tests.sim import loop as sim_loop

Mutation = Callable[[Callable[[Any, str, Any], None]], None]
MUTATIONS: dict[str, Mutation] = {}


def mutation(function: Mutation) -> Mutation:
    MUTATIONS[function.__name__] = function
    return function


@contextlib.contextmanager
def applied(name: str) -> Iterator[None]:
    """The engine with this bug in it; "" for the engine as it is."""
    before: list[tuple[Any, str, Any]] = []

    def patch(owner: Any, attribute: str, value: Any) -> None:
        before.append((owner, attribute, owner.__dict__[attribute]))
        setattr(owner, attribute, value)

    if name:
        MUTATIONS[name](patch)
    try:
        yield
    finally:
        for owner, attribute, value in reversed(before):
            setattr(owner, attribute, value)


# Fences and leases.


@mutation
def equal_fence_opens(patch) -> None:
    """`>=` where the design says `>`: a fence that Redis handed out twice opens the seat twice."""
    patch(MemoryRecords, "is_newer", staticmethod(lambda fence, stored: fence >= stored))


@mutation
def renewal_ignores_the_fence(patch) -> None:
    """An old holder renews its lease and overwrites the newer one's snapshot."""
    sync = LeaseTable.sync

    def wrong(self, learner_id, fence, *rest):
        row = self.rows.get(learner_id)
        if row is not None and row.fence > fence:
            row.fence = fence
        return sync(self, learner_id, fence, *rest)

    patch(LeaseTable, "sync", wrong)


# The formula.


@mutation
def no_gap_cap(patch) -> None:
    """However long a beat was silent, all of it counts."""

    def wrong(self, now_ms):
        return max(0, now_ms - self.last_ms) if self.playing else 0

    patch(Credit, "elapsed_ms", wrong)


@mutation
def slack_is_not_bounded(patch) -> None:
    """Unused elapsed is saved up without end."""
    grant = Credit.grant

    def wrong(self, claim, elapsed_ms, day_left_ms):
        before_ms = self.slack_ms
        found = grant(self, claim, elapsed_ms, day_left_ms)
        self.slack_ms = before_ms + elapsed_ms - found.ms
        return found

    patch(Credit, "grant", wrong)


@mutation
def slack_survives_a_seek(patch) -> None:
    """Seek, hide and pause do not empty the slack."""
    accept = Credit.accept
    patch(Credit, "accept", lambda self, now_ms, playing, keep_slack: accept(self, now_ms, playing, True))


@mutation
def hidden_counts(patch) -> None:
    """What is not in front is believed to be watched."""
    patch(claims, "absent", lambda _beat, _claim_ms: None)


@mutation
def resume_is_worth_two_gaps(patch) -> None:
    resume = Session.resume

    def wrong(self, spans, frames, position_ms, now_ms, opening):
        one_gap = self.policy
        self.policy = msgspec.structs.replace(one_gap, gap_ms_max=2 * one_gap.gap_ms_max)
        try:
            return resume(self, spans, frames, position_ms, now_ms, opening)
        finally:
            self.policy = one_gap

    patch(Session, "resume", wrong)


@mutation
def resume_counts_what_was_paused(patch) -> None:
    """A resume earns although the last durable beat said that nothing plays."""
    resume = Session.resume

    def wrong(self, *given):
        if self._base is not None:
            self._base = msgspec.structs.replace(self._base, playing=True)
        return resume(self, *given)

    patch(Session, "resume", wrong)


@mutation
def cap_is_forgotten_by_a_reconnect(patch) -> None:
    init = Seat.__init__

    def wrong(self, opening, *rest):
        init(self, msgspec.structs.replace(opening, day_used_ms=0), *rest)

    patch(Seat, "__init__", wrong)


# The journal and the record.


@mutation
def failed_batch_is_dropped(patch) -> None:
    """SQL does not answer, and what was to be written is forgotten."""
    write = Journal._write

    async def wrong(self, group):
        try:
            await write(self, group)
        except Unavailable:
            for waiting in group:
                self._count -= len(waiting.facts)
                self._waiting.pop(id(waiting.learner), None)

    patch(Journal, "_write", wrong)


@mutation
def totals_instead_of_deltas(patch) -> None:
    """What is sent again is stored again, and nobody looks what is there already."""
    patch(MemoryRecords, "unstored", staticmethod(lambda item, _stored: item.facts))
    patch(MemoryRecords, "is_stored", staticmethod(lambda _fact, _seat: False))
    patch(memory_records, "subtract", lambda left, _right: left)


@mutation
def a_repeated_check_settles_again(patch) -> None:
    """A decided check that is sent once more settles what was earned after it, too."""
    _sent_again(patch, lambda fact: isinstance(fact, CheckDecided))


@mutation
def refusals_and_flags_stand_twice(patch) -> None:
    """Only what the ledger knows is recognised when it is sent once more."""
    _sent_again(patch, lambda fact: not isinstance(fact, CheckDecided))


def _sent_again(patch, stands_twice: Callable[[Any], bool]) -> None:
    """Of what is stored already, such facts are stored once more."""
    unstored = MemoryRecords.unstored

    def wrong(item, stored):
        again = item.facts[: max(0, stored - item.first)]
        return *filter(stands_twice, again), *unstored(item, stored)

    patch(MemoryRecords, "unstored", staticmethod(wrong))


@mutation
def coalescing_across_a_check(patch) -> None:
    """A decided check moves to the front of its batch, past the credit that it must settle."""

    def wrong(facts):
        return coalesce(sorted(facts, key=lambda fact: not isinstance(fact, CheckDecided)))

    patch(memory_records, "coalesce", wrong)


@mutation
def settled_outside_the_open(patch) -> None:
    """What the snapshot holds is settled a moment after the seat was opened, in a transaction of its own."""
    settle = MemoryRecords._settle

    def wrong(self, request, seat, base):
        loop = sim_loop.asyncio.get_running_loop()

        def later() -> None:
            if seat.fence == request.fence:
                settle(self, request, seat, base)

        loop.call_later(0.3, later)
        return 0

    patch(MemoryRecords, "_settle", wrong)


@mutation
def stretch_numbers_repeat(patch) -> None:
    """A session goes on with the number of the stretch that its predecessor had open."""
    init = Seat.__init__

    def wrong(self, opening, *rest):
        init(self, opening, *rest)
        if opening.base is not None:
            self.stretch.number = opening.base.stretch

    patch(Seat, "__init__", wrong)


@mutation
def rollups_forget_what_a_check_settled(patch) -> None:
    settle_rows = MemoryRecords._settle_rows

    def wrong(self, *given):
        settle_rows(self, *given)
        return set()

    patch(MemoryRecords, "_settle_rows", wrong)


@mutation
def durable_is_told_early(patch) -> None:
    """Accepted beats are called durable before any snapshot has them."""
    beat = Session.beat

    def wrong(self, frame, now_ms):
        found = beat(self, frame, now_ms)
        self.durable_seq = self.seq
        return found

    patch(Session, "beat", wrong)


# Checks.


@mutation
def snapshot_without_the_due_check(patch) -> None:
    encoded = Seat.encoded

    def wrong(self, now_ms):
        whole = decode_snapshot(encoded(self, now_ms))
        return encode_snapshot(msgspec.structs.replace(whole, pending=None, due=None))

    patch(Seat, "encoded", wrong)


@mutation
def open_check_does_not_bar(patch) -> None:
    """Playback goes on and counts while a check is pending."""
    patch(Person, "blocks", property(lambda self: self.must or self.stopped))


@mutation
def verdict_of_another_check_counts(patch) -> None:
    """A verdict is taken for the pending check whichever check it was for: a cancelled one passes the next."""
    judged, heard = Person.judged, bursts.Bursts.judged

    def for_this(check, verdict):
        if check is None:
            return verdict
        return msgspec.structs.replace(verdict, check_id=check.check_id, try_number=check.try_number)

    def wrong(self, verdict, now_ms, draw):
        return judged(self, for_this(self.check, verdict), now_ms, draw)

    def wrongly_heard(self, learner, verdict):
        return heard(self, learner, for_this(learner.session.person.check, verdict))

    patch(Person, "judged", wrong)
    patch(bursts.Bursts, "judged", wrongly_heard)


@mutation
def acceptance_is_not_read_at_the_deadline(patch) -> None:
    """The window ends, and nobody looks whether a burst was accepted in time."""

    async def wrong(self, learner, check_id, try_number):
        learner.resolving = False
        if not learner.over and learner.session.wants_verdict(self._clock.now_ms()) == (check_id, try_number):
            check = learner.session.person.check
            check.state = type(check.state).OPEN
            facts = learner.session.expired(check_id, self._clock.now_ms(), bursts.draw())
            self._hub.emit(learner, facts)

    patch(bursts.Bursts, "resolve", wrong)


@mutation
def a_check_costs_what_was_played_before_it(patch) -> None:
    """The beat that tells it comes after the question, and is refused whole."""
    patch(Seat, "_bar", lambda self, now_ms: None)


@mutation
def who_cannot_be_asked_is_barred_all_the_same(patch) -> None:
    """Redis does not answer, the page hears of no check, and nothing counts until the window ends."""
    patch(bursts.Bursts, "unreachable", lambda self, learner, _awaited: setattr(learner, "trouble", True))


@mutation
def one_mismatch_is_enough(patch) -> None:
    judged = Check.judged

    def wrong(self, outcome, *given, **more):
        if outcome is Outcome.MISMATCH:
            self.mismatches += 1
        return judged(self, outcome, *given, **more)

    patch(Check, "judged", wrong)


@mutation
def a_face_is_asked_of_who_refused(patch) -> None:
    """The way is drawn before anybody looks for consent."""
    issue = Person.issue

    def wrong(self, now_ms, draw):
        consent, self.consent = self.consent, True
        try:
            return issue(self, now_ms, draw)
        finally:
            self.consent = consent

    patch(Person, "issue", wrong)


@mutation
def a_doubt_is_only_an_unclear_try(patch) -> None:
    """A routine burst that left a doubt is followed by another routine one."""
    judged = Check.judged

    def wrong(self, outcome, detail, policy, *, active_next=False, roll=0):
        return judged(self, outcome, detail, policy, active_next=False, roll=roll)

    patch(Check, "judged", wrong)


@mutation
def who_says_that_actions_cannot_be_done_passes(patch) -> None:
    """A still gets by an active check with one tap."""
    judged = Check.judged

    def wrong(self, *given, **more):
        self.aided = False
        return judged(self, *given, **more)

    patch(Check, "judged", wrong)


@mutation
def an_active_check_is_thrown_off_by_a_fault(patch) -> None:
    """What comes after a fault of ours is drawn anew, whatever it was before."""
    patch(person, "_owes_active", lambda _check: False)


@mutation
def a_missed_check_withholds_nothing(patch) -> None:
    """SQL makes final what should be withheld."""
    table = {**memory_records.SETTLES, Outcome.MISSED: Status.FINAL}
    patch(memory_records, "SETTLES", table)


# People.


@mutation
def void_is_ignored_by_a_live_session(patch) -> None:
    instruct = Session.instruct

    def wrong(self, instruction, now_ms, record=None):
        if instruction.action == "void":
            instruction, record = msgspec.structs.replace(instruction, lesson_id=0), None
        return instruct(self, instruction, now_ms, record)

    patch(Session, "instruct", wrong)


@mutation
def one_person_voids(patch) -> None:
    """The proposer confirms the own proposal."""
    table = {
        key: msgspec.structs.replace(step, who=review.Who.ANYONE) for key, step in review.TABLE.items()
    }
    patch(review, "TABLE", table)


@mutation
def restored_is_paid_again(patch) -> None:
    """What people gave back is stored once more when it was being watched again."""
    patch(memory_records, "subtract", lambda left, _right: left)
