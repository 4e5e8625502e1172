"""Two institutions in a real database: SQLite and PostgreSQL by turns."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from proctor.adapters import migrations  # loading it reads files: before any loop runs
from proctor.adapters.memory import MemoryInbox, MemoryLeases
from proctor.errors import Unavailable
from proctor.ports import Message
from tests.contract.conftest import db, sql_url
from tests.world import NOW_MS, World, build

__all__ = ["db", "migrations", "sql_url"]


@pytest.fixture
async def world(db) -> World:
    return await build(db)


@pytest.fixture
async def there(db) -> World:
    """Another institution, whose people must see nothing of the first."""
    return await build(db)


class GoneInbox(MemoryInbox):
    """Redis does not answer: nothing can be pushed."""

    async def send_to_learner(self, learner_id: int, message: Message) -> None:
        raise Unavailable("redis")


async def in_line(db, count: int) -> None:
    """Wait until so many transactions stand before a lock; SQLite does not say, and has one queue anyway."""
    if db.is_sqlite:
        await asyncio.sleep(0.05)
        return
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    async with asyncio.timeout(10):
        while True:
            async with db.read() as conn:
                if (await conn.execute(waiting)).scalar_one() >= count:
                    return
            await asyncio.sleep(0.01)


@pytest.fixture
def inbox() -> MemoryInbox:
    """Nobody studies: what is pushed is lost, as the port says."""
    made = MemoryInbox()
    made.leases = MemoryLeases(lambda: NOW_MS)
    return made
