"""Databases of the contract tests: every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from proctor.adapters.sql_database import SqlDatabase


@pytest.fixture(params=["sqlite", "postgresql"])
async def db(request, tmp_path):
    if request.param == "sqlite":
        database = SqlDatabase(f"sqlite+aiosqlite:///{tmp_path / 'db.sqlite3'}")
    else:
        database = SqlDatabase(request.getfixturevalue("postgres"))
    await database.migrate()
    yield database
    await database.close()
