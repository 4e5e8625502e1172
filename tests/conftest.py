"""Real stores for tests: one Valkey and one PostgreSQL per session, started here and stopped here."""

from __future__ import annotations

import gc
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
from bench import postgres as bench_postgres
from proctor.adapters import valkey as embedded
from tests import stack

settings.register_profile("quick", deadline=None)
settings.load_profile("quick")
ZoneInfo("Asia/Shanghai")  # read once a process, and kept

# Where a short look at a local file is allowed: before a process serves, once a connection or zone.
STARTS = (
    ("proctor/adapters/sql_database.py", "_engine"),
    ("proctor/adapters/secrets.py", "load_secrets"),
    ("proctor/rotation.py", "rotate"),  # an operator's command
    ("proctor/rotation.py", "forget"),
    ("proctor/adapters/keyring.py", "open"),  # a version that was put to use a moment ago: once a rotation
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


# Files whose tests wait most come first: begun last, one of them alone would hold up the end of the run. Browsers
# and systems of processes take turns, for three browsers at once are too slow for what they promise.
LONGEST = (
    "browser/test_learner.py", "processes/test_operations.py", "processes/test_up.py", "browser/test_active.py",
    "processes/test_study.py", "browser/test_faces.py", "processes/test_instructions.py", "browser/test_pages.py",
    "processes/test_kill.py", "browser/test_sheet.py", "processes", "browser/test_privacy.py", "web",
    "browser/test_reviewers.py", "modules", "browser", "bench",
)  # fmt: skip
LAST = "sim/test_worlds.py"  # takes all cores by itself: nobody beside it should count seconds


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        file = item.location[0].removeprefix("tests/")
        if file == LAST:
            return len(LONGEST) + 1
        return next((at for at, name in enumerate(LONGEST) if file.startswith(name)), len(LONGEST))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """What was imported lives as long as the run: the collector need not walk it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


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


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """SQLAlchemy URL of a real PostgreSQL of this test session, on a Unix socket, without fsync."""
    with bench_postgres.running("fsync=off", "max_connections=60") as url:
        yield url.replace("postgresql:", "postgresql+asyncpg:")
