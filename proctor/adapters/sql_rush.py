"""What a thousand people ask at once: reads in one piece, and small writes that commit together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.engine import Engine

from proctor.adapters.sql_database import SqlDatabase, _translated, at_once, plain_engine
from proctor.errors import Unavailable

T = TypeVar("T")
GROUP = 100  # writes of one transaction
WAIT_S = 20.0  # of one read for those before it; then SQL does not answer


@dataclass(slots=True)
class _Write:
    work: Callable[[Any], Coroutine[Any, Any, None]]
    done: asyncio.Future[None]


class SqlRush(SqlDatabase):
    """`ports.Database`, and what `accounts.service.RushDatabase` asks for beside it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._reading: Engine | None = None  # SQLite only, used by its one thread
        self._reader = _one_thread()
        self._waiting: list[_Write] = []
        self._grouping: asyncio.Task | None = None

    async def read_in_one(self, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        """`work(conn)` as one read transaction; it awaits nothing but `conn`, and touches a few rows only.

        On SQLite all of it runs in one thread, one after the other. The asynchronous driver goes to a thread of each
        connection and back for every statement: with a thousand waiting, twenty such threads pull at the one
        interpreter lock, and most of a page's time is the way between them. Raises Unavailable after WAIT_S.
        """
        if not self.is_sqlite:
            async with self.read() as conn:
                return await work(conn)
        with _translated():
            async with asyncio.timeout(WAIT_S):
                return await asyncio.get_running_loop().run_in_executor(self._reader, self._read, work)

    def _read(self, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        if self._reading is None:
            self._reading = plain_engine(self.url)
        with self._reading.connect() as conn, conn.begin():
            return at_once(conn, work)

    async def in_group(self, work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        """`work(conn)` in a write transaction with those that wait at the same moment: a commit waits for the disk,
        and a thousand of them one after the other take seconds. It awaits nothing but `conn`. Returns when committed.

        What one raises is its own: the others of its group are then written one by one, so `work` may run twice.
        """
        write = _Write(work, asyncio.get_running_loop().create_future())
        self._waiting.append(write)
        if self._grouping is None or self._grouping.done():
            self._grouping = asyncio.create_task(self._write_groups())
        await write.done

    async def _write_groups(self) -> None:
        while self._waiting:
            # Whoever went away while waiting (a browser that closed) is not written.
            group = [write for write in self._waiting[:GROUP] if not write.done.done()]
            del self._waiting[:GROUP]
            if group and not await self._written(group):
                for write in group:
                    await self._written([write])

    async def _written(self, group: list[_Write]) -> bool:
        """Has it been told to everybody what became of it? False: one of several failed, and nothing is written."""

        async def works(conn: Any) -> None:
            for write in group:
                await write.work(conn)

        error: Exception | None = None
        try:
            await self.in_one(works)
        except Exception as found:
            if len(group) > 1 and not isinstance(found, Unavailable):
                return False
            error = found
        for write in group:
            if write.done.done():
                continue
            if error is None:
                write.done.set_result(None)
            else:
                write.done.set_exception(error)
        return True

    async def close(self) -> None:
        await super().close()
        await asyncio.to_thread(self._reader.shutdown)
        # Whoever reads afterwards opens anew, as the asynchronous engine does.
        self._reader = _one_thread()
        if self._reading is not None:
            self._reading.dispose()
            self._reading = None


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="sql-read")
