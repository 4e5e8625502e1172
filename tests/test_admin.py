"""The loopback door of a process: alive, ready, and its figures as Prometheus reads them."""

from __future__ import annotations

import asyncio

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from proctor import admin
from proctor.errors import Unavailable


class Nodes:
    """Counts beats; does not answer at first."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, int, int]] = []
        self.asked = 0

    async def beat(self, name: str, kind: str, admin_port: int, pid: int) -> None:
        self.asked += 1
        if self.asked == 1:
            raise Unavailable("redis")
        self.said.append((name, kind, admin_port, pid))

    async def all(self) -> list[dict]:
        return []


async def test_it_lives_is_ready_or_not_and_shows_its_figures() -> None:
    ready = [True]
    readings = {"zhenxue_sockets": 3.0, "zhenxue_beats_total": 41.0}
    async with admin.serving(lambda: readings, lambda: ready[0]) as port, aiohttp.ClientSession() as http:
        base = f"http://127.0.0.1:{port}"
        for path, status in (("/livez", 200), ("/readyz", 200), ("/nothing", 404)):
            async with http.get(base + path) as answer:
                assert answer.status == status
        ready[0] = False
        async with http.get(f"{base}/readyz") as answer:
            assert answer.status == 503 and await answer.json() == {"ready": False}
        async with http.get(f"{base}/livez") as answer:
            assert answer.status == 200
        async with http.get(f"{base}/metrics") as answer:
            found = {one.name: one for one in text_string_to_metric_families(await answer.text())}
    assert found["zhenxue_beats"].type == "counter" and found["zhenxue_beats"].samples[0].value == 41
    assert found["zhenxue_sockets"].type == "gauge" and found["zhenxue_sockets"].samples[0].value == 3


async def test_a_process_goes_on_saying_that_it_lives_when_redis_was_away() -> None:
    nodes, stop = Nodes(), asyncio.Event()
    task = asyncio.create_task(admin.announce(nodes, "gateway-1", "gateway", 4_000, 0.01, stop))
    while len(nodes.said) < 2:
        await asyncio.sleep(0.01)
    stop.set()
    await asyncio.wait_for(task, 1)
    assert nodes.said[0][:3] == ("gateway-1", "gateway", 4_000)
