"""The product under test: the embedded Valkey and real gateway processes, started as the supervisor starts them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import aiohttp

from bench import procs
from bench.hosts import Hosts, inside
from proctor import child, compose, supervisor
from proctor.forkserver import ForkServer, spawn_fork_server
from proctor.settings import Settings, environ, load
from proctor.supervisor import Child, Supervisor

READY_S = 30.0
FIGURES_S = 5.0
GATEWAY = "proctor.child:gateway"
FORCED = "bench.forced:main"


class House:
    """A running store and gateways."""

    def __init__(
        self, settings: Settings, boss: Supervisor, fork_server: ForkServer, hosts: Hosts | None = None
    ) -> None:
        self.settings = settings
        self._fork_server = fork_server
        self.hosts = hosts
        self._boss = boss
        self._watching: asyncio.Task | None = None
        self._stop = asyncio.Event()
        self._doors: dict[int, int] = {}  # admin port by process id

    @property
    def gateways(self) -> list[int]:
        return [c.process.pid for c in self._boss.children if c.process and c.name.startswith("gateway")]

    @property
    def valkey(self) -> int:
        return next(c.process.pid for c in self._boss.children if c.process and c.name == "valkey")

    @property
    def pids(self) -> dict[str, int]:
        """By name, of those that live; the fork server, with whom the others share memory, among them."""
        found = {
            one.name: one.process.pid
            for one in self._boss.children
            if one.process is not None and one.process.returncode is None
        }
        return {**found, "forkserver": self._fork_server.pid}

    def watch(self) -> None:
        """Whoever dies from now on is started again, as `proctor up` does it."""
        self._stop.clear()
        self._watching = asyncio.create_task(self._boss.watch(self._stop))

    async def unwatch(self) -> None:
        self._stop.set()
        if self._watching is not None:
            await self._watching
            self._watching = None

    async def kill(self, kind: str, down_s: float) -> None:
        """All processes of a kind at once by SIGKILL; started again after so long, and ready when this returns.

        The supervisor does not watch meanwhile: it would start them at once, or give up at so many deaths.
        """
        await self.unwatch()
        killed = [one for one in self._boss.children if one.name.partition("-")[0] == kind]
        for one in killed:
            assert one.process is not None
            one.process.kill()
            await one.process.wait()
        await asyncio.sleep(down_s)
        for one in killed:
            self._boss.children.remove(one)
            await self._boss.start(one)
        # The store stays the first child: it is stopped last.
        self._boss.children.sort(key=lambda one: one.name != "valkey")
        if kind == "valkey":
            await compose.wait_redis(self.settings, READY_S)
        self.watch()

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far, by kind. The journal runs inside the gateways, its SQLite too."""
        return {
            "gateway": sum(procs.cpu_s(pid) for pid in self.gateways),
            "valkey": procs.cpu_s(self.valkey),
        }

    def pss_bytes(self) -> int:
        """Of the gateways, and what they share with the process that forked them."""
        return sum(procs.pss_bytes(pid) for pid in (*self.gateways, self._fork_server.pid))

    async def doors(self) -> dict[int, int]:
        """Where each gateway tells its figures. The store still names those of a run before for a while."""
        own = set(self.gateways)
        async with compose.nodes(self.settings) as nodes:
            self._doors = {row["pid"]: row["admin_port"] for row in await nodes.all() if row["pid"] in own}
        return self._doors

    async def count(self, kind: str) -> int:
        """Processes of a kind that have told the store of themselves."""
        own = set(self.pids.values())
        async with compose.nodes(self.settings) as nodes:
            return sum(row["kind"] == kind and row["pid"] in own for row in await nodes.all())

    async def figures(self) -> dict[str, float]:
        """The gateways' metrics, added up."""
        found: dict[str, float] = {}
        async with aiohttp.ClientSession() as client:
            for pid, port in self._doors.items():
                for line in (await self._told(client, pid, f"http://127.0.0.1:{port}/metrics")).splitlines():
                    if not line.startswith("#"):
                        name, value = line.split(" ")
                        found[name] = found.get(name, 0.0) + float(value)
        return found

    async def _told(self, client: aiohttp.ClientSession, pid: int, address: str) -> str:
        """Figures are for the loopback of the gateway's own host only."""
        if self.hosts is not None:
            return await asyncio.to_thread(inside, pid, lambda: urlopen(address, timeout=FIGURES_S).read().decode())
        async with client.get(address) as answer:
            return await answer.text()

    async def valkey_bytes(self) -> int:
        """What the store says it uses for data."""
        async with compose.store(self.settings) as client:
            return int((await client.info("memory"))["used_memory"])


def settings_for(folder: Path, port: int, policy: dict, **given: object) -> Settings:
    return load(
        {}, data=str(folder), host="127.0.0.1", gateway_port=port, policy=json.dumps(policy), log_level="warning",
        **given,
    )  # fmt: skip


@asynccontextmanager
async def folder() -> AsyncIterator[Path]:
    """A data folder that is gone afterwards."""
    made = Path(tempfile.mkdtemp(prefix="zx-bench-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@asynccontextmanager
async def running(
    settings: Settings,
    gateways: int,
    entry: str = GATEWAY,
    *,
    watched: bool = False,
    web: bool = False,
    workers: int = 0,
    hosts: Hosts | None = None,
) -> AsyncIterator[House]:
    """Store and gateways, ready; the store only when no address of one is set. Raises StartFailed.

    `watched`: whoever dies is started again, as `proctor up` does it. `web`: the pages and the API, too; `workers`:
    so many face workers. `hosts`: where the gateways run, one after the other, instead of here.
    """
    fork_server = spawn_fork_server(child.IMPORTS)
    boss = Supervisor(fork_server=fork_server)
    logs = settings.data_dir / "logs"
    house = House(settings, boss, fork_server, hosts)
    try:
        if not settings.redis_url:
            await _execute(boss, "valkey", logs, settings, compose.valkey_command(settings))
        await compose.wait_redis(settings, READY_S)
        for number in range(gateways):
            name = f"gateway-{number + 1}"
            if hosts:
                place = number % hosts.count
                there = replace(settings, host=hosts.address(place))
                command = [*hosts.enter(place), *supervisor.python("-m", "proctor.cli", "gateway")]
                await _execute(boss, name, logs, there, command)
            else:
                await _fork(boss, name, logs, settings, entry)
        if web:
            await _fork(boss, "web", logs, settings, "web.__main__:main")
        for number in range(workers):
            await _fork(boss, f"faces-{number + 1}", logs, settings, "proctor.child:faces")

        async def ready() -> bool:
            if len(await house.doors()) < gateways or (web and not await _answers(settings.port)):
                return False
            return await house.count("faces") >= workers

        await boss.up(ready, READY_S)
        if watched:
            house.watch()
        yield house
    finally:
        await house.unwatch()
        await boss.stop_all()


async def _fork(boss: Supervisor, name: str, logs: Path, settings: Settings, entry: str) -> None:
    await boss.start(Child(name=name, entry=entry, env=environ(settings), log_path=logs / f"{name}.log"))


async def _execute(boss: Supervisor, name: str, logs: Path, settings: Settings, command: list[str]) -> None:
    env = supervisor.environment(environ(settings))
    await boss.start(Child(name=name, command=command, env=env, log_path=logs / f"{name}.log"))


async def _answers(port: int) -> bool:
    """Does the web live?"""
    try:
        async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}/livez") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


class Driver:
    """One load process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def ask(self, **order: object) -> dict:
        await self.tell(**order)
        return await self.hear()

    async def tell(self, **order: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        await self.process.stdin.drain()

    async def hear(self) -> dict:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError("the load process ended")
        return json.loads(line)


@asynccontextmanager
async def driver(**plan: object) -> AsyncIterator[Driver]:
    """A load process that has its plan and is connecting."""
    process = await asyncio.create_subprocess_exec(
        *supervisor.python("-m", "bench.load"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )  # fmt: skip
    made = Driver(process)
    try:
        await made.tell(**plan)
        yield made
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()


def free_port() -> int:
    """A port outside the range from which outgoing connections take theirs."""
    while True:
        port = random.randint(10_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
