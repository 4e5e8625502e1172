"""The product under test as the certification runs it: its own processes under its own supervisor, and its stores."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import text

from bench import house, procs
from bench.certify import stores
from bench.certify.meter import Cost
from bench.certify.plan import Plan
from bench.hosts import Hosts
from bench.house import House
from proctor import compose
from proctor.settings import Settings


class Site:
    """A running house with the processes of its stores. `pids` names all of the server side."""

    def __init__(
        self, run: House, settings: Settings, valkeys: list[int], postmaster: int, unread: set[str] | None = None
    ) -> None:
        self.unread = unread or set()  # kinds of which not all can be read here: their cost is not known
        self.house = run
        self.settings = settings
        self._valkeys = valkeys
        self._postmaster = postmaster  # 0: none on this machine

    @property
    def pids(self) -> dict[str, int]:
        found = dict(self.house.pids)
        # PostgreSQL has a process for each connection, and the gateways open theirs as they need them.
        postgres = [self._postmaster, *procs.children(self._postmaster)] if self._postmaster else []
        for kind, pids in (("valkey", self._valkeys), ("postgres", postgres)):
            found.update({kind if number == 0 else f"{kind}-{number + 1}": pid for number, pid in enumerate(pids)})
        return found

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far by kind; the journal runs inside the gateways, SQLite too."""
        return self._by_kind(procs.cpu_s)

    def pss_bytes(self) -> dict[str, int]:
        return self._by_kind(procs.pss_bytes)

    def _by_kind(self, read):
        found: dict = {}
        for name, pid in self.pids.items():
            kind = name.partition("-")[0]
            try:
                found[kind] = found.get(kind, 0) + read(pid)
            except (FileNotFoundError, ProcessLookupError):
                pass  # it ended meanwhile, as processes of PostgreSQL do
            except OSError:
                self.unread.add(kind)
        return found

    async def cost(self, online: int, seconds: float) -> Cost:
        """Watch for so long, then weigh."""
        began_s, before = time.perf_counter(), self.cpu_s()
        await asyncio.sleep(seconds)
        took_s, after = time.perf_counter() - began_s, self.cpu_s()
        cores = {kind: max(0.0, after[kind] - before.get(kind, 0.0)) / took_s for kind in after}
        pss_bytes = self.pss_bytes()
        return Cost(online=online, cores=cores, pss_bytes=pss_bytes, unread=sorted(self.unread))

    async def figure(self, name: str) -> float:
        """One of the gateways' metrics, added up."""
        await self.house.doors()
        return (await self.house.figures()).get(name, 0.0)

    async def stored(self, seconds: float) -> bool:
        """Wait until no journal holds anything; False when it still does after so long."""
        deadline_s = time.monotonic() + seconds
        while await self.figure("zhenxue_journal_facts_waiting"):
            if time.monotonic() > deadline_s:
                return False
            await asyncio.sleep(0.5)
        return True


def settings_for(plan: Plan, folder: Path) -> Settings:
    made = house.settings_for(
        folder, house.free_port(), plan.policy(), redis_url=plan.redis_url, database_url=plan.database_url,
        gateways=plan.gateways,
    )  # fmt: skip
    return replace(made, port=house.free_port())


@asynccontextmanager
async def running(
    settings: Settings, gateways: int, *, web: bool = False, workers: int = 0, hosts: Hosts | None = None
) -> AsyncIterator[Site]:
    """Store, gateways, perhaps web and face workers, ready, and started again when they die. Raises StartFailed."""
    async with house.running(settings, gateways, watched=True, web=web, workers=workers, hosts=hosts) as run:
        given = await stores.servers(settings) if settings.redis_url else []
        valkeys = [pid for pid in given if runs(pid, "valkey", "redis")]
        postmaster = await _postmaster(settings)
        unread = set()
        if len(valkeys) < len(given):
            unread.add("valkey")
        if settings.database_url and not postmaster:
            unread.add("postgres")
        yield Site(run, settings, valkeys, postmaster, unread)


def runs(pid: int, *names: str) -> bool:
    """Is it a process of this machine, and that program? A server elsewhere tells a number of its own machine."""
    try:
        return any(name in Path(f"/proc/{pid}/comm").read_text() for name in names)
    except OSError:
        return False


async def _postmaster(settings: Settings) -> int:
    """The first process of a PostgreSQL on this machine, or 0."""
    if not settings.database_url:
        return 0
    async with compose.database(settings) as db, db.read() as conn:
        backend = (await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        # While it is connected: afterwards there is no such process.
        return procs.parent(backend) if runs(backend, "postgres") else 0
