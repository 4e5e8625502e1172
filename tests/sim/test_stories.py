"""Bugs that simulated worlds found, each told again without the world."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import msgspec

from proctor.adapters.memory import ManualClock, MemoryChecks, MemoryInbox, MemoryLeases, MemoryNodes
from proctor.adapters.memory_records import MemoryRecords
from proctor.adapters.memory_tables import Account, Class, Institution, Lesson
from proctor.core import wire
from proctor.core.facts import CheckKind, Outcome
from proctor.core.inputs import Verdict
from proctor.live.hub import Hub
from proctor.live.inbox import read_inbox
from proctor.live.learner import Claim
from proctor.settings import Settings
from tests.core.worlds import Player, after


class Link:
    """A socket that keeps what is said to it."""

    def __init__(self) -> None:
        self.said: list = []
        self.code = 0

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
    house.records.directory.accounts[1].face_consent = False  # no check stands between
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
