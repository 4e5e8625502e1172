"""The one way to SQL: transactions that commit or roll back whole, and faults that are told as what they are."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from proctor.adapters import sql_database
from proctor.adapters.sql_database import SqlDatabase
from proctor.errors import Unavailable

TRIAL = Table("trial", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer, nullable=False))


@pytest.fixture
async def trial(db):
    async with db.write() as conn:
        await conn.run_sync(TRIAL.metadata.drop_all)
        await conn.run_sync(TRIAL.metadata.create_all)
        await conn.execute(insert(TRIAL), [{"id": 1, "n": 0}, {"id": 2, "n": 0}])
    yield db
    async with db.write() as conn:
        await conn.run_sync(TRIAL.metadata.drop_all)


async def numbers(db) -> list[int]:
    async with db.read() as conn:
        return list((await conn.execute(select(TRIAL.c.n).order_by(TRIAL.c.id))).scalars())


async def test_a_normal_end_commits_and_any_exception_rolls_everything_back(trial) -> None:
    async with trial.write() as conn:
        await conn.execute(update(TRIAL).values(n=1))
    for error in (KeyError("ours"), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            async with trial.write() as conn:
                await conn.execute(update(TRIAL).values(n=2))
                raise error
    assert await numbers(trial) == [1, 1]


async def test_a_read_sees_one_moment_and_does_not_wait_for_a_writer(trial) -> None:
    async with trial.write() as conn:
        await conn.execute(update(TRIAL).values(n=5))
        assert await asyncio.wait_for(numbers(trial), 2) == [0, 0]
    assert await numbers(trial) == [5, 5]


async def test_writers_with_real_connections_lose_no_update(trial) -> None:
    async def add() -> None:
        async with trial.write() as conn:
            await conn.execute(update(TRIAL).where(TRIAL.c.id == 1).values(n=TRIAL.c.n + 1))

    await asyncio.gather(*(add() for _n in range(30)))
    assert (await numbers(trial))[0] == 30


async def test_a_read_then_write_of_two_transactions_is_serial_on_sqlite(trial) -> None:
    """BEGIN IMMEDIATE: who will write waits at the beginning, and never decides on what somebody else changes."""
    if not trial.is_sqlite:
        pytest.skip("PostgreSQL guards such writes by conditions (`WHERE fence = …`)")

    async def add() -> None:
        async with trial.write() as conn:
            n = (await conn.execute(select(TRIAL.c.n).where(TRIAL.c.id == 1))).scalar_one()
            await asyncio.sleep(0)
            await conn.execute(update(TRIAL).where(TRIAL.c.id == 1).values(n=n + 1))

    await asyncio.gather(*(add() for _n in range(15)))
    assert (await numbers(trial))[0] == 15


async def test_a_mistake_of_ours_is_no_unavailability(trial) -> None:
    with pytest.raises(IntegrityError):
        async with trial.write() as conn:
            await conn.execute(insert(TRIAL).values(id=1, n=1))
    with pytest.raises(IntegrityError):
        async with trial.write() as conn:
            await conn.execute(insert(TRIAL).values(id=3, n=None))
    assert await numbers(trial) == [0, 0]


async def test_a_server_that_is_not_there_is_unavailable(tmp_path) -> None:
    """A missing socket file, a closed port and a folder instead of a file: each was an exception of its own."""
    (tmp_path / "folder.sqlite3").mkdir()
    for url in (
        f"postgresql+asyncpg://x@/y?host={tmp_path}",
        "postgresql+asyncpg://x@127.0.0.1:1/y",
        f"sqlite+aiosqlite:///{tmp_path / 'folder.sqlite3'}",
    ):
        db = SqlDatabase(url)
        with pytest.raises(Unavailable):
            async with db.read() as conn:
                await conn.execute(text("SELECT 1"))
        await db.close()


@pytest.fixture
async def server(postgres):
    db = SqlDatabase(postgres)
    yield db
    await db.close()


async def test_a_connection_that_the_server_ends_is_unavailable_and_the_next_one_works(server) -> None:
    with pytest.raises(Unavailable):
        async with server.read() as conn:
            pid = (await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            async with server.write() as other:
                await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            await conn.execute(text("SELECT 1"))
    async with server.read() as conn:
        assert (await conn.execute(text("SELECT 1"))).scalar_one() == 1


@pytest.mark.parametrize("state", ["40P01", "40001", "53300", "53100", "57014", "57P01", "57P03", "58030"])
async def test_what_passes_by_itself_is_unavailable(server, state: str) -> None:
    """Deadlock, serialisation, too many connections, full disk, shutting down: the journal waits and writes again.

    They came as general errors, at which a gateway took a bug for granted and died.
    """
    with pytest.raises(Unavailable):
        async with server.write() as conn:
            await conn.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"))


async def test_a_real_deadlock_is_unavailable_for_one_and_fine_for_the_other(sql_url, trial) -> None:
    if trial.is_sqlite:
        pytest.skip("one writer at a time")

    async def cross(first: int, second: int, met: asyncio.Barrier) -> None:
        async with trial.write() as conn:
            await conn.execute(update(TRIAL).where(TRIAL.c.id == first).values(n=TRIAL.c.n + 1))
            await met.wait()
            await conn.execute(update(TRIAL).where(TRIAL.c.id == second).values(n=TRIAL.c.n + 1))

    met = asyncio.Barrier(2)
    ends = await asyncio.gather(cross(1, 2, met), cross(2, 1, met), return_exceptions=True)
    assert sorted(type(end) for end in ends if end is not None) == [Unavailable]
    assert await numbers(trial) == [1, 1]


async def test_a_statement_that_takes_too_long_is_unavailable(postgres, monkeypatch) -> None:
    monkeypatch.setattr(sql_database, "COMMAND_S", 0.1)
    db = SqlDatabase(postgres)
    with pytest.raises(Unavailable):
        async with db.read() as conn:
            await conn.execute(text("SELECT pg_sleep(5)"))
    await db.close()


async def test_a_database_that_somebody_holds_is_unavailable_after_its_patience(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sql_database, "BUSY_MS", 50)
    db = SqlDatabase(f"sqlite+aiosqlite:///{tmp_path / 'held.sqlite3'}")
    async with db.write() as conn:
        await conn.run_sync(TRIAL.metadata.create_all)
        with pytest.raises(Unavailable):
            async with db.write():
                pass
    await db.close()
