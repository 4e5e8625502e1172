"""The application itself: started and stopped again and again it leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

import aiohttp
from aiohttp.test_utils import TestServer

from proctor.adapters.redis_client import connect
from proctor.settings import Settings
from tests.web.conftest import JPEG, wire
from tests.world import PASSWORD
from web.app import make_app

STARTS = 50


async def test_fifty_starts_and_stops_leave_no_descriptor_and_no_task(valkey: str, master, tmp_path: Path) -> None:
    made = master(tmp_path)
    settings = Settings(data=str(tmp_path), redis_url=f"{valkey}?db=9")

    async def once() -> None:
        client = connect(settings.redis)
        deps = wire(settings, client)
        server = TestServer(make_app(deps))
        await server.start_server()
        async with aiohttp.ClientSession(
            str(server.make_url("/")), cookie_jar=aiohttp.CookieJar(unsafe=True)
        ) as http:
            async with http.get("/readyz") as answer:
                assert answer.status in (200, 503)
            async with http.post("/api/v1/checks/c/frames", data=JPEG) as answer:
                assert answer.status == 400
            async with http.post(
                "/login", data={"login": made.here.logins["learner"], "password": PASSWORD}
            ) as answer:
                assert answer.status == 403, "no form token"
        await server.close()
        await deps.db.close()
        await client.aclose()

    async def settled() -> tuple[int, int]:
        for _round in range(20):
            await asyncio.sleep(0.01)
            gc.collect()
        return len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())

    await once()
    before = await settled()
    for _n in range(STARTS):
        await once()
    assert await settled() == before
