"""What all scenarios share while they run: the site, the crowd, the meter, marks in time, and what was found."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import Progress, TaskID

from bench.certify import drive, site
from bench.certify.drive import Crowds
from bench.certify.meter import Cost, Meter, Reading
from bench.certify.orders import Shown
from bench.certify.plan import Plan
from bench.certify.seconds import Seconds
from bench.certify.site import Site
from bench.certify.truth import Truth
from bench.hosts import Hosts
from bench.report import Row
from bench.world import World
from proctor.settings import Settings

SHOW_EVERY_S = 0.5


@dataclass(kw_only=True)
class Mark:
    """A stretch of time with a name: a shaded part of the plots."""

    name: str
    from_s: float
    to_s: float


@dataclass(kw_only=True)
class Part:
    """Everything measured between one start of the site and its end."""

    name: str
    seconds: Seconds
    readings: list[Reading] = field(default_factory=list)
    online: list[tuple[float, int]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    began_s: float = 0.0
    plan: Plan | None = None  # with the numbers and the stores of this part
    web: int = 0
    workers: int = 0
    hosts: int = 0  # simulated ones, of the gateways


@dataclass(kw_only=True)
class Findings:
    """What the report is made of."""

    rows: list[Row] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    truths: dict[str, Truth] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    told: list[Path] = field(default_factory=list)  # what the load processes wrote down, in the order of the parts


class Stage:
    """One run of the site with its crowd. `say` moves the progress line."""

    def __init__(self, plan: Plan, live: Site, crowds: Crowds, part: Part, raw: Path, bar) -> None:
        self.plan = plan
        self.site = live
        self.crowds = crowds
        self.part = part
        self.raw = raw
        self.phones: Crowds | None = None  # second devices beside this crowd, while there are any
        self.after: list[Path] = []  # what others told who took seats over from this crowd
        self._bar: tuple[Progress, TaskID] = bar

    @property
    def pids(self) -> dict[str, int]:
        """Every process of the run: the product's, the load's, and this one, from which the rush comes."""
        phones = self.phones.pids if self.phones else {}
        return {
            **self.site.pids, **self.crowds.pids, **{f"phones-{name}": pid for name, pid in phones.items()},
            "controller": os.getpid(),
        }  # fmt: skip

    def say(self, words: str) -> None:
        progress, task = self._bar
        progress.update(task, description=f"{self.part.name}: {words}")

    @contextlib.contextmanager
    def mark(self, name: str):
        """A named stretch; yields the mark, whose end is set when it is left."""
        made = Mark(name=name, from_s=time.perf_counter(), to_s=0.0)
        self.part.marks.append(made)
        try:
            yield made
        finally:
            made.to_s = time.perf_counter()

    async def watch(self) -> None:
        """Who is online, for the plot and for people."""
        progress, task = self._bar
        while True:
            self.part.online.append((time.perf_counter(), self.crowds.live))
            progress.update(task, completed=self.crowds.live)
            await asyncio.sleep(SHOW_EVERY_S)


@asynccontextmanager
async def opened(
    plan: Plan, settings: Settings, world: World, name: str, findings: Findings, raw: Path, progress: Progress,
    *, web: bool = False, hosts: Hosts | None = None, workers: int = 0, shown: Shown | None = None,
) -> AsyncIterator[Stage]:  # fmt: skip
    """Fresh processes of the product and of the load, watched until the end."""
    task = progress.add_task(f"{name}: starting", total=plan.online)
    folder = raw / name
    async with (
        site.running(settings, plan.gateways, web=web, workers=workers, hosts=hosts) as live,
        drive.crowds(plan, settings, world, folder, hosts=drive.addresses(hosts), shown=shown) as crowds,
    ):
        part = Part(
            name=name, seconds=crowds.seconds, began_s=time.perf_counter(), plan=plan, web=int(web), workers=workers,
            hosts=hosts.count if hosts else 0,
        )  # fmt: skip
        findings.parts.append(part)
        stage = Stage(plan, live, crowds, part, folder, (progress, task))
        meter = Meter(lambda: stage.pids)
        part.readings = meter.readings
        watching = [asyncio.create_task(meter.run()), asyncio.create_task(stage.watch())]
        try:
            yield stage
            stage.say("done")
        finally:
            for one in watching:
                one.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
