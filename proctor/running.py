"""`proctor up`: checks, then store, schema, demonstration, gateways, web and workers; then the addresses."""

from __future__ import annotations

import asyncio
import fcntl
import json
import socket
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from proctor import compose, demo, supervisor, tls
from proctor.errors import Sorry, Unavailable
from proctor.forkserver import ForkServer
from proctor.settings import Settings, environ
from proctor.supervisor import Child, StartFailed, Supervisor

READY_S = 60.0
STORE_S = 10.0


async def up(
    settings: Settings, fork_server: ForkServer, stop: asyncio.Event, console: Console, *, tls: bool,
    files: list[Path],
) -> None:  # fmt: skip
    """Run until `stop`. Raises Sorry with one sentence when it cannot start or cannot go on.

    `fork_server`: with the imports of `child`.
    """
    started = time.monotonic()
    _folder(settings)
    with _only_one(settings.data_dir):
        settings = _with_tls(settings, tls, files)
        for port in (settings.port, settings.ws_port):
            _free(settings.host, port)
        boss = Supervisor(log_bytes_max=settings.log_bytes_max, fork_server=fork_server)
        try:
            logins = await _unless(stop, _start(settings, boss, console))
            if logins is not None:
                _announce(settings, logins, console, time.monotonic() - started)
                await boss.watch(stop)
        except StartFailed as failed:
            raise Sorry(str(failed)) from None
        except Unavailable as gone:
            raise Sorry(f"{gone}; is it running, and is its address right?") from None
        finally:
            if boss.children:
                console.print("Stopping …")
            await boss.stop_all()


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, list[demo.Login]]) -> list[demo.Login] | None:
    """The result of `work`, or None when it was asked to stop first: a start ends as quickly as a run."""
    doing, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait([doing, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if doing.done():
        return doing.result()
    doing.cancel()
    await asyncio.gather(doing, return_exceptions=True)
    return None


def _folder(settings: Settings) -> None:
    data = settings.data_dir
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = data / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        why = f"the data folder {data} cannot be written ({error.strerror})"
        raise Sorry(f"{why}; choose another with --data") from None


@contextmanager
def _only_one(data: Path) -> Iterator[None]:
    """Two systems on one data folder would take each other's leases."""
    with (data / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            why = f"another run uses the data folder {data}"
            raise Sorry(f"{why}; stop it, or choose another with --data") from None
        yield


def _with_tls(settings: Settings, wanted: bool, files: list[Path]) -> Settings:
    if not wanted:
        return settings
    if not files:
        chain, key = tls.local_certificate(settings.data_dir)
        return replace(settings, tls_cert=str(chain), tls_key=str(key))
    made = replace(settings, tls_cert=str(files[0].absolute()), tls_key=str(files[1].absolute()))
    try:
        compose.tls_context(made)
    except OSError as error:
        raise Sorry(f"certificate or key cannot be used: {error.strerror or error}") from None
    return made


def _free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Sorry(
                f"port {port} cannot be used ({error.strerror}); choose another with --port or --gateway-port"
            ) from None


async def _start(settings: Settings, boss: Supervisor, console: Console) -> list[demo.Login]:
    folder = settings.data_dir / "logs"
    env = environ(settings)

    def child(name: str, entry: str) -> Child:
        return Child(name=name, entry=entry, env=env, log_path=folder / f"{name}.log")

    if not settings.redis_url:
        await boss.start(Child(
            name="valkey", command=compose.valkey_command(settings), env=supervisor.environment(env),
            log_path=folder / "valkey.log",
        ))  # fmt: skip
    await _store(settings, boss)
    async with compose.database(settings) as db:
        await db.migrate()
        logins = []
        if settings.demo:
            if not (settings.data_dir / "demo.json").exists():
                console.print("Making the demonstration (lesson videos are drawn on this machine) …")
            logins = await demo.fill(db, compose.vault_of(settings), settings.data_dir)
    for number in range(settings.gateways):
        await boss.start(child(f"gateway-{number + 1}", "proctor.child:gateway"))
    await boss.start(child("web", "web.__main__:main"))
    for number in range(settings.workers):
        await boss.start(child(f"faces-{number + 1}", "proctor.child:faces"))
    await boss.up(lambda: _is_ready(settings), READY_S)
    return logins


async def _store(settings: Settings, boss: Supervisor) -> None:
    """The embedded store must answer before anybody leans on it; a foreign one must answer at all."""
    if not settings.redis_url:

        async def answers() -> bool:
            try:
                await compose.wait_redis(settings, 0.2)
                return True
            except Unavailable:
                return False

        await boss.up(answers, STORE_S)
    else:
        await compose.wait_redis(settings, STORE_S)


async def _is_ready(settings: Settings) -> bool:
    """The web says that all processes live."""
    scheme = "https" if settings.tls_cert else "http"
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "") else settings.host
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as client,
            client.get(f"{scheme}://{host}:{settings.port}/readyz", ssl=False) as answer,
        ):
            nodes = json.loads(await answer.read()).get("nodes", {})
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return False
    enough = nodes.get("gateway", 0) >= settings.gateways and nodes.get("faces", 0) >= settings.workers
    return answer.status == 200 and enough


def _announce(settings: Settings, logins: list[demo.Login], console: Console, took_s: float) -> None:
    scheme = "https" if settings.tls_cert else "http"
    console.print(f"\nReady in {took_s:.1f} s. Logs: {settings.data_dir / 'logs'}", markup=False)
    here = settings.public_url or f"{scheme}://localhost:{settings.port}"
    console.print(f"  learners and reviewers    {here}/", markup=False)
    for address in _addresses() if settings.host == "0.0.0.0" and not settings.public_url else ():
        console.print(f"  phones on this network    {scheme}://{address}:{settings.port}/", markup=False)
    if settings.tls_cert and (settings.data_dir / "tls" / "ca.crt").exists():
        console.print(f"  certificate for phones    {here}/tls", markup=False)
    elif not here.startswith("https://"):
        console.print("  A phone gives its camera only to HTTPS pages: start with --tls to use one.", markup=False)
    if logins:
        table = Table("login", "password", "who", title="Demonstration accounts", title_justify="left")
        for row in logins:
            table.add_row(row.login, row.password, row.note)
        console.print(table)
        if not settings.messages_url:
            console.print(f"  texts to phones land in   {settings.data_dir / 'outbox' / 'texts.log'}", markup=False)
    console.print("Ctrl-C stops everything.")


def _addresses() -> list[str]:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: this only asks the routing table
            return [probe.getsockname()[0]]
    except OSError:
        return []


