"""May this lesson be studied, does it earn hours, and taking it down while somebody studies it."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from proctor.core.inputs import Licence
from proctor.errors import Refused
from proctor.modules.audit.tables import audit
from proctor.modules.catalog import queries, service
from proctor.modules.catalog.rules import Standing, licence_of, standing
from proctor.modules.study.ledger import lock_seat
from proctor.modules.study.tables import instructions, seats
from tests.modules.conftest import in_line
from tests.modules.studies import study
from tests.world import NOW_MS, World

OPEN = {"filing_no": "备案-1", "taken_down_ms": None, "opens_ms": 10, "closes_ms": 20, "now_ms": 10}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Standing(True, True, "")),
        ({"now_ms": 19}, Standing(True, True, "")),
        ({"now_ms": 9}, Standing(True, False, "class_closed")),
        ({"now_ms": 20}, Standing(True, False, "class_closed")),
        ({"filing_no": None}, Standing(True, False, "unfiled")),
        ({"filing_no": ""}, Standing(True, False, "unfiled")),
        ({"filing_no": None, "now_ms": 99}, Standing(True, False, "unfiled")),
        ({"taken_down_ms": 10}, Standing(False, False, "taken_down")),
        ({"taken_down_ms": 11}, Standing(True, True, "")),
    ],
)
def test_what_the_licence_says(changes: dict, expected: Standing) -> None:
    assert standing(**{**OPEN, **changes}) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "reason", "until_ms"),
    [
        ({}, "", 0),
        ({"at_ms": 9}, "class_closed", 0),
        ({"at_ms": 20}, "class_closed", 20),
        ({"filed": False}, "unfiled", 0),
        ({"filed": False, "taken_down_ms": 12}, "unfiled", 0),
        ({"taken_down_ms": 12}, "unfiled", 12),
        ({"taken_down_ms": 25, "at_ms": 30}, "unfiled", 20),
        ({"taken_down_ms": 12, "at_ms": 9}, "unfiled", 0),
    ],
)
def test_a_licence_that_ended_says_until_when_it_earned(changes: dict, reason: str, until_ms: int) -> None:
    known = {"filed": True, "taken_down_ms": None, "opens_ms": 10, "closes_ms": 20, "at_ms": 15}
    expected = Licence(earns=not reason, reason=reason, until_redis_ms=until_ms)
    assert licence_of(**{**known, **changes}) == expected


async def test_taking_a_lesson_down_tells_whoever_sits_in_it_once(world: World, there: World, inbox) -> None:
    await study(world.db, world)
    await study(there.db, there)
    down = {"lesson_id": world.lesson, "now_ms": NOW_MS + 1}
    assert [await service.take_down(world.db, inbox, **down) for _twice in range(2)] == [1, 0]
    async with world.db.read() as conn:
        seat = select(seats.c.instruction_version).where(seats.c.learner_id.in_([world.learner, there.learner]))
        assert sorted((await conn.execute(seat)).scalars()) == [0, 1], "the neighbour's lesson goes on"
        body = select(instructions.c.body).where(instructions.c.learner_id == world.learner)
        assert '"take_down"' in (await conn.execute(body)).scalar_one()
        found = await queries.lesson_of_learner(conn, world.institution, world.learner, world.lesson, NOW_MS + 1)
        assert found is not None and not found.standing.playable
        rows = select(audit.c.action).where(audit.c.object == f"lesson:{world.lesson}")
        assert (await conn.execute(rows)).scalars().all() == ["cli:lesson:taken_down"]
    with pytest.raises(Refused, match="no_lesson"):
        await service.take_down(world.db, inbox, lesson_id=999_999, now_ms=NOW_MS)


@pytest.mark.parametrize("sql_url", ["postgresql"], indirect=True)
async def test_taking_down_and_a_journal_never_wait_for_each_other_in_a_circle(world: World, inbox) -> None:
    first, second = sorted((world.learner, world.other_learner))
    await study(world.db, world, second)
    await study(world.db, world, first)  # stands behind the other one in the table
    async with world.db.write() as journal:
        await lock_seat(journal, first)
        down = asyncio.create_task(service.take_down(world.db, inbox, lesson_id=world.lesson, now_ms=NOW_MS))
        await in_line(world.db, 1)
        await lock_seat(journal, second)
    assert await down == 2


async def test_a_lesson_is_found_by_its_own_learners_only(world: World, there: World) -> None:
    async with world.db.read() as conn:
        ask = (world.lesson, NOW_MS)
        assert await queries.lesson_of_learner(conn, world.institution, world.learner, *ask) is not None
        assert await queries.lesson_of_learner(conn, there.institution, there.learner, *ask) is None
        assert await queries.lesson_of_learner(conn, there.institution, world.learner, *ask) is None
        assert await queries.media_folder(conn, 999_999) is None
