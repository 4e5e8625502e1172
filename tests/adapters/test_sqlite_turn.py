"""Writers of several processes on one SQLite file: each gets its turn, and nobody waits for ever for a frozen one."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from proctor.adapters import sql_database
from proctor.adapters.sql_database import SqlDatabase
from proctor.adapters.sqlite_turn import SqliteTurns
from proctor.errors import Unavailable

WRITERS = 4
BUSY_S = 2.0
FAIR_MS = 1_000  # SQLite's own waiting let some wait for all of the time; in turns it is a few transactions

# Transactions without a pause, as a gateway under load writes them; says how many, and the longest wait for one (ms).
BUSY = """
import asyncio, sys, time
from sqlalchemy import text
from proctor.adapters.sql_database import SqlDatabase

async def write(db, in_thread):
    asked_s = time.monotonic()
    async def work(conn):
        found = time.monotonic() - asked_s
        await conn.execute(text("INSERT INTO trial VALUES (1)"))
        time.sleep(0.004)
        return found
    if in_thread:
        return await db.in_one(work)
    async with db.write() as conn:
        return await work(conn)

async def main():
    db = SqlDatabase(sys.argv[1])
    await write(db, sys.argv[2] == "thread")
    print("ready", flush=True)
    sys.stdin.readline()
    end_s, waits = time.monotonic() + float(sys.argv[3]), []
    while time.monotonic() < end_s:
        waits.append(await write(db, sys.argv[2] == "thread"))
    print(len(waits), int(max(waits) * 1000), flush=True)
    await db.close()

asyncio.run(main())
"""

# Takes one lock of the order and keeps it.
KEEP = """
import fcntl, sys
held = open(sys.argv[1], "w")
fcntl.flock(held, fcntl.LOCK_EX)
print("kept", flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def running(program: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None and child.stdout.readline().strip() in ("ready", "kept")
        yield child
    finally:
        child.kill()
        child.communicate()


@pytest.fixture
async def db(tmp_path: Path):
    made = SqlDatabase(f"sqlite+aiosqlite:///{tmp_path / 'turns.sqlite3'}")
    async with made.write() as conn:
        await conn.execute(text("CREATE TABLE trial (n INTEGER)"))
    yield made
    await made.close()


async def insert(db: SqlDatabase, in_thread: bool) -> None:
    async def work(conn) -> None:
        await conn.execute(text("INSERT INTO trial VALUES (1)"))

    if in_thread:
        await db.in_one(work)
        return
    async with db.write() as conn:
        await work(conn)


def test_every_writer_of_several_busy_processes_gets_its_turn(db: SqlDatabase) -> None:
    """382 of 5,000 learners got no welcome in time: their gateway's writer slept while the others wrote and wrote."""
    kinds = [("thread", "loop")[n == 0] for n in range(WRITERS)]
    with contextlib.ExitStack() as stack:
        children = [
            stack.enter_context(running(BUSY, db.url.render_as_string(), kind, str(BUSY_S))) for kind in kinds
        ]
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        said = [child.communicate(timeout=60)[0].split() for child in children]
    writes, waits_ms = zip(*((int(count), int(wait)) for count, wait in said), strict=True)
    assert max(waits_ms) < FAIR_MS, (writes, waits_ms)
    assert min(writes) * 4 > max(writes), (writes, waits_ms)


@pytest.mark.parametrize("in_thread", [True, False])
async def test_behind_a_frozen_writer_sql_is_unavailable_and_then_goes_on(
    db: SqlDatabase, monkeypatch, in_thread: bool
) -> None:
    monkeypatch.setattr(sql_database, "BUSY_MS", 300)
    with running(KEEP, f"{db.url.database}-turn") as child:
        child.send_signal(signal.SIGSTOP)
        began_s = time.monotonic()
        with pytest.raises(Unavailable, match="no turn"):
            await insert(db, in_thread)
        assert 0.3 <= time.monotonic() - began_s < 2
    # The kernel took the lock from the dead.
    await insert(db, in_thread)


async def test_a_writer_frozen_at_the_door_is_passed_by(db: SqlDatabase, monkeypatch) -> None:
    """It has begun nothing: it may cost the others time, and none of their writes."""
    monkeypatch.setattr(sql_database, "BUSY_MS", 600)
    with running(KEEP, f"{db.url.database}-next") as child:
        child.send_signal(signal.SIGSTOP)
        began_s = time.monotonic()
        await insert(db, True)
        assert 0.3 <= time.monotonic() - began_s < 2


async def test_the_loop_goes_on_while_one_waits_and_whoever_gives_up_leaves_the_line(db: SqlDatabase) -> None:
    turns = SqliteTurns(str(db.url.database))
    with turns.taken(100):
        waiting = [asyncio.create_task(insert(db, False)) for _n in range(2)]
        await asyncio.sleep(0.05)
        assert not any(one.done() for one in waiting)
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
    await asyncio.wait_for(waiting[1], 2)


async def test_no_place_for_the_line_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="sql"), SqliteTurns(str(tmp_path / "none" / "db")).taken(100):
        pass
