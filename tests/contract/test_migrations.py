"""The chain of migrations makes exactly the tables that the code describes, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, select

import proctor.modules.codeway.tables
import proctor.modules.identity.tables  # noqa: F401 - imported for their tables, as the migrations do
from proctor.adapters import migrations
from proctor.adapters.sql_database import HEAD, SqlDatabase
from proctor.modules.schema import metadata
from proctor.modules.study.tables import seats


async def test_migrations_and_tables_agree(db) -> None:
    def differences(connection) -> list:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    async with db.engine.connect() as conn:
        assert await conn.run_sync(differences) == []


def test_the_newest_version_is_the_one_that_a_start_looks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_seat_from_before_its_facts_were_counted_goes_on_under_its_fence(tmp_path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")
        conn.exec_driver_sql(
            "INSERT INTO seats (learner_id, fence, node, device_id, page_id, lesson_id, state, stored_stretch,"
            " decided_number, instruction_version, updated_ms) VALUES (1, 7, 'n', 'd', 'p', 2, x'00', 4, 3, 2, 99)"
        )
        command.upgrade(config, "head")
        row = conn.execute(select(seats)).one()
    engine.dispose()
    assert (row.fence, row.stored_stretch, row.instruction_version, row.stored_facts) == (7, 4, 2, 0)
    assert (row.state, row.updated_ms) == (b"\0", 99)


async def test_migrating_again_and_at_the_same_time_is_no_error(tmp_path) -> None:
    bases = [SqlDatabase(f"sqlite+aiosqlite:///{tmp_path / 'same.sqlite3'}") for _n in range(3)]
    await asyncio.gather(*(base.migrate() for base in bases))
    await bases[0].migrate()
    for base in bases:
        await base.close()
