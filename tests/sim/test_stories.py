"""Bugs that simulated worlds found, each told again without the world."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import msgspec
import pytest

from proctor.adapters.memory import ManualClock, MemoryChecks, MemoryInbox, MemoryLeases, MemoryNodes
from proctor.adapters.memory_records import MemoryRecords
from proctor.adapters.memory_tables import Account, Class, Institution, Lesson
from proctor.core import wire
from proctor.core.facts import CheckKind, Credited, Outcome
from proctor.core.inputs import Instruction, Licence, Verdict
from proctor.core.lease import Holding
from proctor.live.hub import Hub
from proctor.live.inbox import deliver, read_inbox
from proctor.live.learner import Claim, Learner
from proctor.live.ticker import run_ticker
from proctor.ports import HandoverAsked
from proctor.settings import Settings
from tests.core.worlds import Player, after

NO_START = '{"check_at_start": false}'

class Link:
    """A socket that keeps what is said to it."""

    def __init__(self) -> None:
        self.said: list = []
        self.code = 0

    @property
    def gone(self) -> bool:
        return bool(self.code)

    def send(self, frame) -> None:
        self.said.append(frame)

    def close(self, code: int, reason: str = "") -> None:
        self.code = code

    def last(self, kind: type):
        return next((frame for frame in reversed(self.said) if isinstance(frame, kind)), None)


class House:
    """Hubs over the same stores in memory."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.leases = MemoryLeases(self.clock.now_ms)
        self.inbox = MemoryInbox()
        self.inbox.leases = self.leases
        self.checks = MemoryChecks(self.clock.now_ms, self.inbox)
        self.nodes = MemoryNodes(self.clock.now_ms)
        self.records = MemoryRecords()
        directory = self.records.directory
        directory.institutions[1] = Institution()
        directory.accounts[1] = Account(institution_id=1)
        directory.lessons[1] = Lesson(course_id=1, duration_ms=600_000)
        directory.classes[1] = Class(course_ids=(1,), roster={1})

    def hub(self, node: str) -> Hub:
        return Hub(
            Settings(), node=node, clock=self.clock, leases=self.leases, records=self.records, checks=self.checks,
            inbox=self.inbox, nodes=self.nodes, mint_upload=lambda ticket: ticket.check_id,
            mint_resume=lambda _claim, _class_id, _fence: "token",
        )  # fmt: skip


def claim(device: str = "d", ticket: str = "") -> Claim:
    return Claim(
        learner_id=1, lesson_id=1, class_id=1, institution_id=1, login_id="", account_version=1, device_id=device,
        page_id=f"page-{device}", device_kind="pc", host=False, lease_ms=30_000, first_keeps=False,
        ticket_id=ticket, ticket_left_ms=60_000,
    )  # fmt: skip


START = wire.Start(v=1, ticket="t")
PHONE = Holding(device_id="phone", page_id="page-phone", node="b")


async def resumed(hub: Hub, fence: int) -> tuple:
    link = Link()
    learner = await hub.open(claim(), wire.Resume(v=1, token="t", fence=fence), link)
    return learner, link


def beat(link: Link, learner, **changes) -> wire.Beat:
    session = learner.session
    values = {
        "seq": session.seq + 1, "kind": "beat", "pos": 0, "playing": True, "frames": 250, "ack": session.seq,
        "nonce": session.view().nonce,
    }  # fmt: skip
    return wire.Beat(**{**values, **changes})


def test_where_a_withheld_lesson_stopped_is_no_seek_ahead() -> None:
    """Seed 3: a missed check withheld everything; after a reconnect the next second was refused as a seek ahead,
    and the learner watched uncounted to the end. What was granted once was reached, whatever became of it."""
    player = Player(covered=(), reached_ms=142_000)
    player.pos = 142_000
    player.play()
    player.beat()
    assert player.total_ms == 10_000


def test_what_was_reached_without_credit_is_reached_after_a_reconnect() -> None:
    """Seed 46: ten seconds refused while a check was open are no wall for the seat that follows."""
    player = Player()
    player.play()
    player.beat(played_ms=10_000, visible=False)
    assert player.total_ms == 0
    snapshot = player.session.snapshot(player.now_ms)
    again = Player(passed=False, **_values(after(snapshot, 1_000)))
    again.pos = 10_000
    again.play()
    again.beat()
    assert again.total_ms == 10_000


def test_a_check_that_was_due_is_not_shed_by_leaving_the_page() -> None:
    """Seed 277: the end check failed by our fault, the next lesson was opened, and a fresh pass stood for it."""
    player = Player()
    player.play()
    player.beat()
    snapshot = msgspec.structs.replace(player.session.snapshot(player.now_ms), due=CheckKind.END)
    again = Player(passed=False, **{**_values(after(snapshot, 1_000)), "resumed": False})
    again.tick()
    assert snapshot.decided_passed and again.session.person.check is not None


def _values(opening) -> dict:
    return {name: getattr(opening, name) for name in ("resumed", "base", "now_redis_ms", "fence")}


async def test_a_verdict_given_between_two_seats_is_read_by_the_second_one() -> None:
    """Seed 10: the burst was judged while the gateway was dead. The learner stood before the sheet until the
    window ended, although the verdict was stored all the time."""
    house = House()
    hub, link = house.hub("a"), Link()
    learner = await hub.open(claim(ticket="t1"), START, link)
    await hub.settle()
    check = learner.session.person.check
    await hub.finish(learner, "disconnected", release=False)
    await house.checks.judge(Verdict(check_id=check.check_id, try_number=1, outcome=Outcome.PASSED))
    again, said = await resumed(house.hub("b"), learner.session.fence)
    await asyncio.sleep(0.01)
    assert again.session.person.check is None
    assert said.last(wire.VerdictPush).outcome == "passed" and said.last(wire.VerdictPush).go_on


async def test_a_page_that_comes_back_hears_again_that_a_check_was_missed() -> None:
    """Seed 3: the word was said to a socket that was dead already. The page played on, and nothing counted."""
    house = House()
    hub, link = house.hub("a"), Link()
    learner = await hub.open(claim(ticket="t1"), START, link)
    await hub.settle()
    house.clock.advance(60_000)
    check = learner.session.person.check
    hub.emit(learner, learner.session.expired(check.check_id, house.clock.now_ms(), SimpleNamespace(roll=0)))
    await hub.finish(learner, "disconnected", release=False)
    again, said = await resumed(house.hub("b"), learner.session.fence)
    assert said.last(wire.VerdictPush) is not None and not said.last(wire.VerdictPush).go_on
    hub_b = house.hub("b")
    hub_b.sheet(again, wire.Sheet(check="", state="open"))
    assert again.session.person.check is not None, "and is asked as soon as it is ready"


async def test_a_holder_that_redis_forgot_hands_over_before_it_is_thrown_out() -> None:
    """Seed 23: Redis lost its data, another device started, and what the first gateway had been told to be durable
    was refused with its fence. SQL knows where the seat was: that gateway is asked first."""
    house = House()
    hub, link = house.hub("a"), Link()
    stop = asyncio.Event()
    reading = asyncio.create_task(read_inbox(hub, house.inbox, stop))
    house.records.directory.classes[1].policy = NO_START  # no check stands between
    learner = await hub.open(claim(ticket="t1"), START, link)
    hub.beat(learner, beat(link, learner, kind="play"))
    house.clock.advance(10_000)
    hub.beat(learner, beat(link, learner, span=(0, 10_000), pos=10_000))
    await hub.journal.flush()
    await hub.keeper.sync([learner])
    assert learner.session.durable_seq == 2
    house.leases.table.lose_everything()

    async def page() -> None:
        while link.last(wire.Handover) is None:
            await asyncio.sleep(0.01)
        hub.bye(learner)

    handing = asyncio.create_task(page())
    other = Link()
    newcomer = await house.hub("b").open(claim("phone", "t2"), START, other)
    await handing
    reading.cancel()
    assert newcomer.session.credit.covered == ((0, 10_000),)


async def test_a_holder_that_redis_forgot_and_that_hears_nothing_is_told_that_its_seat_is_taken() -> None:
    """Seed 8652: the word to hand over was lost, and an opening told only rivals that Redis knew. Redis forgot once
    more, and the older seat was renewed for a beat that was told to be durable."""
    house = House()
    hub, link = house.hub("a"), Link()
    learner = await hub.open(claim(ticket="t1"), START, link)
    await hub.journal.flush()
    house.leases.table.lose_everything()
    opening = asyncio.create_task(house.hub("b").open(claim("phone", "t2"), START, Link()))
    await asyncio.sleep(0.1)  # asked to hand over, and nobody heard it
    stop = asyncio.Event()
    reading = asyncio.create_task(read_inbox(hub, house.inbox, stop))
    newcomer = await opening
    await asyncio.sleep(0.01)
    reading.cancel()
    assert newcomer.session.fence > learner.session.fence
    assert learner.over and link.code == 4400


def asked_after(player: Player, ms: int) -> None:
    """A check falls due between two beats and is asked."""
    player.now_ms += ms
    player.session.person.due, player.session.person.due_at_ms = CheckKind.RANDOM, player.now_ms
    player.tick()
    assert player.session.person.check is not None


def test_what_was_played_until_a_check_was_asked_is_earned() -> None:
    """Seed 296: the beat that told it came after the question, and 7.4 seconds were refused with what followed."""
    player = Player()
    player.play()
    player.beat()
    asked_after(player, 4_000)
    player.beat("pause", wait_ms=300, played_ms=4_300)
    assert player.total_ms == 14_000 and player.session.view().short_ms == 300
    player.beat("beat", wait_ms=5_000, played_ms=5_000)
    assert player.total_ms == 14_000, "once, and nothing of what came after"
    kinds = [type(fact).__name__ for fact in player.facts]
    player.pass_check()
    assert player.session.final_ms == 14_000 and "Credited" in kinds, "and that check settles it"


@pytest.mark.parametrize("how", ["hold", "take_down"])
def test_what_was_played_until_we_stopped_counting_is_earned(how: str) -> None:
    """Seed 27: the journal was full, and the five seconds before playback was held were refused, too."""
    player = Player()
    player.play()
    player.beat()
    player.now_ms += 6_000
    if how == "hold":
        player.add(player.session.hold("journal_full", player.now_ms))
    else:
        player.add(player.session.instruct(Instruction(version=1, action="take_down", lesson_id=2), player.now_ms))
    player.beat("pause", wait_ms=200, played_ms=6_200)
    assert player.total_ms == 16_000


def test_a_resume_earns_until_the_check_that_nobody_heard_was_asked() -> None:
    player = Player()
    player.play()
    player.beat()
    asked_after(player, 4_000)
    snapshot = player.session.snapshot(player.now_ms)
    again = Player(passed=False, **_values(after(snapshot, 9_000)))
    opened = after(snapshot, 9_000)
    again.add(again.session.resume(((10_000, 19_000),), 225, 19_000, again.now_ms, opened))
    assert again.session.person.check is not None
    assert sum(b - a for fact in again.facts if isinstance(fact, Credited) for a, b in fact.spans) == 4_000


@pytest.mark.parametrize("reason", ["unfiled", "class_closed"])
@pytest.mark.parametrize(("asked", "until_ms", "earned_ms"), [(0, 4_000, 4_000), (3_000, 4_000, 3_000), (0, -1, 0)])
def test_a_resume_earns_until_the_lesson_ended(reason: str, asked: int, until_ms: int, earned_ms: int) -> None:
    """Seed 3461: the page slept when its lesson was taken down. What it had played before that was refused with
    what followed, because a live session alone knew until when its lesson had earned."""
    player = Player()
    player.play()
    player.beat()
    if asked:
        asked_after(player, asked)
    snapshot = player.session.snapshot(player.now_ms)
    ended = Licence(earns=False, reason=reason, until_redis_ms=snapshot.at_redis_ms + until_ms)
    opened = after(snapshot, 9_000, licence=ended)
    again = Player(passed=False, **_values(opened), licence=ended)
    again.add(again.session.resume(((10_000, 19_000),), 225, 19_000, again.now_ms, opened))
    assert sum(b - a for fact in again.facts if isinstance(fact, Credited) for a, b in fact.spans) == earned_ms
    again.beat(wait_ms=5_000, played_ms=5_000)
    assert again.session.why, "and nothing of what comes after"


def watching_again() -> Player:
    """A stretch was withheld by a missed check, and is being watched once more."""
    player = Player()
    player.play()
    player.beat()
    player.session.person.due, player.session.person.due_at_ms = CheckKind.RANDOM, player.now_ms
    miss(player)
    player.session.sheet(wire.Sheet(check="", state="open"), player.now_ms, player.dice())
    player.pass_check()
    player.pos = 0
    player.play()
    player.beat()
    return player


@pytest.mark.parametrize("action", ["accept", "restore"])
def test_what_is_being_watched_again_stays_provisional_when_people_give_the_first_time_back(action: str) -> None:
    """Seed 1954: the record kept the new stretch provisional and a missed check withheld it; the live session had
    taken it for decided, and told the learner seven seconds that nobody had."""
    player = watching_again()
    given = Instruction(version=1, action=action, lesson_id=2, spans=((0, 10_000),))
    player.add(player.session.instruct(given, player.now_ms))
    player.session.person.due, player.session.person.due_at_ms = CheckKind.RANDOM, player.now_ms
    miss(player)
    assert player.total_ms == 0


def miss(player: Player) -> None:
    player.tick()
    check = player.session.person.check
    assert check is not None
    player.now_ms += player.policy.check_window_ms + 1
    player.add(player.session.expired(check.check_id, player.now_ms, player.dice()))


def test_what_people_took_back_meanwhile_does_not_use_up_the_time_of_a_resume() -> None:
    """Seed 537: the page told once more what was not stored, people had voided two seconds of it while the line was
    down, and these were granted again instead of the two seconds that had just been watched."""
    player = Player()
    player.play()
    player.beat()
    snapshot = player.session.snapshot(player.now_ms)
    opened = after(snapshot, 2_000, covered=((0, 4_000), (6_000, 10_000)))
    again = Player(passed=False, at_ms=player.now_ms + 2_000, **_values(opened), covered=opened.covered)
    again.session.resume(((0, 12_000),), 300, 12_000, again.now_ms, opened)
    assert again.session.credit.covered == ((0, 4_000), (6_000, 12_000))
    alone = Player(passed=False, at_ms=player.now_ms + 2_000, **_values(opened))
    alone.add(alone.session.resume(((10_000, 12_000),), 50, 12_000, alone.now_ms, opened))
    assert alone.total_ms == 2_000


@pytest.mark.parametrize("renewed", [True, False])
async def test_a_redis_that_forgot_alone_loses_nothing(renewed: bool) -> None:
    """Seed 65: Redis lost its data, the gateway renewed the lease without the snapshot, the line broke unheard, and
    the page resumed elsewhere from what SQL had: 24 seconds, some of them told to be durable, were gone."""
    house = House()
    hub, link = house.hub("a"), Link()
    stop = asyncio.Event()
    works = (read_inbox(hub, house.inbox, stop), run_ticker(hub, stop), hub.journal.run(stop))
    loops = [asyncio.create_task(work) for work in works]
    house.records.directory.classes[1].policy = NO_START  # no check stands between
    learner = await hub.open(claim(ticket="t1"), START, link)
    await hub.journal.flush()
    hub.beat(learner, beat(link, learner, kind="play"))
    house.clock.advance(10_000)
    hub.beat(learner, beat(link, learner, span=(0, 10_000), pos=10_000))
    await hub.keeper.sync([learner])
    assert learner.session.durable_seq == 2
    house.leases.table.lose_everything()
    if renewed:
        await hub.keeper.sync([learner])

    async def time() -> None:
        while True:
            await asyncio.sleep(0.01)
            house.clock.advance(20)

    loops.append(asyncio.create_task(time()))
    again = await house.hub("b").open(claim(), wire.Resume(v=1, token="t", fence=1), Link())
    for task in loops:
        task.cancel()
    assert again is not None and again.session.credit.covered == ((0, 10_000),), "also what the page tells no more"


async def ten_durable_seconds(house: House) -> tuple[Hub, Link, Learner]:
    house.records.directory.classes[1].policy = NO_START  # no check stands between
    hub, link = house.hub("a"), Link()
    learner = await hub.open(claim(ticket="t1"), START, link)
    hub.beat(learner, beat(link, learner, kind="play"))
    house.clock.advance(10_000)
    hub.beat(learner, beat(link, learner, span=(0, 10_000), pos=10_000))
    await hub.keeper.sync([learner])
    assert learner.session.durable_seq == 2
    return hub, link, learner


async def test_who_is_asked_to_hand_over_makes_durable_at_once_what_redis_forgot() -> None:
    """Seed 3570: Redis forgot the newest snapshot, another device started, the page that was asked did not answer,
    and the lease was taken by force before its gateway gave it up: a second that was told to be durable was gone."""
    house = House()
    hub, _link, learner = await ten_durable_seconds(house)
    house.leases.table.rows[1].snapshot = b""
    hub.asked_to_hand_over(learner, "phone")
    await asyncio.sleep(0.01)
    taken = house.leases.table.acquire(1, PHONE, 30_000, house.clock.now_ms(), force=True)
    assert taken.snapshot is not None and taken.snapshot.open_spans == ((0, 10_000),)


async def test_who_is_outrun_in_redis_stores_what_it_knows_for_sql_may_never_hear_of_the_newer_fence() -> None:
    """Seed 8802: another device took the lease and SQL failed before it had a seat. The gateway in use threw away
    what it knew, since the snapshot had it, and then Redis forgot the snapshot."""
    house = House()
    hub, _link, learner = await ten_durable_seconds(house)
    house.leases.table.acquire(1, PHONE, 30_000, house.clock.now_ms(), force=True)
    await hub.keeper.sync([learner])
    writing = asyncio.create_task(hub.journal.run(asyncio.Event()))
    await hub.settle()
    writing.cancel()
    assert learner.over and (await house.records.coverage(1, 1))[0] == ((0, 10_000),)


async def test_a_seat_that_was_left_in_order_is_known_to_sql_when_redis_forgets_it() -> None:
    """Seeds 8627 and 10056: it had said "it plays" and was left before it earned anything, so that SQL knew nothing
    of it. Redis forgot: the page's 20 seconds were worth nothing, and what followed was a seek ahead to the end."""
    house = House()
    house.records.directory.classes[1].policy = NO_START
    hub, link = house.hub("a"), Link()
    learner = await hub.open(claim(ticket="t1"), START, link)
    hub.beat(learner, beat(link, learner, kind="play"))
    await hub.finish(learner, "drained", release=False)
    await hub.journal.flush()
    house.leases.table.lose_everything()
    house.clock.advance(20_000)
    resume = wire.Resume(v=1, token="t", fence=1, spans=[(0, 20_000)], pos=20_000)
    again = await house.hub("b").open(claim(), resume, Link())
    assert again is not None and again.session.credit.covered == ((0, 20_000),)


@pytest.mark.parametrize("known", [True, False])
def test_what_was_played_at_a_seat_of_which_nothing_is_known_is_no_seek_ahead_and_is_earned(known: bool) -> None:
    """The start check that is asked once more comes after it, and settles it."""
    player = Player()
    player.play()
    player.beat()
    snapshot = player.session.snapshot(player.now_ms) if known else None
    opened = after(player.session.snapshot(player.now_ms), 9_000, unknown=True)
    opened = msgspec.structs.replace(opened, base=snapshot, covered=((0, 10_000),) if known else ())
    again = Player(passed=False, unknown=True, covered=opened.covered, **_values(opened))
    again.session.resume(((0, 19_000),), 225, 19_000, again.now_ms, opened)
    assert again.session.reach_ms == 19_000
    assert again.total_ms == (19_000 if known else 0)


async def test_a_seat_that_redis_has_forgotten_stores_what_it_knows_when_sql_names_it() -> None:
    """Seed 158: Redis forgot everything, the same page dialled anew and had a fence already when SQL named its old
    seat. That one was not asked, for it was the asker's page; or it heard first from Redis that it was outrun."""
    house = House()
    hub, _link, learner = await ten_durable_seconds(house)
    house.leases.table.lose_everything()
    house.leases.table.acquire(1, PHONE, 30_000, house.clock.now_ms(), fence=learner.session.fence)
    asked = HandoverAsked(learner_id=1, page_id="page-d", device_kind="pc", fence=learner.session.fence)
    deliver(hub, asked)
    writing = asyncio.create_task(hub.journal.run(asyncio.Event()))
    await hub.settle()
    writing.cancel()
    assert learner.over and (await house.records.coverage(1, 1))[0] == ((0, 10_000),)


async def test_a_page_that_comes_back_while_it_is_judged_hears_that_a_check_is_pending() -> None:
    """Seed 2988: the welcome named no check, for nothing was awaited of the page. It played on uncounted until the
    verdict came."""
    house = House()
    hub, link = house.hub("a"), Link()
    learner = await hub.open(claim(ticket="t1"), START, link)
    await hub.settle()
    check = learner.session.person.check
    hub.bursts.accepted(learner, check.check_id, 1, house.clock.now_ms())
    await hub.finish(learner, "disconnected", release=False)
    _again, said = await resumed(house.hub("b"), learner.session.fence)
    push = said.last(wire.Welcome).check
    assert push.id == check.check_id and push.judging


async def test_a_check_that_died_with_its_gateway_before_anybody_knew_is_asked_again() -> None:
    """Seed 5286: the gateway died a moment after the start check was asked. The page came back to a seat of which
    nothing was known, and 50 seconds were earned until the next random check."""
    house = House()
    first = await house.hub("a").open(claim(ticket="t1"), START, Link())
    assert first.session.person.check is not None
    _again, said = await resumed(house.hub("b"), first.session.fence)
    assert said.last(wire.Welcome).check.kind == "start"


def test_a_hold_that_is_over_before_the_page_has_heard_of_it_costs_nothing() -> None:
    """Seed 4338: the journal was full for 3 ms, and all that had been played since the last beat was refused."""
    player = Player()
    player.play()
    player.beat()
    player.now_ms += 6_000
    player.add(player.session.hold("journal_full", player.now_ms))
    player.add(player.session.release("journal_full", player.now_ms + 3))
    player.beat("pause", wait_ms=100, played_ms=6_100)
    assert player.total_ms == 16_100
    player.play()
    player.add(player.session.hold("journal_full", player.now_ms))
    player.beat("pause", wait_ms=100, played_ms=100)
    player.add(player.session.release("journal_full", player.now_ms + 9_000))
    player.beat("beat", wait_ms=10_000, played_ms=9_000)
    assert player.total_ms == 16_100, "and what was told to stand earns nothing until it is told to play"


@pytest.mark.parametrize("action", ["void", "restore"])
def test_the_record_says_on_which_of_two_stretches_people_decided(action: str) -> None:
    """Seeds 12528 and 11773: a stretch was watched again when people voided the first one, and the live session let
    go of both; they gave it back before the new one was stored, and the session still withheld it with a check."""
    player = watching_again()
    given = Instruction(version=1, action=action, lesson_id=2, spans=((0, 10_000),))
    covered = () if action == "void" else ((0, 10_000),)
    player.add(player.session.instruct(given, player.now_ms, (covered, ())))
    assert player.total_ms == 10_000
    player.session.person.due, player.session.person.due_at_ms = CheckKind.RANDOM, player.now_ms
    miss(player)
    assert player.total_ms == (0 if action == "void" else 10_000)


async def test_what_is_on_its_way_to_sql_is_stored_before_a_decision_is_taken_over() -> None:
    house = House()
    hub, _link, learner = await ten_durable_seconds(house)
    await hub.journal.flush()
    house.records.decide(1, 1, "void", ((0, 4_000),), 1, house.clock.now_ms())
    hub.emit(learner, learner.session.hold("journal_full", house.clock.now_ms()))
    await hub.instructions.fetch(learner)
    assert learner.session.instruction_version == 0, "the stretch waits in the journal"
    await hub.journal.flush()
    await hub.settle()
    assert learner.session.instruction_version == 1 and learner.session.credit.covered == ((0, 10_000),)
