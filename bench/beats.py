"""`python -m bench beats`: what one beat costs of gateway, Valkey and journal together, and what a learner weighs.

Open loop: every socket sends one beat each ten seconds, whether or not answers came; this is what a school does.
Closed loop: some sockets send the next beat as soon as the last is answered, and every beat makes a snapshot of
its own; this is what one beat costs when the machine has nothing else to do. The journal is part of the gateway.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from rich.progress import Progress

from bench import house, world
from bench.histogram import Histogram
from bench.house import Driver, House

ADDRESSES = [f"127.0.0.{last}" for last in range(11, 19)]
# The start check would need a face worker: the bench's learners passed theirs a minute ago.
POLICY = {"check_at_start": False}
CLOSED_POLICY = POLICY | {"beats_per_minute_max": 1_000_000_000}
PERIOD_S = 10.0


@dataclass(kw_only=True)
class Run:
    """One measured hold."""

    mode: str
    sockets: int
    seconds: float
    beats: int
    cpu_us: dict[str, float]  # per beat, by process kind
    latency: Histogram
    lateness: Histogram
    pss_bytes: int  # of the gateways, before anybody came and with everybody there
    pss_empty_bytes: int
    valkey_bytes: int  # used_memory that the learners added
    counted: dict[str, float] = field(default_factory=dict)  # what the gateways counted during the hold
    generator: dict = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.beats / self.seconds

    @property
    def cpu_us_all(self) -> float:
        return sum(self.cpu_us.values())

    @property
    def pss_learner_bytes(self) -> float:
        return self.pss_bytes / self.sockets


async def measure(
    progress: Progress, *, mode: str, sockets: int, busy: int, hold_s: float, past: bool, gateways: int = 1,
    period_s: float = PERIOD_S,
) -> Run:  # fmt: skip
    """Prepare, start, connect, hold, read. Raises AssertionError when beats were refused or sockets lost."""
    async with house.folder() as data:
        policy = CLOSED_POLICY if busy else POLICY
        settings = house.settings_for(data, house.free_port(), policy)
        bar = progress.add_task(f"{mode}: preparing {sockets:,} learners", total=None)
        made = await world.fill(settings, sockets, past=past)
        tickets = world.tickets(settings, made)
        entry = house.FORCED if busy else house.GATEWAY
        async with house.running(settings, gateways, entry) as run:
            empty, store_empty = run.pss_bytes(), await run.valkey_bytes()
            progress.update(bar, description=f"{mode}: opening {sockets:,} seats")
            async with house.driver(
                host="127.0.0.1", port=settings.ws_port, tickets=tickets, addresses=ADDRESSES, busy=busy,
                period_s=period_s,
            ) as load:  # fmt: skip
                opened = await load.hear()
                assert opened["refused"] == 0, opened
                ready = await load.hear()
                assert ready["lost"] == 0, ready
                progress.update(bar, description=f"{mode}: holding", total=hold_s)
                measured = await _hold(run, load, hold_s, progress, bar)
                progress.update(bar, description=f"{mode}: done", completed=hold_s)
                before, after, said, counted = measured
                return _run(
                    mode, sockets, before, after, said, counted, pss_bytes=run.pss_bytes(), pss_empty_bytes=empty,
                    valkey_bytes=await run.valkey_bytes() - store_empty,
                )  # fmt: skip


async def _hold(run: House, load: Driver, hold_s: float, progress: Progress, bar) -> tuple[dict, dict, dict, dict]:
    figures = await run.figures()
    before = run.cpu_s()
    await load.tell(hold_s=hold_s)
    hearing = asyncio.create_task(load.hear())
    while not hearing.done():
        await asyncio.wait([hearing], timeout=0.5)
        progress.advance(bar, 0.5)
    after = run.cpu_s()
    counted = {name: value - figures.get(name, 0.0) for name, value in (await run.figures()).items()}
    return before, after, hearing.result(), counted


def _run(mode: str, sockets: int, before: dict, after: dict, said: dict, counted: dict, **memory: int) -> Run:
    """Figures of one hold. What was not counted as studied would not have been a beat: it fails."""
    beats = said["acks"]
    assert beats > 0 and said["lost"] == 0, said
    assert sum(said["uncounted"].values()) <= beats // 1_000, (said["uncounted"], beats, counted)
    assert abs(counted["zhenxue_beats_total"] - beats) <= max(50, beats // 50), (counted, beats)
    return Run(
        mode=mode, sockets=sockets, seconds=said["seconds"], beats=beats,
        cpu_us={kind: (after[kind] - before[kind]) / beats * 1e6 for kind in before},
        latency=Histogram.from_json(said["latency"]), lateness=Histogram.from_json(said["lateness"]),
        counted={name: value for name, value in counted.items() if value}, generator=said, **memory,
    )  # fmt: skip
