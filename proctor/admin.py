"""The loopback door of each process: livez, readyz, metrics; and telling the others that it lives."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from proctor.errors import Unavailable
from proctor.ports import Nodes

log = structlog.get_logger("admin")


@asynccontextmanager
async def serving(readings: Callable[[], Mapping[str, float]], ready: Callable[[], bool]) -> AsyncIterator[int]:
    """Serve on a free loopback port; yields the port. `readings`: value by metric name."""

    async def livez(_request: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def readyz(_request: web.Request) -> web.Response:
        fine = ready()
        return web.json_response({"ready": fine}, status=200 if fine else 503)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(text=exposition(readings()), content_type="text/plain")

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def exposition(readings: Mapping[str, float]) -> str:
    """Prometheus text; names that end in `_total` are counters."""
    lines = []
    for name, value in sorted(readings.items()):
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# TYPE {name} {kind}", f"{name} {value}"]
    return "\n".join(lines) + "\n"


async def announce(nodes: Nodes, name: str, kind: str, port: int, every_s: float, stop: asyncio.Event) -> None:
    """Say again and again that this process lives; silence for 10 s means that it does not."""
    while not stop.is_set():
        try:
            await nodes.beat(name, kind, port, os.getpid())
        except Unavailable as gone:
            log.warning("not_announced", port=gone.port)
        try:
            await asyncio.wait_for(stop.wait(), every_s)
        except TimeoutError:
            pass
