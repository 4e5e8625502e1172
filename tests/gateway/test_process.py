"""A whole gateway process inside the test's loop: it serves, says how it is, drains, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator

import aiohttp
import pytest

from proctor.adapters.memory_jobs import MemoryJobs
from proctor.gateway import process
from proctor.gateway.server import Gateway
from tests.gateway.house import TEXT, Gate, free_port, until
from tests.live.house import House

STARTS = 50


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """A gateway freezes the heap and turns the oldest generation off; the tests after it want theirs back."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Served:
    """`process.serve` as a task."""

    def __init__(self, **settings: object) -> None:
        port = free_port()
        self.house = House(host="127.0.0.1", gateway_port=port, drain_ms=20, **settings)
        self.gates = Gate(self.house, port)
        self.gateway = self.gates.gateway = Gateway(self.house.settings, self.house.hub, self.house.tickets)
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(
            process.serve(
                self.house.settings, self.gateway, self.house.hub, self.house.inbox, self.house.nodes,
                MemoryJobs(self.house.clock.now_ms), None, self.stop,
            )
        )  # fmt: skip

    async def ready(self) -> None:
        await until(lambda: self.task.done() or self.gateway._server is not None and bool(self.house.nodes._rows))
        if self.task.done():
            await self.task

    async def end(self) -> None:
        self.stop.set()
        await asyncio.wait_for(self.task, 20)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_it_serves_announces_itself_and_ends_in_order() -> None:
    served = Served()
    await served.ready()
    raw = await served.gates.welcomed()
    (node,) = await served.house.nodes.all()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{node['admin_port']}") as admin:
        async with admin.get("/readyz") as answer:
            assert answer.status == 200
        async with admin.get("/metrics") as answer:
            figures = await answer.text()
    assert "zhenxue_sockets 1" in figures and "zhenxue_opened_start_total 1" in figures
    await served.end()
    await raw.ended()
    covered, _provisional, _totals = await served.house.records.coverage(1, 1)
    assert covered == () and served.house.hub.journal.waiting_facts == 0, "the facts are stored"


async def test_what_is_earned_before_a_stop_is_stored() -> None:
    served = Served(journal_every_ms=60_000)
    await served.ready()
    raw = await served.gates.welcomed()
    assert served.house.hub.journal.waiting_facts > 0
    await served.end()
    assert served.house.records.facts and raw is not None


async def test_a_loop_that_dies_takes_the_process_with_it_loudly() -> None:
    served = Served(journal_every_ms=10)
    await served.ready()
    raw = await served.gates.welcomed()
    served.house.sql.error = ValueError("a bug of ours")
    raw.send(TEXT, b'{"t":"bye"}')
    with pytest.raises(RuntimeError, match="journal ended"):
        await asyncio.wait_for(served.task, 20)


async def test_fifty_starts_and_stops_leave_no_descriptor_and_no_task() -> None:
    async def once(learner_id: int) -> None:
        served = Served()
        await served.ready()
        raw = await served.gates.dial()
        raw.send(TEXT, served.gates.start_frame(learner_id))
        assert (await raw.json())["t"] == "welcome"
        await served.end()
        await raw.ended()
        raw.writer.close()
        await raw.writer.wait_closed()

    await once(1)
    gc.unfreeze()
    gc.collect()
    files, tasks = descriptors(), len(asyncio.all_tasks())
    for number in range(STARTS):
        await once(number + 2)
    await asyncio.sleep(0)
    gc.unfreeze()
    gc.collect()
    assert (descriptors(), len(asyncio.all_tasks())) == (files, tasks)
