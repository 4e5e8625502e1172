"""Stores of the contract tests: SQL runs on SQLite and on PostgreSQL, Redis ports in memory, on a real Valkey
and on a real cluster of six.

What the records promise as a port is asked of the records in memory as well.
"""

from __future__ import annotations

import pytest

from proctor.adapters.redis_client import connect
from proctor.adapters.sql_database import SqlDatabase
from proctor.adapters.sql_rush import SqlRush


@pytest.fixture(params=["sqlite", "postgresql"])
def sql_url(request, tmp_path) -> str:
    """Resolved before any loop runs: starting a server waits."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'db.sqlite3'}"
    return request.getfixturevalue("postgres")


@pytest.fixture
async def db(sql_url):
    database = SqlRush(sql_url)
    await database.migrate()
    yield database
    await database.close()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def either_url(request, tmp_path) -> str:
    """"" for the records in memory."""
    if request.param == "memory":
        return ""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'db.sqlite3'}"
    return request.getfixturevalue("postgres")


@pytest.fixture
async def either(either_url):
    """A database, or None for the records in memory."""
    if not either_url:
        yield None
        return
    database = SqlDatabase(either_url)
    await database.migrate()
    yield database
    await database.close()


@pytest.fixture(params=["memory", "valkey", "cluster"])
def store(request) -> str:
    """URL of a real Valkey or cluster, or "" for the adapters in memory."""
    return "" if request.param == "memory" else request.getfixturevalue(request.param)


@pytest.fixture
async def client(store):
    """A connection pool to the real store, or None."""
    if not store:
        yield None
        return
    made = connect(store)
    yield made
    await made.aclose()
