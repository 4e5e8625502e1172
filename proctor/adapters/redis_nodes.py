"""Which processes run, as keys that die with their process."""

from __future__ import annotations

from typing import Any

import orjson
import redis.asyncio as aioredis

from proctor.adapters.redis_client import translated

LIFE_MS = 10_000
PREFIX = "zx:proc:"
SCAN_MAX = 1_000


class RedisNodes:
    """`ports.Nodes`."""

    def __init__(self, client: aioredis.Redis) -> None:
        self._client = client

    async def beat(self, name: str, kind: str, admin_port: int, pid: int) -> None:
        value = orjson.dumps({"name": name, "kind": kind, "admin_port": admin_port, "pid": pid})
        with translated():
            await self._client.set(f"{PREFIX}{name}", value, px=LIFE_MS)

    async def all(self) -> list[dict[str, Any]]:
        with translated():
            keys = [key async for key in self._client.scan_iter(match=f"{PREFIX}*", count=SCAN_MAX)]
            values = await self._client.mget(keys) if keys else []
        found = [orjson.loads(value) for value in values if value]
        return sorted(found, key=lambda row: (row["kind"], row["name"]))
