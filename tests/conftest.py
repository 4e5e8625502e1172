"""Real stores for tests: one Valkey and one PostgreSQL per session, started here and stopped here."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from proctor.adapters import valkey as embedded

settings.register_profile("quick", deadline=None)
settings.load_profile("quick")


def _wait_for_socket(path: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 10
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
                return
            except OSError:
                assert time.monotonic() < deadline and process.poll() is None, "Valkey did not start"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """URL of a real Valkey of this test session. Tests use learner ids and keys of their own."""
    folder = Path(tempfile.mkdtemp(prefix="zx-valkey-"))
    command = embedded.command(folder, folder / "valkey.sock")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"unix://{folder / 'valkey.sock'}"
    try:
        _wait_for_socket(folder / "valkey.sock", process)
        yield url
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_folder() -> Path | None:
    """Where initdb and postgres are, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    if found:
        return found[0].parent
    path = shutil.which("initdb")
    return Path(path).parent if path else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """SQLAlchemy URL of a real PostgreSQL of this test session, on a Unix socket, without fsync."""
    binaries = _postgres_folder()
    if binaries is None:
        pytest.fail("PostgreSQL is missing: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="zx-postgres-"))
    prefix: list[str] = []
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        shutil.chown(folder, "nobody")
        prefix = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    options = ["-D", str(folder / "db")]
    subprocess.run(
        [*prefix, str(binaries / "initdb"), *options, "-U", "zhenxue", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip
    process = subprocess.Popen(
        [*prefix, str(binaries / "postgres"), *options, "-k", str(folder), "-c", "listen_addresses=",
         "-c", "fsync=off", "-c", "max_connections=60"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        ready = [str(binaries / "pg_isready"), "-h", str(folder), "-q"]
        while subprocess.run(ready, check=False).returncode:
            assert time.monotonic() < deadline and process.poll() is None, "PostgreSQL did not start"
            time.sleep(0.1)
        yield f"postgresql+asyncpg://zhenxue@/postgres?host={folder}"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)
