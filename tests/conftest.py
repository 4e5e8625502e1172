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
from zoneinfo import ZoneInfo

import pytest
from blockbuster import BlockBuster
from hypothesis import settings

from bench import cluster as bench_cluster
from proctor.adapters import valkey as embedded
from tests import stack

settings.register_profile("quick", deadline=None)
settings.load_profile("quick")
ZoneInfo("Asia/Shanghai")  # read once a process, and kept

# Where a short look at a local file is allowed: before a process serves, once a connection or zone.
STARTS = (
    ("proctor/adapters/sql_database.py", "_engine"),
    ("proctor/adapters/secrets.py", "load_secrets"),
    ("web/app.py", "make_app"),
    ("proctor/supervisor.py", "_spawn"),  # the supervisor and an operator's commands serve nobody
    ("proctor/supervisor.py", "last_words"),
    ("proctor/doctor.py", "examine"),
    ("structlog/dev.py", "__call__"),  # a trace of a failure, pretty only on a terminal
    ("proctor/adapters/sql_database.py", "migrate"),
    ("proctor/adapters/migrations/__init__.py", "upgrade"),
    ("proctor/adapters/clock.py", "_zone"),
    ("asyncpg/connect_utils.py", "_read_password_file"),
    ("asyncpg/connect_utils.py", "_parse_connect_dsn_and_args"),
    ("redis/utils.py", "get_lib_version"),
)


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[None]:
    """Whoever blocks a loop anywhere below `proctor` or `web` fails the test: one wait there stops all learners."""
    watch = BlockBuster(scanned_modules=["proctor", "web"])
    for file, function in STARTS:
        for one in watch.functions.values():
            one.can_block_in(file, function)
    watch.activate()
    try:
        yield
    finally:
        watch.deactivate()


@pytest.fixture(scope="session", autouse=True)
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What all workers of a run share; pytest removes it with the run's other folders."""
    mine = tmp_path_factory.getbasetemp()
    stack.run_folder = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine


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


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """URL of a real cluster of this test session: three masters with a replica each."""
    with bench_cluster.running() as made:
        yield made.url


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
