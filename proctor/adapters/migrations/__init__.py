"""One chain of schema changes for SQLite and PostgreSQL; run by `SqlDatabase.migrate`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, Connection


def upgrade(url: URL, connection: Connection | None = None) -> None:
    """Upgrade to the newest version, over `connection` or a new one to `url` (SQLite)."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    if connection is not None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return
    engine = create_engine(url)
    try:
        with engine.begin() as own:
            # Two processes may start at once; the second waits here and finds the work done.
            own.exec_driver_sql("PRAGMA busy_timeout=20000")
            config.attributes["connection"] = own
            command.upgrade(config, "head")
    finally:
        engine.dispose()
