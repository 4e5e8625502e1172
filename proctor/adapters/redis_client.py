"""One place for connections to Redis or Valkey, one server or a cluster: limits, scripts, errors translated."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis.asyncio as aioredis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisClusterException, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from proctor.errors import Unavailable

# Read with the module: a file that is read at the first call would stop the loop of a running process.
LUA = {path.stem: path.read_text("utf-8") for path in (Path(__file__).parent / "lua").glob("*.lua")}
SHA = {name: hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest() for name, source in LUA.items()}
REDIS_PORT = 6_379
CONNECTIONS_MAX = 32
FAILURES = (RedisError, RedisClusterException, OSError)  # all that the client raises; the second is none of the first
CONNECT_S = 2.0
OPERATION_S = 2.0
SUBSCRIPTIONS_MAX = 4  # of a server of a cluster, beyond the others: one server alone has a pool for both
TOGETHER_MAX = 200  # commands of one message
TOGETHER_EVERY_S = 0.05  # between two messages of a rush; who comes alone is asked for at once
WAIT_S = 5.0  # for a free connection: a reconnect storm queues here instead of being told that Redis is gone


class ClusterClient(RedisCluster):
    """The library's client of a cluster, in which a storm waits for its turn instead of being refused."""

    __slots__ = ("_turns",)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._turns = asyncio.BoundedSemaphore(CONNECTIONS_MAX)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """As the library does it, which asks one silent server after the other. Raises TimeoutError."""
        async with asyncio.timeout(WAIT_S), self._turns:
            return await super().execute_command(*args, **options)


Client = aioredis.Redis | ClusterClient


def connect(url: str) -> Client:
    """A client that opens nothing yet. One quick retry heals a connection that a restart has closed.

    `redis://`, `rediss://` (TLS) and `unix://` name one server; `redis-cluster://host:port,host:port` and
    `rediss-cluster://` some of the servers of a cluster, of which one that lives is enough.
    """
    limits: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_S,
        "socket_timeout": OPERATION_S,
        "retry": Retry(ExponentialBackoff(cap=0.2, base=0.05), 1),
        "decode_responses": False,
        "protocol": 3,
    }
    if url.partition("://")[0].endswith("-cluster"):
        first, *others = cluster_seeds(url)
        places = [parse_url(one) for one in others]
        # Many servers moved at once make many redirections; each corrects the table, none closes all connections.
        return ClusterClient.from_url(  # type: ignore[return-value]
            first,
            startup_nodes=[ClusterNode(one["host"], one.get("port", REDIS_PORT)) for one in places],
            max_connections=CONNECTIONS_MAX + SUBSCRIPTIONS_MAX,
            reinitialize_steps=0,
            **limits,
        )
    pool = aioredis.BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS_MAX,
        timeout=WAIT_S,
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
        **limits,
    )
    return aioredis.Redis.from_pool(pool)


def cluster_seeds(url: str) -> list[str]:
    """The servers that an address of a cluster names, as an address each. Raises ValueError."""
    scheme, _, rest = url.partition("://")
    place, mark, options = rest.partition("?")
    signed_in, at, hosts = place.rpartition("@")
    return [f"{scheme.removesuffix('-cluster')}://{signed_in}{at}{host}{mark}{options}" for host in hosts.split(",")]


@contextmanager
def translated() -> Iterator[None]:
    """Whatever the client raises means that Redis does not answer now."""
    try:
        yield
    except FAILURES as error:
        raise Unavailable("redis", type(error).__name__) from None


class Together:
    """What many ask at the same moment goes as one message: a connection, a timer and a parser for each of a thousand
    openings cost more than all that is asked. What comes while one is on its way goes with the next.
    """

    def __init__(self, client: aioredis.Redis) -> None:
        self._client = client
        self._waiting: list[tuple[tuple, asyncio.Future]] = []
        self._sending: asyncio.Task | None = None
        self._next_s = 0.0  # by the loop's clock: not before it the next message

    async def ask(self, *command: Any) -> Any:
        """The answer to one command. Raises what the client raises, for this command alone where it can tell."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((command, future))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send(), name="ask redis")
        return await future

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            if len(self._waiting) < TOGETHER_MAX and (early_s := self._next_s - loop.time()) > 0:
                await asyncio.sleep(early_s)
            self._next_s = loop.time() + TOGETHER_EVERY_S
            group, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
            try:
                answers = await self._answers([command for command, _future in group])
            except Exception as error:  # whatever it is, nobody waits for ever
                answers = [error] * len(group)
            for (_command, future), answer in zip(group, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, BaseException):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    async def _answers(self, commands: Sequence[tuple]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            return await pipe.execute(raise_on_error=False)


class Scripts:
    """Lua scripts by file name. A server that does not know one (new, restarted, just promoted) is told its text."""

    def __init__(self, client: Client) -> None:
        self._client = client
        # Of a cluster every command finds its own server.
        self._ask = client.execute_command if isinstance(client, ClusterClient) else Together(client).ask

    async def ask(self, *command: Any) -> Any:
        """One command. Raises Unavailable."""
        with translated():
            return await self._ask(*command)

    async def run(self, name: str, keys: list[str], args: list[Any]) -> Any:
        with translated():
            return await self._run(name, keys, args)

    async def _run(self, name: str, keys: list[str], args: list[Any]) -> Any:
        try:
            return await self._ask("EVALSHA", SHA[name], len(keys), *keys, *args)
        except NoScriptError:
            return await self._ask("EVAL", LUA[name], len(keys), *keys, *args)

    async def run_many(self, name: str, calls: Sequence[tuple[list[str], list[Any]]]) -> list[Any]:
        """The same script for many (keys, arguments) at once. A script that fails raises, after all ran."""
        with translated():
            if isinstance(self._client, ClusterClient):
                # The library's pipeline closes all connections when one server fails; alone, each call is followed
                # to where its keys live now.
                answers = await asyncio.gather(
                    *(self._run(name, keys, args) for keys, args in calls), return_exceptions=True
                )
                for answer in answers:
                    if isinstance(answer, BaseException):
                        raise answer
                return answers
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


async def redis_time_ms(client: Client) -> int:
    """Redis TIME, the only time that crosses processes; of a cluster, always of the same server."""
    seconds, micros = await Scripts(client).run("time", ["zx:time"], [])
    return int(seconds) * 1_000 + int(micros) // 1_000
