"""A small reverse proxy: one HTTPS origin for pages and sockets, as nginx would serve it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import WSMsgType, web
from multidict import CIMultiDict
from yarl import URL

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"}
SOCKETS_PATH = "/ws"


@asynccontextmanager
async def proxy(port: int, *, pages: str, sockets: str, tls: ssl.SSLContext) -> AsyncIterator[None]:
    """Serve https://127.0.0.1:`port`: SOCKETS_PATH goes to the gateways, `sockets`; the rest to the web, `pages`."""
    async with aiohttp.ClientSession(auto_decompress=False) as client:

        async def page(request: web.Request) -> web.Response:
            target = URL(pages + request.raw_path, encoded=True)
            sent, body = _forwarded(request), await request.read()
            async with client.request(
                request.method, target, headers=sent, data=body, allow_redirects=False
            ) as answer:
                kept = [(k, v) for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP]
                return web.Response(status=answer.status, body=await answer.read(), headers=CIMultiDict(kept))

        async def socket(request: web.Request) -> web.WebSocketResponse:
            near = web.WebSocketResponse(compress=False)
            await near.prepare(request)
            origin = request.headers.get("Origin")
            async with client.ws_connect(sockets, origin=origin) as far:
                both = [asyncio.create_task(_pump(near, far)), asyncio.create_task(_pump(far, near))]
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                for task in both:
                    task.cancel()
                await asyncio.gather(*both, return_exceptions=True)
            return near

        app = web.Application(client_max_size=4_000_000)
        app.router.add_get(SOCKETS_PATH, socket)
        app.router.add_route("*", "/{path:.*}", page)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
        try:
            yield
        finally:
            await runner.cleanup()


def _forwarded(request: web.Request) -> dict[str, str]:
    """The request's headers, with the address it came from behind whatever the client claimed."""
    kept = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
    before = request.headers.get("X-Forwarded-For")
    kept["X-Forwarded-For"] = f"{before}, {request.remote}" if before else str(request.remote)
    return kept


async def _pump(here, there) -> None:
    async for message in here:
        if message.type is WSMsgType.TEXT:
            await there.send_str(message.data)
        else:
            await there.send_bytes(message.data)
    with contextlib.suppress(ConnectionError):
        await there.close(code=here.close_code or 1001)
