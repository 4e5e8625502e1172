"""The embedded store: on a socket of its own, with data that outlives it."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from proctor.adapters import valkey
from proctor.adapters.redis_client import connect
from proctor.errors import Unavailable


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    return valkey.command(tmp_path, tmp_path / "v.sock")


async def test_it_listens_on_no_port_and_keeps_what_it_was_told(command: list[str], tmp_path: Path) -> None:
    assert command[command.index("--port") + 1] == "0"
    assert stat.S_IMODE((tmp_path / "valkey").stat().st_mode) == 0o700
    url = f"unix://{tmp_path / 'v.sock'}"
    for found in (None, b"kept"):
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        try:
            await valkey.wait_ready(url)
            client = connect(url)
            assert await client.get("word") == found
            await client.set("word", b"kept")
            await client.aclose()
            assert stat.S_IMODE((tmp_path / "v.sock").stat().st_mode) & 0o077 == 0
        finally:
            process.terminate()
            await process.wait()


async def test_a_store_that_is_not_there_is_unavailable_in_time(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="redis"):
        await valkey.wait_ready(f"unix://{tmp_path / 'none.sock'}", 0.2)


def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 12_345)
    with pytest.raises(PermissionError, match="somebody else"):
        valkey.command(tmp_path, tmp_path / "v.sock")
