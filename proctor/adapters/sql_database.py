"""SQL for both halves: SQLAlchemy on SQLite (WAL) or PostgreSQL, explicit transactions, errors translated."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, nullcontext
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from proctor.adapters.sqlite_turn import SqliteTurns
from proctor.errors import Unavailable

T = TypeVar("T")
HEAD = "0003"  # the newest version in migrations/versions
BUSY_MS = 5_000
POOL = 8
POOL_WAIT_S = 5.0
CONNECT_S = 5
COMMAND_S = 30
# SQLSTATE classes that pass by themselves: connection, deadlock and serialisation, too few resources, an operator's
# doing (shutting down, starting up, a cancelled statement), the server's disk.
PASSING = ("08", "40", "53", "57", "58")
# A socket file that is gone, a port that nobody listens on, a connection or statement that took too long.
UNREACHABLE = (FileNotFoundError, ConnectionError, TimeoutError)


class SqlDatabase:
    """`ports.Database`. SQLite: one write transaction at a time (BEGIN IMMEDIATE), readers beside it."""

    def __init__(self, url: str) -> None:
        self.url: URL = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = self._engine()
        in_file = self.is_sqlite and self.url.database not in (None, "", ":memory:")
        self._turns = SqliteTurns(str(self.url.database)) if in_file else None
        self._direct: Engine | None = None  # SQLite only, used by its one thread
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sql")

    def _engine(self) -> AsyncEngine:
        if not self.is_sqlite:
            return create_async_engine(
                self.url, pool_size=POOL, max_overflow=POOL, pool_timeout=POOL_WAIT_S, pool_pre_ping=True,
                hide_parameters=True, connect_args={"timeout": CONNECT_S, "command_timeout": COMMAND_S},
            )  # fmt: skip
        if self.url.database and self.url.database != ":memory:":
            Path(self.url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Parameters are names and logins: no error of the library may carry them into a log.
        engine = create_async_engine(self.url, pool_size=POOL, pool_timeout=POOL_WAIT_S, hide_parameters=True)
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one moment."""
        async with self._transaction("") as conn:
            yield conn

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Commits at a normal end, rolls back on any exception."""
        async with self._transaction("IMMEDIATE") as conn:
            yield conn

    async def in_one(self, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        """`work(conn)` as one write transaction; it awaits nothing but `conn`.

        On SQLite all of it runs in one thread at once. A statement there takes microseconds, and going to the
        driver's thread and back for each of them costs ten times that.
        """
        if not self.is_sqlite:
            async with self.write() as conn:
                return await work(conn)
        with _translated():
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    def _run(self, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        if self._direct is None:
            self._direct = plain_engine(self.url)
        turn = self._turns.taken(BUSY_MS) if self._turns is not None else nullcontext()
        with turn, self._direct.connect().execution_options(zx_begin="IMMEDIATE") as conn, conn.begin():
            return at_once(conn, work)

    @asynccontextmanager
    async def _transaction(self, mode: str) -> AsyncIterator[AsyncConnection]:
        with _translated():
            async with self.engine.connect() as conn:
                if self.is_sqlite:
                    await conn.execution_options(zx_begin=mode)
                turn = self._turns.taken_on_loop(BUSY_MS) if self._turns is not None and mode else nullcontext()
                async with turn, conn.begin():
                    yield conn

    async def scrub(self) -> bool:
        """SQLite overwrites what is erased (secure_delete); its old pages still lie in the write-ahead log until that
        is emptied. PostgreSQL has no such order: see docs/operations.md."""
        if self._turns is None:
            return True
        with _translated_sqlite():
            return await asyncio.to_thread(_empty_log, str(self.url.database))

    async def migrate(self) -> None:
        """Bring the schema up to date; several processes may ask at once, one does it."""
        if await self._is_current():
            return
        # Imported here: a start that finds everything in order is quicker without the migration tool.
        from proctor.adapters.migrations import upgrade

        url = self.url.set(drivername="sqlite" if self.is_sqlite else "postgresql+asyncpg")
        try:
            if self.is_sqlite:
                await asyncio.to_thread(upgrade, url)
                return
            async with self.engine.begin() as conn:
                await conn.run_sync(lambda sync: upgrade(url, sync))
        except DBAPIError as error:
            # An operator must read what the server says: no such database, wrong password, not a database.
            raise Unavailable("sql", str(error.orig).strip().splitlines()[0][:200]) from error
        except (ConnectionError, TimeoutError, OSError) as error:
            raise Unavailable("sql", error.strerror or type(error).__name__) from error

    async def _is_current(self) -> bool:
        """Does the database say that it has the newest schema? Whatever else is wrong, the migration says better."""
        if self.is_sqlite and not Path(self.url.database or "").exists():
            return False
        try:
            async with self.read() as conn:
                found = (await conn.exec_driver_sql("SELECT version_num FROM alembic_version")).scalars().all()
        except (Unavailable, DBAPIError):
            return False
        return list(found) == [HEAD]

    async def close(self) -> None:
        await self.engine.dispose()
        await asyncio.to_thread(self._thread.shutdown)
        if self._direct is not None:
            self._direct.dispose()


def plain_engine(url: URL) -> Engine:
    """SQLite without the asynchronous driver, for one thread of its own."""
    engine = create_engine(url.set(drivername="sqlite"), pool_size=1, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def at_once(conn: Connection, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """`work(conn)` to its end, here and now: it may await nothing but the connection."""
    coroutine = work(_Direct(conn))
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise AssertionError("work in one transaction waited for something else than its connection")


class _Direct:
    """A plain connection that looks like the asynchronous one: what is awaited is there already."""

    _texts: ClassVar[dict[Any, tuple[str, Callable[[dict], tuple]]]] = {}  # SQL and values by statement

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.dialect = conn.dialect

    async def execute(self, statement: Any, rows: Any = None) -> Any:
        return self._conn.execute(statement, rows)

    def run_rows(self, statement: Any, rows: Sequence[dict[str, Any]]) -> None:
        """By the driver at once: the library's own work with each row's parameters costs more than SQLite does."""
        compiled = self._texts.get(statement)
        if compiled is None:
            said = statement.compile(dialect=self.dialect)
            compiled = self._texts[statement] = (str(said), itemgetter(*said.positiontup))
        text, values = compiled
        self._conn.exec_driver_sql(text, [values(row) for row in rows])


async def run_rows(conn: Any, statement: Any, rows: Sequence[dict[str, Any]]) -> None:
    """One statement that lives as long as the process, for many rows of plain numbers, texts and bytes."""
    if isinstance(conn, _Direct):
        conn.run_rows(statement, rows)
    else:
        await conn.execute(statement, rows)


@contextmanager
def _translated() -> Iterator[None]:
    """What passes by itself means that SQL does not answer now; everything else is a bug."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, *UNREACHABLE) as error:
        raise Unavailable("sql", type(error).__name__) from error
    except DBAPIError as error:
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if error.connection_invalidated or state.startswith(PASSING):
            raise Unavailable("sql", state or "connection lost") from error
        raise


@contextmanager
def _translated_sqlite() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise Unavailable("sql", type(error).__name__) from error


def _empty_log(path: str) -> bool:
    with contextlib.closing(sqlite3.connect(path, timeout=0.5)) as conn:
        busy, _pages, _moved = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _set_up_sqlite(connection, _record) -> None:
    """Stored must survive a power cut: FULL. Group commits keep it cheap. What is erased is overwritten: a sealed key
    in a free page would be a key."""
    connection.isolation_level = None  # SQLAlchemy's "begin" event below starts transactions
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS}", "foreign_keys=ON", "cache_size=-16000",
        "secure_delete=ON",
    ):  # fmt: skip
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection) -> None:
    mode = connection.get_execution_options().get("zx_begin", "")
    connection.exec_driver_sql(f"BEGIN {mode}".strip())


def online_backup(source: Path, target: Path) -> None:
    """A consistent copy of a SQLite database while it is in use."""
    with sqlite3.connect(source) as from_db, sqlite3.connect(target) as to_db:
        from_db.backup(to_db)
