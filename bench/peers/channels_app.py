"""Django Channels under uvicorn: a consumer that stores each beat. Run with a port and a Redis URL."""

import json
import sys

import redis.asyncio as aioredis
import uvicorn
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path

settings.configure(ALLOWED_HOSTS=["*"], INSTALLED_APPS=[], CHANNEL_LAYERS={})
# A bounded pool: a connection for every beat under way would overrun the store at the first burst.
pool = aioredis.BlockingConnectionPool.from_url(sys.argv[2], max_connections=50, timeout=None)
store = aioredis.Redis(connection_pool=pool)


class Beats(AsyncWebsocketConsumer):
    async def connect(self):
        self.key = f"peer:{id(self)}"
        await self.accept()

    async def receive(self, text_data=None, bytes_data=None):
        beat = json.loads(text_data)
        await store.set(self.key, text_data, px=86_400_000)
        await self.send(json.dumps({"t": "ack", "seq": beat["seq"], "total_ms": beat["pos"]}))


application = ProtocolTypeRouter({"websocket": URLRouter([path("", Beats.as_asgi())])})
if __name__ == "__main__":
    uvicorn.run(
        application, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", ws="websockets", log_level="warning",
        ws_per_message_deflate=False, backlog=4_096, ws_ping_interval=None,
    )  # fmt: skip
