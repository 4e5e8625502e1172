"""Two institutions in a real database: SQLite and PostgreSQL by turns."""

from __future__ import annotations

import pytest

from proctor.adapters import migrations  # loading it reads files: before any loop runs
from proctor.adapters.memory import MemoryInbox, MemoryLeases
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


@pytest.fixture
def inbox() -> MemoryInbox:
    """Nobody studies: what is pushed is lost, as the port says."""
    made = MemoryInbox()
    made.leases = MemoryLeases(lambda: NOW_MS)
    return made
