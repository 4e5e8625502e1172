"""aiohttp and redis-py: a handler that stores each beat. Run with a port and a Redis URL."""

import asyncio
import json
import sys

import redis.asyncio as aioredis
import uvloop
from aiohttp import WSMsgType, web

# A bounded pool: a connection for every beat under way would overrun the store at the first burst.
pool = aioredis.BlockingConnectionPool.from_url(sys.argv[2], max_connections=50, timeout=None)
store = aioredis.Redis(connection_pool=pool)


async def beats(request):
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    key = f"peer:{id(socket)}"
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            beat = json.loads(message.data)
            await store.set(key, message.data, px=86_400_000)
            await socket.send_str(json.dumps({"t": "ack", "seq": beat["seq"], "total_ms": beat["pos"]}))
    return socket


if __name__ == "__main__":
    asyncio.set_event_loop(uvloop.new_event_loop())
    app = web.Application()
    app.router.add_get("/", beats)
    web.run_app(
        app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None, backlog=4_096,
        loop=asyncio.get_event_loop(),
    )  # fmt: skip
