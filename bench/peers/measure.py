"""`python -m bench peers`: the same beat side by side, one stack after the other on the same machine in one run."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from rich.progress import Progress

from bench import beats, house, kitchen, procs
from bench.histogram import Histogram
from proctor import compose, supervisor
from proctor.supervisor import Child, Supervisor

HERE = Path(__file__).parent
OURS, ECHO, CHANNELS, AIOHTTP, NODE = "zhenxue", "picows echo", "channels", "aiohttp", "node ws"


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """One stack. `command` gets the port and the store's address."""

    name: str
    command: Callable[[int, Path], list[str]]
    dialect: str = "plain"
    path: str = "/"


def _python(app: str) -> Callable[[int, Path], list[str]]:
    return lambda port, store: [str(kitchen.python()), str(HERE / f"{app}.py"), str(port), f"unix://{store}"]


def _node(port: int, store: Path) -> list[str]:
    return ["node", str(HERE / "node_app.mjs"), str(port), str(store), str(kitchen.node_folder())]


PEERS = (
    Peer(name=ECHO, command=_python("echo_app")),
    Peer(name=NODE, command=_node),
    Peer(name=AIOHTTP, command=_python("aiohttp_app")),
    Peer(
        name="python-socketio", command=_python("socketio_app"), dialect="socketio",
        path="/socket.io/?EIO=4&transport=websocket",
    ),
    Peer(name=CHANNELS, command=_python("channels_app")),
)  # fmt: skip


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """One mode: how many sockets, how many of them without a pause, and how often the others beat."""

    mode: str
    sockets: int
    busy: int
    period_s: float


class Result(msgspec.Struct, kw_only=True):
    """What one stack did in one mode."""

    name: str
    mode: str
    sockets: int
    busy: int
    rate: float
    server_us: float
    store_us: float
    p50_ms: float
    p99_ms: float

    @property
    def cpu_us(self) -> float:
        return self.server_us + self.store_us


async def measure(progress: Progress, peer: Peer, shape: Shape, hold_s: float) -> Result:
    """Start the stack with a store of its own, connect, hold, read."""
    bar = progress.add_task(f"{peer.name}, {shape.mode}", total=None)
    async with house.folder() as data, _running(peer, data) as (port, server, store), house.driver(
        host="127.0.0.1", port=port, tickets=[""] * shape.sockets, addresses=beats.ADDRESSES, busy=shape.busy,
        period_s=shape.period_s, dialect=peer.dialect, path=peer.path,
    ) as load:  # fmt: skip
        opened = await load.hear()
        assert opened["refused"] == 0, (peer.name, opened)
        ready = await load.hear()
        assert ready["lost"] == 0, (peer.name, ready, ready["others"])
        before = procs.cpu_s(server), procs.cpu_s(store)
        said = await load.ask(hold_s=hold_s)
        after = procs.cpu_s(server), procs.cpu_s(store)
    progress.update(bar, total=1, completed=1)
    assert said["lost"] == 0 and said["acks"] > 0, (peer.name, said)
    latency, acks = Histogram.from_json(said["latency"]), said["acks"]
    return Result(
        name=peer.name, mode=shape.mode, sockets=shape.sockets, busy=shape.busy, rate=acks / said["seconds"],
        server_us=(after[0] - before[0]) / acks * 1e6, store_us=(after[1] - before[1]) / acks * 1e6,
        p50_ms=latency.percentile(500) / 1_000, p99_ms=latency.percentile(990) / 1_000,
    )  # fmt: skip


async def measure_ours(progress: Progress, shape: Shape, hold_s: float) -> Result:
    """The product in the same shape, with its rules, leases and journal."""
    run = await beats.measure(
        progress, mode=shape.mode, sockets=shape.sockets, busy=shape.busy, hold_s=hold_s, past=False,
        period_s=shape.period_s,
    )  # fmt: skip
    return Result(
        name=OURS, mode=shape.mode, sockets=shape.sockets, busy=shape.busy, rate=run.rate,
        server_us=run.cpu_us["gateway"], store_us=run.cpu_us["valkey"],
        p50_ms=run.latency.percentile(500) / 1_000, p99_ms=run.latency.percentile(990) / 1_000,
    )  # fmt: skip


@asynccontextmanager
async def _running(peer: Peer, data: Path) -> AsyncIterator[tuple[int, int, int]]:
    """Yields the port and the process ids of server and store."""
    boss = Supervisor()
    settings = house.settings_for(data, house.free_port(), {})
    port, env = settings.ws_port, supervisor.environment({})
    try:
        for name, command in (
            ("valkey", compose.valkey_command(settings)),
            (peer.name.replace(" ", "-"), peer.command(port, settings.valkey_socket)),
        ):
            await boss.start(Child(name=name, command=command, env=env, log_path=data / "logs" / f"{name}.log"))
            if name == "valkey":
                await compose.wait_redis(settings, house.READY_S)

        async def ready() -> bool:
            return await asyncio.to_thread(_listens, port)

        await boss.up(ready, house.READY_S)
        store, server = (child.process.pid for child in boss.children if child.process is not None)
        yield port, server, store
    finally:
        await boss.stop_all()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
