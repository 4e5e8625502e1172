"""The chain of migrations makes exactly the tables that the code describes, on both databases."""

from __future__ import annotations

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from proctor.adapters.sql_database import SqlDatabase
from proctor.modules.schema import metadata


async def test_migrations_and_tables_agree(db) -> None:
    def differences(connection) -> list:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    async with db.engine.connect() as conn:
        assert await conn.run_sync(differences) == []


async def test_migrating_again_and_at_the_same_time_is_no_error(tmp_path) -> None:
    bases = [SqlDatabase(f"sqlite+aiosqlite:///{tmp_path / 'same.sqlite3'}") for _n in range(3)]
    await asyncio.gather(*(base.migrate() for base in bases))
    await bases[0].migrate()
    for base in bases:
        await base.close()
