"""Rebuild: ledger and statistics follow from the facts, to the millisecond, whatever happened in between."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from proctor.adapters.sql_database import SqlDatabase
from proctor.adapters.sql_records import SqlRecords
from proctor.core.coalesce import Row, canonical, totals
from proctor.core.coalesce import ledger as fold
from proctor.core.facts import Decided, Outcome, Status, decode
from proctor.modules.study import ledger as study
from proctor.modules.study.tables import facts, ledger, rollups
from proctor.rebuild import rebuild
from tests.contract.test_records import credited, decided, request, write
from tests.world import NOW_MS, World, build

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("credit"), st.integers(0, 40), st.integers(1, 9)),
        st.tuples(st.just("check"), st.sampled_from([o for o in Outcome if o is not Outcome.OUR_FAULT])),
        st.tuples(st.sampled_from(["accept", "void", "restore"]), st.integers(0, 40), st.integers(1, 12)),
    ),
    max_size=14,
)


async def play(db: SqlDatabase, world: World, records: SqlRecords, steps) -> None:
    """Carry the steps out as the live half and the reviewers would: new credit only where nothing is covered."""
    from proctor.core.intervals import normalise, subtract

    stretch = number = 0
    for step in steps:
        if step[0] == "credit":
            covered, _provisional, _totals = await records.coverage(world.learner, world.lesson)
            fresh = subtract(normalise([(step[1] * 1_000, (step[1] + step[2]) * 1_000)]), covered)
            stretch += 1
            await records.write([write(world, 1, credited(world, stretch, fresh))])
        elif step[0] == "check":
            number += 1
            await records.write([write(world, 1, decided(world, number, step[1]))])
        else:
            spans = ((step[1] * 1_000, (step[1] + step[2]) * 1_000),)
            async with db.write() as conn:
                fact = Decided(
                    lesson_id=world.lesson, at_ms=NOW_MS, cause="decision:1", action=step[0], spans=spans,
                    decision_id=1,
                )  # fmt: skip
                await study.change_status(
                    conn, learner_id=world.learner, lesson_id=world.lesson, spans=spans, action=step[0],
                    decision_id=1, now_ms=NOW_MS,
                )  # fmt: skip
                await study.insert_fact(conn, learner_id=world.learner, fence=0, fact=fact)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
async def test_the_tables_are_what_the_pure_fold_of_the_facts_says(db, steps) -> None:
    world, records = await build(db), SqlRecords(db)
    await records.open_seats([request(world, 1)])
    await play(db, world, records, steps)
    async with db.read() as conn:
        bodies = (
            await conn.execute(select(facts.c.body).where(facts.c.learner_id == world.learner).order_by(facts.c.id))
        ).scalars()
        folded = fold(decode(body) for body in bodies.all())
        stored = await conn.execute(select(ledger).where(ledger.c.learner_id == world.learner))
        rows = canonical(Row(r.lesson_id, r.day, Status(r.status), r.from_ms, r.to_ms) for r in stored.all())
        sums = (await conn.execute(select(rollups).where(rollups.c.learner_id == world.learner))).mappings().all()
    assert rows == folded
    expected = totals(folded)
    for row in sums:
        for status in Status:
            assert row[f"{status}_ms"] == expected.get((row["lesson_id"], row["day"], status), 0)
    _learners, differences = await rebuild(db, write=False)
    # Other tests share the database, and some write a ledger that no fact tells of.
    assert [one for one in differences if one.learner_id == world.learner] == []


async def test_a_damaged_ledger_is_found_and_mended_from_the_facts(db) -> None:
    world, records = await build(db), SqlRecords(db)
    await records.open_seats([request(world, 1)])
    await play(db, world, records, [("credit", 0, 5), ("check", Outcome.PASSED), ("void", 1, 2)])
    before = await records.coverage(world.learner, world.lesson)
    async with db.write() as conn:
        await conn.execute(update(ledger).where(ledger.c.learner_id == world.learner).values(status="final"))
        await conn.execute(update(rollups).where(rollups.c.learner_id == world.learner).values(void_ms=1))
    mine = lambda found: {one.table for one in found if one.learner_id == world.learner}  # noqa: E731
    assert mine((await rebuild(db, write=False))[1]) == {"ledger", "rollups"}
    assert mine((await rebuild(db, write=True))[1]) == {"ledger", "rollups"}
    assert mine((await rebuild(db, write=False))[1]) == set()
    assert await records.coverage(world.learner, world.lesson) == before
