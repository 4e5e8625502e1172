"""The chain of migrations makes exactly the tables that the code describes, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from proctor.adapters import migrations
from proctor.adapters.sql_database import HEAD, SqlDatabase
from proctor.modules.schema import metadata


async def test_migrations_and_tables_agree(db) -> None:
    def differences(connection) -> list:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    async with db.engine.connect() as conn:
        assert await conn.run_sync(differences) == []


def test_the_newest_version_is_the_one_that_a_start_looks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_migrating_again_and_at_the_same_time_is_no_error(tmp_path) -> None:
    bases = [SqlDatabase(f"sqlite+aiosqlite:///{tmp_path / 'same.sqlite3'}") for _n in range(3)]
    await asyncio.gather(*(base.migrate() for base in bases))
    await bases[0].migrate()
    for base in bases:
        await base.close()
