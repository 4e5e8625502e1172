"""One place for connections to Redis or Valkey: explicit limits, scripts from files, errors translated."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis.asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from proctor.errors import Unavailable

# Read with the module: a file that is read at the first call would stop the loop of a running process.
LUA = {path.stem: path.read_text("utf-8") for path in (Path(__file__).parent / "lua").glob("*.lua")}
SHA = {name: hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest() for name, source in LUA.items()}
CONNECTIONS_MAX = 32
CONNECT_S = 2.0
OPERATION_S = 2.0
WAIT_S = 5.0  # for a free connection: a reconnect storm queues here instead of being told that Redis is gone


def connect(url: str) -> aioredis.Redis:
    """A pool that opens nothing yet. One quick retry heals a connection that a restart has closed."""
    pool = aioredis.BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS_MAX,
        timeout=WAIT_S,
        socket_connect_timeout=CONNECT_S,
        socket_timeout=OPERATION_S,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), 1),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
        decode_responses=False,
        protocol=3,
    )
    return aioredis.Redis.from_pool(pool)


@contextmanager
def translated() -> Iterator[None]:
    """Whatever the client raises means that Redis does not answer now."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise Unavailable("redis", type(error).__name__) from None


class Scripts:
    """Lua scripts by file name; loaded at first use, and again after a restart of the store."""

    def __init__(self, client: aioredis.Redis) -> None:
        self._client = client
        self._scripts: dict[str, Any] = {}

    async def run(self, name: str, keys: list[str], args: list[Any]) -> Any:
        script = self._scripts.get(name)
        if script is None:
            script = self._scripts[name] = self._client.register_script(LUA[name])
        with translated():
            return await script(keys=keys, args=args)

    async def run_many(self, name: str, calls: Sequence[tuple[list[str], list[Any]]]) -> list[Any]:
        """The same script for many (keys, arguments) in one round trip. A script that fails raises, after all ran."""
        with translated():
            try:
                return await self._pipe(name, calls)
            except NoScriptError:
                # A store that restarted has forgotten it; our scripts are safe to repeat.
                await self._client.script_load(LUA[name])
                return await self._pipe(name, calls)

    async def _pipe(self, name: str, calls: Sequence[tuple[list[str], list[Any]]]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipe:
            for keys, args in calls:
                pipe.evalsha(SHA[name], len(keys), *keys, *args)
            return await pipe.execute()


def text(value: bytes | str | None) -> str:
    if value is None:
        return ""
    return value.decode() if isinstance(value, bytes) else value


async def redis_time_ms(client: aioredis.Redis) -> int:
    """Redis TIME, the only time that crosses processes."""
    with translated():
        seconds, micros = await client.time()
    return int(seconds) * 1_000 + int(micros) // 1_000
