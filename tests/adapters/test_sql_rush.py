"""A thousand at once, on both databases: reads in one line, small writes that commit together."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from proctor.adapters import sql_rush
from proctor.adapters.sql_rush import SqlRush
from proctor.errors import Refused, Unavailable

COUNT = text("SELECT count(*) FROM institutions")
ADD = text("INSERT INTO institutions (id, name, zone, policy, created_ms) VALUES (:id, 'one', 'UTC', '{}', 1)")
NUMBERS = itertools.count(900_000)  # the server is one for all tests


async def count(conn) -> int:
    return (await conn.execute(COUNT)).scalar_one()


def adding(number: int = 0):
    row = {"id": number or next(NUMBERS)}

    async def work(conn) -> None:
        await conn.execute(ADD, row)

    return work


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[SqlRush]:
    """SQLite, where all goes through one thread."""
    database = SqlRush(f"sqlite+aiosqlite:///{tmp_path / 'db.sqlite3'}")
    await database.migrate()
    yield database
    await database.close()


async def test_hundreds_of_readers_at_once_are_all_answered_without_more_connections(db: SqlRush) -> None:
    kept = db.engine.sync_engine.pool.checkedin()  # type: ignore[attr-defined]
    assert len(set(await asyncio.gather(*(db.read_in_one(count) for _n in range(300))))) == 1
    if db.is_sqlite:
        assert db.engine.sync_engine.pool.checkedin() == kept  # type: ignore[attr-defined]


async def test_a_read_that_refuses_does_not_harm_the_next(db: SqlRush) -> None:
    async def refuses(conn) -> int:
        await count(conn)
        raise Refused("not_found")

    found = await asyncio.gather(db.read_in_one(refuses), db.read_in_one(count), return_exceptions=True)
    assert isinstance(found[0], Refused) and isinstance(found[1], int)


async def test_a_read_that_waits_for_something_else_is_a_bug(alone: SqlRush) -> None:
    async def sleeps(conn) -> None:
        await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="something else"):
        await alone.read_in_one(sleeps)
    assert await alone.read_in_one(count) == 0


async def test_whose_turn_does_not_come_is_told_that_sql_does_not_answer(alone: SqlRush, monkeypatch) -> None:
    async def slow(conn) -> int:
        time.sleep(0.3)  # noqa: ASYNC251 - it stands for a slow disk, in the reader's thread
        return await count(conn)

    monkeypatch.setattr(sql_rush, "WAIT_S", 0.1)
    found = await asyncio.gather(*(alone.read_in_one(slow) for _n in range(3)), return_exceptions=True)
    assert [type(one) for one in found] == [Unavailable] * 3
    monkeypatch.setattr(sql_rush, "WAIT_S", 5.0)
    began_s = time.monotonic()
    assert await alone.read_in_one(count) == 0
    assert time.monotonic() - began_s < 0.6, "those who went away do not stand in the line"


async def test_writes_of_one_moment_commit_together(db: SqlRush, monkeypatch) -> None:
    before, transactions = await db.read_in_one(count), 0
    real = db.in_one

    async def counted(work):
        nonlocal transactions
        transactions += 1
        return await real(work)

    monkeypatch.setattr(db, "in_one", counted)
    await asyncio.gather(*(db.in_group(adding()) for _n in range(250)))
    assert await db.read_in_one(count) == before + 250
    assert transactions == 3, "a hundred in each"
    await db.in_group(adding())
    assert await db.read_in_one(count) == before + 251


async def test_what_one_write_does_wrong_is_its_own(db: SqlRush) -> None:
    taken = next(NUMBERS)
    await db.in_group(adding(taken))
    before = await db.read_in_one(count)
    works = [adding(), adding(taken), adding(), adding()]
    found = await asyncio.gather(*(db.in_group(work) for work in works), return_exceptions=True)
    assert [type(one) for one in found] == [type(None), IntegrityError, type(None), type(None)]
    assert await db.read_in_one(count) == before + 3


async def test_a_write_whose_asker_left_before_its_turn_is_not_made(db: SqlRush) -> None:
    before = await db.read_in_one(count)
    first, second = (asyncio.create_task(db.in_group(adding())) for _n in range(2))
    await asyncio.sleep(0)
    second.cancel()
    await first
    assert await db.read_in_one(count) == before + 1


async def test_a_database_that_does_not_answer_tells_everybody(tmp_path: Path) -> None:
    there_is_a_folder = SqlRush(f"sqlite+aiosqlite:///{tmp_path}")
    asked = [there_is_a_folder.in_group(adding()) for _n in range(3)]
    found = await asyncio.gather(*asked, there_is_a_folder.read_in_one(count), return_exceptions=True)
    assert [type(one) for one in found] == [Unavailable] * 4
    await there_is_a_folder.close()
