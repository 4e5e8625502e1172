"""python-socketio under uvicorn: an event handler that stores each beat. Run with a port and a Redis URL."""

import json
import sys

import redis.asyncio as aioredis
import socketio
import uvicorn

# A bounded pool: a connection for every beat under way would overrun the store at the first burst.
pool = aioredis.BlockingConnectionPool.from_url(sys.argv[2], max_connections=50, timeout=None)
store = aioredis.Redis(connection_pool=pool)
server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*", http_compression=False)


@server.event
async def beat(sid, data):
    await store.set(f"peer:{sid}", json.dumps(data), px=86_400_000)
    await server.emit("ack", {"t": "ack", "seq": data["seq"], "total_ms": data["pos"]}, to=sid)


if __name__ == "__main__":
    uvicorn.run(
        socketio.ASGIApp(server), host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", ws="websockets",
        log_level="warning", ws_per_message_deflate=False, backlog=4_096, ws_ping_interval=None,
    )  # fmt: skip
