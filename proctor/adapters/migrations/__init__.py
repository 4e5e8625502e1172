"""One chain of schema changes for SQLite and PostgreSQL; run by `SqlDatabase.migrate`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event
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
    # Two processes may start at once: the second waits for the first one's transaction and finds the work done.
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", lambda conn: conn.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as own:
            config.attributes["connection"] = own
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def _set_up(connection, _record) -> None:
    connection.isolation_level = None  # the "begin" event starts transactions
    connection.execute("PRAGMA busy_timeout=20000")
