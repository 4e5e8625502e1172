"""Records over several connections at once: the fence decides, nothing counts twice, nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from proctor.adapters.sql_database import SqlDatabase
from proctor.adapters.sql_records import SqlRecords
from proctor.core.facts import Outcome
from proctor.errors import Unavailable
from proctor.modules.study.tables import facts, ledger, seats
from proctor.ports import SeatOpened, SeatRefused
from tests.contract.test_records import credited, decided, opened, request, write
from tests.world import World, build, people, vault


@pytest.fixture
async def gateways(db, sql_url):
    """Two processes, each with connections of its own."""
    bases = [SqlDatabase(sql_url), SqlDatabase(sql_url)]
    yield [SqlRecords(base) for base in bases]
    for base in bases:
        await base.close()


async def test_of_two_opens_with_one_fence_exactly_one_gets_the_seat(db, gateways) -> None:
    world = await build(db)
    for fence in range(1, 9):
        answers = await asyncio.gather(*(one.open_seats([request(world, fence)]) for one in gateways))
        assert sorted(type(answer).__name__ for (answer,) in answers) == ["SeatOpened", "SeatRefused"]
        (refused,) = [answer for (answer,) in answers if isinstance(answer, SeatRefused)]
        assert (refused.why, refused.stored_fence) == ("stale", fence)


async def test_whatever_the_order_of_opens_the_newest_fence_has_the_seat_at_the_end(db, gateways) -> None:
    world = await build(db)
    order = [3, 9, 1, 7, 5, 10, 2, 8, 4, 6]
    answers = await asyncio.gather(*(gateways[f % 2].open_seats([request(world, f)]) for f in order))
    async with db.read() as conn:
        stored = select(seats.c.fence).where(seats.c.learner_id == world.learner)
        assert (await conn.execute(stored)).scalar_one() == 10
    by_fence = {fence: answer for fence, (answer,) in zip(order, answers, strict=True)}
    assert isinstance(by_fence[10], SeatOpened)
    for fence, answer in by_fence.items():
        if isinstance(answer, SeatRefused):
            assert answer.why == "stale" and answer.stored_fence > fence


async def test_the_same_stretch_from_two_sides_is_stored_once(db, gateways) -> None:
    world, records = await opened(db)
    item = write(world, 1, credited(world, 1, ((0, 9_000),)))
    answers = await asyncio.gather(*(gateways[n % 2].write([item]) for n in range(8)))
    assert all(answer.matched for (answer,) in answers)
    covered, _provisional, totals = await records.coverage(world.learner, world.lesson)
    assert covered == ((0, 9_000),) and totals.provisional_ms == 9_000
    async with db.read() as conn:
        count = select(func.count()).select_from(facts).where(facts.c.learner_id == world.learner)
        assert (await conn.execute(count)).scalar_one() == 1


async def test_a_write_that_races_with_an_open_is_stored_whole_or_not_at_all(db, gateways) -> None:
    """And the open either knows it already or refuses it: a stale write never lands behind a newer seat."""
    world, records = await opened(db)
    for fence in range(2, 12):
        old = fence - 1
        spans = ((fence * 1_000, fence * 1_000 + 900),)
        late = write(world, old, credited(world, fence, spans), decided(world, fence, Outcome.PASSED))
        (written,), (answer,) = await asyncio.gather(
            gateways[0].write([late]),
            gateways[1].open_seats([request(world, fence)]),
        )
        assert isinstance(answer, SeatOpened)
        covered, _provisional, totals = await records.coverage(world.learner, world.lesson)
        assert (spans[0] in covered) is written.matched is (spans[0] in answer.covered)
        assert totals.provisional_ms == 0 and totals.final_ms == sum(b - a for a, b in covered)


async def test_journals_of_two_gateways_with_the_same_learners_never_wait_in_a_circle(db, gateways) -> None:
    world = await build(db)
    learners = [account for account, _login in await people(db, world.institution, vault(), 12)]
    worlds = [World(db, learner=one, lesson=world.lesson) for one in learners]
    await gateways[0].open_seats([request(one, 1) for one in worlds])

    async def journal(records: SqlRecords, order: list[World], first: int) -> None:
        for number in range(first, first + 10, 2):
            spans = ((number * 1_000, number * 1_000 + 500),)
            items = [write(one, 1, credited(one, number, spans), first=number) for one in order]
            answers = await records.write(items)
            assert all(answer.matched for answer in answers)

    # A number that is not newer adds nothing, so the two numberings are told apart by the ledger's sums.
    await asyncio.gather(journal(gateways[0], worlds, 1), journal(gateways[1], worlds[::-1], 2))
    async with db.read() as conn:
        rows = await conn.execute(
            select(ledger.c.learner_id, func.count(), func.count(ledger.c.stretch.distinct()))
            .where(ledger.c.learner_id.in_(learners))
            .group_by(ledger.c.learner_id)
        )
        counts = {learner: (count, distinct) for learner, count, distinct in rows}
    assert set(counts) == set(learners)
    assert all(count == distinct and 5 <= count <= 10 for count, distinct in counts.values())


async def test_a_write_that_fails_in_the_middle_leaves_nothing_and_can_be_sent_again(db, monkeypatch) -> None:
    world, records = await opened(db)
    from proctor.adapters import sql_records

    real = sql_records.store_items

    async def fails(conn, *args, **more):
        await real(conn, *args, **more)
        raise Unavailable("sql", "cut")

    item = write(world, 1, credited(world, 1, ((0, 5_000),)))
    monkeypatch.setattr(sql_records, "store_items", fails)
    with pytest.raises(Unavailable):
        await records.write([item])
    assert (await records.coverage(world.learner, world.lesson))[0] == ()
    monkeypatch.setattr(sql_records, "store_items", real)
    (answer,) = await records.write([item])
    assert answer.matched and (await records.coverage(world.learner, world.lesson))[0] == ((0, 5_000),)
