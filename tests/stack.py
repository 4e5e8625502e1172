"""The whole product, really running, for browser tests: `proctor up` on free ports with a data folder of its own.

Rules are shortened by settings only; nothing is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from functools import cache
from pathlib import Path

from proctor import compose, demo
from proctor.adapters.sql_database import SqlDatabase
from proctor.core.inputs import Totals
from proctor.modules.study import queries
from proctor.settings import load
from tests.client import Person
from tests.world import PASSWORD, people

ROOT = Path(__file__).resolve().parents[1]
run_folder: Path | None = None  # of this test run, the same for all its workers

# A beat every second keeps the tests short; the relations between the values are those of the default pack.
QUICK_POLICY = {
    "beat_ms": 1_000,
    "gap_ms_max": 30_000,
    "slack_ms_max": 1_000,
    "durable_nudge_ms": 17_000,
    "durable_pause_ms": 25_000,
    # Stills answer every check here; active ones are asked where a face can move.
    "active_start": False,
    "active_end": False,
    "active_takeover": False,
    "active_one_in": 0,
}


def free_port() -> int:
    """A port outside the range from which outgoing connections take theirs: a killed server must get it back."""
    # Workers of one test run draw from ranges of their own: a port is free until it is bound, also for a neighbour.
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    while True:
        port = random.randint(10_000 + 2_500 * worker, 12_499 + 2_500 * worker)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


async def _fill(folder: Path) -> None:
    settings = load({}, data=str(folder))
    async with compose.database(settings) as db:
        await db.migrate()
        await demo.fill(db, compose.vault_of(settings), settings.data_dir)


@cache
def filled() -> Path:
    """A data folder with the demonstration in it, made once a test run: drawing videos takes its time."""
    assert run_folder is not None, "tests/conftest.py says where"
    # Several workers of one run share it: the first one makes it, the others wait.
    with (run_folder / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _made(run_folder / "demo")


def _made(folder: Path) -> Path:
    if not (folder / "demo.json").exists():
        folder.mkdir(mode=0o700)
        # A process of its own: a caller's running loop must neither wait nor be watched for it.
        subprocess.run([sys.executable, "-m", "tests.stack", str(folder)], cwd=ROOT, check=True)
        assert (folder / "demo.json").exists()
    return folder


class Stack:
    """Start with `async with Stack(tmp_path) as stack`; `stack.url` is the web's origin."""

    def __init__(
        self, data: Path, *, policy: dict | None = None, env: dict[str, str] | None = None, copy: bool = True,
        options: tuple[str, ...] = (), scheme: str = "http", gateways: int = 1,
    ) -> None:  # fmt: skip
        self._copy = copy
        self._options = options
        self._gateways = gateways
        self.data = data
        self.port = free_port()
        self.gateway_port = free_port()
        self.url = f"{scheme}://localhost:{self.port}"
        self.database_url = ""
        self.relay_port = 0
        self._policy = {**QUICK_POLICY, **(policy or {})}
        self._env = env or {}

    async def __aenter__(self) -> Stack:
        environment = {
            **os.environ,
            "ZHENXUE_POLICY": json.dumps(self._policy),
            "ZHENXUE_GATEWAYS": str(self._gateways),
            "PYTHONUNBUFFERED": "1",
            **self._env,
        }
        self.data.mkdir(parents=True, exist_ok=True)
        if self._copy and not any(self.data.iterdir()):
            shutil.copytree(filled(), self.data, dirs_exist_ok=True)
        self._log = (self.data / "up.log").open("wb")
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "proctor.cli", "up",
            "--data", str(self.data), "--port", str(self.port), "--gateway-port", str(self.gateway_port),
            *self._options,
            cwd=ROOT, env=environment, stdout=self._log, stderr=self._log, start_new_session=True,
        )  # fmt: skip
        try:
            await self.ready(100)
        except BaseException:
            # Whatever ends the waiting, a time limit of the test runner too: nothing of it may go on running.
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(self.process.wait(), 10)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                await self.process.wait()
        self._log.close()

    async def ready(self, seconds: float = 30) -> None:
        """Wait until the web says that everything is ready."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.returncode is not None:
                raise AssertionError(f"the stack ended:\n{self.log()}")
            with contextlib.suppress(OSError):
                # The web answers before the supervisor has seen all its children and has said all it says.
                if await asyncio.to_thread(self._get_ready) == 200 and "Ctrl-C stops everything" in self.log():
                    return
            await asyncio.sleep(0.2)
        raise AssertionError(f"the stack was not ready within {seconds} s:\n{self.log()}")

    def _get_ready(self) -> int:
        # Nobody verifies the certificate here: the test that does is about certificates.
        lax = ssl._create_unverified_context()
        with urllib.request.urlopen(f"{self.url}/readyz", timeout=2, context=lax) as answer:
            return answer.status

    def log(self) -> str:
        return (self.data / "up.log").read_text(errors="replace")[-4_000:]

    # People and the record.

    def database(self) -> SqlDatabase:
        return SqlDatabase(self.database_url or f"sqlite+aiosqlite:///{self.data / 'zhenxue.sqlite3'}")

    async def people(self, count: int = 1, role: str = "learner") -> list[tuple[int, str]]:
        """Fresh accounts of the demonstration institution: (id, login); the password is `world.PASSWORD`."""
        db = self.database()
        try:
            return await people(db, 1, compose.vault_of(load({}, data=str(self.data))), count, role=role)
        finally:
            await db.close()

    async def learner(
        self, *, consent: str = "given", agent: str = "tests", trusted: ssl.SSLContext | None = None
    ) -> Person:
        """A signed-in learner who has made the choice about face checks."""
        ((account, login),) = await self.people()
        person = Person(self.url, agent=agent, trusted=trusted)
        await person.sign_in(login, PASSWORD)
        await person.consent(consent)
        person.account, person.login = account, login
        return person

    async def totals(self, learner_id: int, lesson_id: int) -> Totals:
        """The record of one lesson as the pages would show it now."""
        db = self.database()
        try:
            async with db.read() as conn:
                return (await queries.lesson_record(conn, learner_id, lesson_id)).totals
        finally:
            await db.close()

    async def stored(self, learner_id: int, lesson_id: int, wait_s: float = 10.0, **sums: int) -> Totals:
        """The same once it says exactly `sums`: the journal writes a moment after the ack, longer when busy."""
        deadline = time.monotonic() + wait_s
        while True:
            found = await self.totals(learner_id, lesson_id)
            if all(getattr(found, name) == ms for name, ms in sums.items()):
                return found
            assert time.monotonic() < deadline, (found, sums)
            await asyncio.sleep(0.1)

    def pids(self, kind: str) -> list[int]:
        """Living children of the supervisor and its fork server that call themselves `kind`: gateway, faces, web,
        valkey, forkserver."""
        titles, parents = {}, {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rsplit(")", 1)[1].split()
                if fields[0] != "Z":
                    titles[int(path.parent.name)] = path.with_name("cmdline").read_bytes().decode(errors="replace")
                    parents[int(path.parent.name)] = int(fields[1])
        family = {pid for pid, parent in parents.items() if parent == self.process.pid}
        family |= {pid for pid, parent in parents.items() if parent in family}
        named = (f"zhenxue {kind}", f"{kind}-server")
        return sorted(pid for pid in family if any(name in titles[pid] for name in named))


if __name__ == "__main__":
    asyncio.run(_fill(Path(sys.argv[1])))
