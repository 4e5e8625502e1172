"""Transactions on both databases: whole or not at all; errors without anybody's data."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from proctor.adapters.sql_database import SqlDatabase, online_backup
from proctor.errors import Unavailable
from proctor.modules.catalog.service import add_institution

COUNT = text("SELECT count(*) FROM institutions")


async def count(database: SqlDatabase) -> int:
    async with database.read() as conn:
        return (await conn.execute(COUNT)).scalar_one()


@pytest.fixture
def others(sql_url: str) -> list[SqlDatabase]:
    """The same database as other processes see it."""
    return [SqlDatabase(sql_url) for _n in range(3)]


async def test_an_exception_undoes_everything(db: SqlDatabase) -> None:
    before = await count(db)
    with pytest.raises(RuntimeError):
        async with db.write() as conn:
            await add_institution(conn, name="half", now_ms=1)
            raise RuntimeError
    assert await count(db) == before


async def test_readers_see_one_moment_and_do_not_wait_for_a_writer(db: SqlDatabase) -> None:
    before = await count(db)
    async with db.write() as conn:
        await add_institution(conn, name="whole", now_ms=1)
        assert await asyncio.wait_for(count(db), 2) == before
    assert await count(db) == before + 1


async def test_writers_of_several_processes_wait_for_each_other(
    db: SqlDatabase, others: list[SqlDatabase]
) -> None:
    before = await count(db)

    async def add(one: SqlDatabase) -> None:
        async with one.write() as conn:
            await conn.execute(COUNT)
            await add_institution(conn, name="one of many", now_ms=1)

    await asyncio.gather(*(add(one) for one in (db, *others) for _n in range(4)))
    for one in others:
        await one.close()
    assert await count(db) == before + 16


async def test_an_error_of_the_library_carries_no_values(db: SqlDatabase) -> None:
    with pytest.raises(IntegrityError) as found:
        async with db.write() as conn:
            row = {"id": 1, "name": "王小明的学校", "now": 1}
            for _twice in range(2):
                await conn.execute(
                    text("INSERT INTO institutions (id, name, zone, policy, created_ms) VALUES (:id + 900000, "
                         ":name, 'UTC', '{}', :now)"), row,
                )  # fmt: skip
    assert "王小明" not in str(found.value)


@pytest.fixture(params=["postgresql", "sqlite"])
def broken(request, tmp_path: Path) -> SqlDatabase:
    """Nobody listens there; a folder stands where the file should be."""
    nowhere = "postgresql+asyncpg://nobody@127.0.0.1:1/none"
    return SqlDatabase(nowhere if request.param == "postgresql" else f"sqlite+aiosqlite:///{tmp_path}")


async def test_a_database_that_does_not_answer_is_unavailable(broken: SqlDatabase) -> None:
    with pytest.raises(Unavailable, match="sql"):
        async with broken.read() as conn:
            await conn.execute(COUNT)
    with pytest.raises(Unavailable, match="sql"):
        await broken.migrate()
    await broken.close()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[SqlDatabase, SqlDatabase]:
    first, second = (SqlDatabase(f"sqlite+aiosqlite:///{tmp_path / name}.sqlite3") for name in "ab")
    return first, second


async def test_a_copy_taken_during_a_write_is_a_database_of_before(pair, tmp_path: Path) -> None:
    database, copy = pair
    await database.migrate()
    async with database.write() as conn:
        await add_institution(conn, name="kept", now_ms=1)
    async with database.write() as conn:
        await add_institution(conn, name="not yet", now_ms=1)
        await asyncio.to_thread(online_backup, tmp_path / "a.sqlite3", tmp_path / "b.sqlite3")
    assert (await count(copy), await count(database)) == (1, 2)
    await copy.close()
    await database.close()
