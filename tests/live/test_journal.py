"""The journal: order kept, nothing dropped, nothing twice, whatever SQL does."""

from __future__ import annotations

import asyncio

import pytest

from proctor.errors import Unavailable
from proctor.live.journal import ITEMS_MAX
from tests.live.house import House, beat


async def earn(house: House, learner, count: int = 1) -> None:
    for _n in range(count):
        house.clock.advance(2_000)
        beat(house.hub, learner, "pause", 1_000)
        beat(house.hub, learner, "play")


async def test_facts_of_a_learner_are_stored_in_their_order_and_once() -> None:
    house = House()
    learner, _link = await house.studying()
    await earn(house, learner, 3)
    waiting = house.hub.journal.waiting_facts
    await house.hub.journal.flush()
    assert house.hub.journal.waiting_facts == 0 and house.hub.journal.stored_facts == waiting
    await house.hub.journal.flush()
    ats = [fact.at_ms for _learner, _fence, fact in house.records.facts]
    assert ats == sorted(ats) and (await house.records.coverage(1, 1))[2].final_ms == 0
    assert (await house.records.coverage(1, 1))[0] == ((0, 3_000),)


async def test_while_sql_is_gone_everything_waits_and_comes_in_order_afterwards() -> None:
    house = House()
    learner, _link = await house.studying()
    house.sql.gone = True
    await earn(house, learner, 2)
    before = house.hub.journal.waiting_facts
    with pytest.raises(Unavailable):
        await house.hub.journal.flush()
    assert house.hub.journal.waiting_facts == before
    await earn(house, learner)
    house.sql.gone = False
    await house.hub.journal.flush()
    assert (await house.records.coverage(1, 1))[0] == ((0, 3_000),)


async def test_what_comes_in_while_a_transaction_runs_waits_for_the_next(monkeypatch) -> None:
    house = House()
    learner, _link = await house.studying()
    await earn(house, learner)
    real = house.records.write

    async def slow(items):
        if house.hub.journal.transactions == 0:
            await earn(house, learner)
        return await real(items)

    monkeypatch.setattr(house.records, "write", slow)
    await house.hub.journal.flush()
    assert house.hub.journal.waiting_facts > 0 and (await house.records.coverage(1, 1))[0] == ((0, 1_000),)
    await house.hub.journal.flush()
    assert (await house.records.coverage(1, 1))[0] == ((0, 2_000),)


async def test_facts_of_a_lost_seat_are_refused_dropped_and_close_the_session() -> None:
    house = House(handover_ms=0)
    learner, link = await house.studying()
    await earn(house, learner)
    await house.start(house.claim(page="page-b", device="pc"), hub=house.node("n2"))
    await house.hub.journal.flush()
    assert learner.over and link.closed is not None and house.hub.counts["stale_writes"] == 1
    assert house.hub.journal.waiting_facts == 0
    assert (await house.records.coverage(1, 1))[0] == ()


async def test_many_seats_go_in_transactions_of_bounded_size() -> None:
    house = House()
    await asyncio.gather(*(house.start(house.claim(learner_id)) for learner_id in range(1, ITEMS_MAX + 12)))
    await house.hub.journal.flush()
    assert house.hub.journal.transactions == 2 and len(house.records.seats) == ITEMS_MAX + 11


async def test_the_state_of_an_open_stretch_is_written_when_it_is_wanted() -> None:
    house = House()
    learner, _link = await house.studying()
    await house.hub.journal.flush()
    house.clock.advance(10_000)
    beat(house.hub, learner, "beat", 10_000)
    house.hub.journal.want_state(learner)
    await house.hub.journal.flush()
    assert learner.state_ms == house.clock.now_ms()
    house.redis._port.table.lose_everything()
    again, link = await house.start(house.claim(page="page-b"))
    assert again is not None and link.sent[0].total_ms == 10_000, "with Redis gone the seat's state is what is left"


async def test_its_loop_writes_early_when_enough_waits_and_outlives_an_outage() -> None:
    house = House(journal_every_ms=20, journal_facts=1)
    learner, _link = await house.studying()
    stop = asyncio.Event()
    task = asyncio.create_task(house.hub.journal.run(stop))
    async with asyncio.timeout(10):
        house.sql.gone = True
        await earn(house, learner)
        while not house.hub.journal.failures:
            await asyncio.sleep(0.01)
        house.sql.gone = False
        while house.hub.journal.waiting_facts:
            await asyncio.sleep(0.01)
    stop.set()
    task.cancel()
    assert (await house.records.coverage(1, 1))[0] == ((0, 1_000),)
