"""Opening a seat: handover, takeover, first keeps, a store that forgot, and opens in groups."""

from __future__ import annotations

import asyncio

import pytest

from proctor import errors
from proctor.core import wire
from proctor.errors import Unavailable
from proctor.live import opening
from proctor.live.opening import GROUP_MAX, STALE_TRIES, STORM, SeatDesk
from proctor.ports import Acquire, LeaseTaken, OpenSeat, SeatRefused
from tests.live.house import House, MemoryLink, beat, deliver


async def listen(house: House, hub) -> asyncio.Task:
    """Deliver what arrives for this node, as its process does."""

    async def read() -> None:
        async for message in house.inbox.messages(hub.node):
            deliver(hub, message)

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    return task


async def test_another_device_asks_first_and_gets_the_seat_with_the_last_beat_in_it() -> None:
    house = House()
    second = house.node("n2")
    task = await listen(house, house.hub)
    learner, link = await house.studying(device="phone", device_kind="phone")
    house.clock.advance(8_000)

    async def hand_over() -> None:
        while not link.of(wire.Handover):
            await asyncio.sleep(0.005)
        beat(house.hub, learner, "pause", 8_000)
        house.hub.bye(learner)

    handing = asyncio.create_task(hand_over())
    new, new_link = await house.start(house.claim(page="page-b", device="pc"), hub=second)
    await handing
    assert new is not None and new_link.sent[0].total_ms == 8_000
    assert link.closed == (errors.CLOSE_TAKEN_OVER, "taken_over") and link.last(wire.Lost).device == "pc"
    assert second.learners[1] is new and house.hub.learners == {}
    task.cancel()


async def test_a_device_that_does_not_answer_loses_the_seat_all_the_same() -> None:
    house = House(handover_ms=60)
    second = house.node("n2")
    learner, link = await house.studying()
    house.clock.advance(5_000)
    beat(house.hub, learner, "beat", 5_000)
    await house.hub.keeper.sync([learner])
    new, new_link = await house.start(house.claim(page="page-b", device="pc"), hub=second)
    assert new is not None and new_link.sent[0].total_ms == 5_000, "what was durable is not lost"
    house.clock.advance(5_000)
    beat(house.hub, learner, "beat", 5_000)
    await house.hub.keeper.sync([learner])
    await house.hub.settle()
    assert link.closed == (errors.CLOSE_TAKEN_OVER, "taken_over"), "it learns at its next renewal"
    await house.hub.journal.flush()
    await second.journal.flush()
    assert (await house.records.coverage(1, 1))[0] == ((0, 5_000),), "nothing of the loser is stored"


async def test_where_the_first_keeps_the_newcomer_is_refused_and_told_which_device() -> None:
    house = House()
    _learner, link = await house.studying(device_kind="phone", first_keeps=True)
    claim = house.claim(page="page-b", device="pc", first_keeps=True)
    new, new_link = await house.start(claim, hub=house.node("n2"))
    assert new is None and new_link.closed == (errors.CLOSE_FIRST_KEEPS, "kept")
    assert new_link.last(wire.Lost).device == "phone" and link.closed is None


async def test_a_page_that_wakes_up_behind_another_device_is_not_let_in_by_itself() -> None:
    house = House(handover_ms=0)
    claim = house.claim()
    old, _link = await house.start(claim)
    assert old is not None
    await house.start(house.claim(page="page-b", device="pc"), hub=house.node("n2"))
    back, link = await house.resume(claim, old.session.fence)
    assert back is None and link.closed == (errors.CLOSE_TAKEN_OVER, "elsewhere")


async def test_a_store_that_forgot_its_fences_is_lifted_above_the_stored_one() -> None:
    house = House()
    for _n in range(3):
        learner, _link = await house.studying()
        house.clock.advance(4_000)
        beat(house.hub, learner, "beat", 4_000)
        await house.hub.finish(learner, "left", release=True)
        await house.hub.journal.flush()
    house.redis._port.table.lose_everything()
    again, link = await house.start(house.claim(page="page-b"))
    assert again is not None and again.session.fence == 4 and link.sent[0].total_ms == 12_000


async def test_a_store_that_forgets_again_and_again_ends_with_come_back_later(monkeypatch) -> None:
    house = House()
    answers = []

    async def always_stale(requests):
        answers.extend(requests)
        return [SeatRefused(why="stale", stored_fence=10**6 * len(answers)) for _request in requests]

    monkeypatch.setattr(house.sql._port, "open_seats", always_stale)
    learner, link = await house.start()
    assert learner is None and link.closed == (errors.CLOSE_UNAVAILABLE, "stale") and len(answers) == STALE_TRIES


@pytest.mark.parametrize(
    ("why", "code"),
    [("blocked", errors.CLOSE_NOT_ALLOWED), ("not_on_roster", errors.CLOSE_NOT_ALLOWED),
     ("no_lesson", errors.CLOSE_NOT_ALLOWED), ("account_changed", errors.CLOSE_LOGIN_ENDED)],
)  # fmt: skip
async def test_who_may_not_study_is_told_why_and_leaves_the_lease_free(why: str, code: int) -> None:
    house = House()
    claim = house.claim()
    directory = house.records.directory
    if why == "blocked":
        directory.accounts[1].status = "blocked"
    elif why == "not_on_roster":
        directory.classes[1].roster.clear()
    elif why == "no_lesson":
        directory.lessons.clear()
    else:
        directory.accounts[1].version = 2
    learner, link = await house.start(claim)
    assert learner is None and link.closed == (code, why) and await house.redis.holder(1) is None


def _request(learner_id: int) -> OpenSeat:
    values = dict.fromkeys(OpenSeat.__struct_fields__, 1)
    return OpenSeat(**{**values, "learner_id": learner_id, "snapshot": None})  # type: ignore[arg-type]


class Counter:
    """Records that only open, and break at learner 13."""

    def __init__(self, *, poison: bool = False) -> None:
        self.groups: list[int] = []
        self.poison = poison

    async def open_seats(self, requests):
        self.groups.append(len(requests))
        await asyncio.sleep(0)
        if self.poison and any(one.learner_id == 13 for one in requests):
            raise ValueError("a bug of ours")
        return [SeatRefused(why="no_lesson", stored_fence=one.learner_id) for one in requests]


async def test_opens_that_arrive_together_share_a_transaction_and_get_their_own_answers() -> None:
    records = Counter()
    desk = SeatDesk(records)  # type: ignore[arg-type]
    answers = await asyncio.gather(*(desk.open(_request(n)) for n in range(GROUP_MAX * 2 + 5)))
    assert [answer.stored_fence for answer in answers] == list(range(GROUP_MAX * 2 + 5))
    assert len(records.groups) <= 4 and max(records.groups) <= GROUP_MAX


async def test_behind_a_storm_s_group_another_pace_holds_than_behind_a_few(monkeypatch) -> None:
    monkeypatch.setattr(opening, "GROUP_EVERY_S", 600.0)
    monkeypatch.setattr(opening, "STORM_EVERY_S", 0.0)
    desk = SeatDesk(Counter())  # type: ignore[arg-type]
    async with asyncio.timeout(10):
        await asyncio.gather(*(desk.open(_request(n)) for n in range(STORM)))
        await desk.open(_request(STORM))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await desk.open(_request(STORM + 1))


async def test_one_broken_open_breaks_no_other_and_nobody_waits_for_ever() -> None:
    """A failure that was no `Unavailable` ended the desk's task: all who had asked together waited for ever."""
    desk = SeatDesk(Counter(poison=True))  # type: ignore[arg-type]
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*(desk.open(_request(n)) for n in range(20)), return_exceptions=True)
    assert [n for n, answer in enumerate(answers) if isinstance(answer, Exception)] == [13]
    assert isinstance(await desk.open(_request(1)), SeatRefused)


async def test_sql_that_is_gone_is_told_to_everybody_of_the_group() -> None:
    house = House()
    house.sql.gone = True
    desk = SeatDesk(house.sql)  # type: ignore[arg-type]
    answers = await asyncio.gather(*(desk.open(_request(n)) for n in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 5


async def test_a_handover_that_nobody_finishes_is_ended_in_time_and_stored() -> None:
    house = House(handover_ms=20)
    learner, link = await house.studying()
    house.hub.asked_to_hand_over(learner, "phone")
    house.hub.asked_to_hand_over(learner, "pc")
    assert len(link.of(wire.Handover)) == 1 and not learner.over
    await house.hub.settle()
    assert link.closed == (errors.CLOSE_TAKEN_OVER, "taken_over") and link.last(wire.Lost).device == "phone"
    assert await house.redis.holder(1) is None


async def test_a_dial_that_was_overtaken_by_a_younger_one_of_its_page_does_not_throw_it_out(monkeypatch) -> None:
    """No welcome within 3 s: the player dialled again. Both dials got their seats; the older one came home last."""
    house = House(handover_ms=0)
    await house.studying(device="phone")
    hub, told, go_on = house.node("n2"), asyncio.Event(), asyncio.Event()
    real = house.inbox.send

    async def slow(node, message) -> None:
        if isinstance(message, LeaseTaken):
            told.set()
            await go_on.wait()
        await real(node, message)

    monkeypatch.setattr(house.inbox, "send", slow)
    claim = house.claim(page="page-b", device="pc")
    older = asyncio.create_task(house.start(claim, hub=hub))
    await told.wait()
    younger, link = await house.start(house.claim(page="page-b", device="pc"), hub=hub)
    go_on.set()
    gone, old_link = await older
    assert gone is None and old_link.closed == (errors.CLOSE_TAKEN_OVER, "taken_over")
    assert younger is not None and not younger.over and link.closed is None and hub.learners == {1: younger}


class Stall:
    """SQL stands still for the next opening until `over` is set."""

    def __init__(self, house: House, monkeypatch) -> None:
        self.over, self.reached = asyncio.Event(), asyncio.Event()
        real = house.records.open_seats

        async def slow(requests):
            monkeypatch.setattr(house.records, "open_seats", real)
            self.reached.set()
            await self.over.wait()
            return await real(requests)

        monkeypatch.setattr(house.records, "open_seats", slow)


async def dialling(house: House, stall: Stall, claim, fence: int, node: str) -> tuple[asyncio.Task, MemoryLink]:
    """A resume that SQL does not answer, until the page gives it up."""
    link = MemoryLink()
    hello = wire.Resume(v=wire.PROTOCOL_VERSION, token="t", fence=fence)
    dial = asyncio.create_task(house.node(node).open(claim, hello, link))
    await stall.reached.wait()
    link.close(1001, "given up")
    return dial, link


async def playing_when_the_line_broke(house: House):
    learner, _link = await house.studying()
    house.clock.advance(5_000)
    beat(house.hub, learner, "beat", 5_000)
    await house.hub.finish(learner, "disconnected", release=False)
    await house.hub.journal.flush()
    house.clock.advance(8_000)
    return learner.claim, learner.session.fence


async def test_a_dial_that_its_page_gave_up_does_not_take_the_seat_from_the_page_s_next_one(monkeypatch) -> None:
    """It came home late, found that its fence was behind, took a new one, and the page in use lost its seat."""
    house = House()
    claim, fence = await playing_when_the_line_broke(house)
    stall = Stall(house, monkeypatch)
    dial, _link = await dialling(house, stall, claim, fence, "n2")
    third = house.node("n3")
    task = await listen(house, third)
    learner, link = await house.resume(claim, fence, hub=third)
    stall.over.set()
    assert await dial is None
    house.clock.advance(5_000)
    beat(third, learner, "beat", 5_000)
    await third.keeper.sync([learner])
    await third.settle()
    assert link.closed is None and not learner.over and learner.session.durable_seq == learner.session.seq
    assert (await house.redis.holder(1))[1] == learner.session.fence
    task.cancel()


async def test_a_seat_that_was_opened_for_nobody_costs_nothing_of_what_is_told_next(monkeypatch) -> None:
    """Its session said that nothing plays, and the next resume was worth nothing from there on."""
    house = House()
    claim, fence = await playing_when_the_line_broke(house)
    stall = Stall(house, monkeypatch)
    dial, _link = await dialling(house, stall, claim, fence, "n2")
    stall.over.set()
    assert await dial is None
    house.clock.advance(2_000)
    learner, link = await house.resume(claim, fence, spans=[(5_000, 15_000)], pos=15_000, frames=250)
    assert link.last(wire.Welcome).total_ms == 15_000 and learner.session.fence == fence + 2


async def test_a_dial_that_is_given_up_before_it_takes_the_lease_leaves_no_trace() -> None:
    house = House()
    learner, _link = await house.studying()
    link = MemoryLink()
    link.close(1001, "given up")
    hello = wire.Start(v=wire.PROTOCOL_VERSION, ticket="t")
    assert await house.node("n2").open(house.claim(page="page-b", device="pc"), hello, link) is None
    assert (await house.redis.holder(1))[1] == learner.session.fence and not learner.over


async def test_a_page_that_is_outrun_by_a_dial_it_had_given_up_comes_back_by_itself() -> None:
    """Redis stood still: the lease went to the dial that nobody waited for any more."""
    house = House()
    learner, link = await house.studying()
    house.clock.advance(5_000)
    beat(house.hub, learner, "beat", 5_000)
    await house.redis.acquire(
        Acquire(learner_id=1, holder=learner.holder, lease_ms=30_000, fence=learner.session.fence)
    )
    await house.hub.keeper.sync([learner])
    await house.hub.settle()
    assert link.closed == (errors.CLOSE_REPLACED, "replaced") and link.of(wire.Lost) == []
    await house.hub.journal.flush()
    again, back = await house.resume(learner.claim, learner.session.fence)
    assert again is not None and back.last(wire.Welcome).total_ms == 5_000
