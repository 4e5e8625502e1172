"""Which processes run, as keys that die with their process, and one set of their names.

The set is what makes a look cheap: to search all keys for them costs more the more people study, and a look is taken
whenever a check is over without an answer. All lie in one slot, so Redis Cluster answers in one go.
"""

from __future__ import annotations

from typing import Any

import orjson

from proctor.adapters.redis_client import Client, text, translated

LIFE_MS = 10_000
NAMES = "zx:{proc}"
PREFIX = f"{NAMES}:"


class RedisNodes:
    """`ports.Nodes`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def beat(self, name: str, kind: str, admin_port: int, pid: int) -> None:
        value = orjson.dumps({"name": name, "kind": kind, "admin_port": admin_port, "pid": pid})
        with translated():
            await self._client.set(f"{PREFIX}{name}", value, px=LIFE_MS)
            await self._client.sadd(NAMES, name)

    async def all(self) -> list[dict[str, Any]]:
        with translated():
            names = [text(name) for name in await self._client.smembers(NAMES)]
            values = await self._client.mget([f"{PREFIX}{name}" for name in names]) if names else []
            if gone := [name for name, value in zip(names, values, strict=True) if value is None]:
                # One that speaks again at this very moment is missing until its next word.
                await self._client.srem(NAMES, *gone)
        found = [orjson.loads(value) for value in values if value]
        return sorted(found, key=lambda row: (row["kind"], row["name"]))
