"""A PostgreSQL of this machine, started from the installed binaries in a folder that is gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY_S = 20.0
USER = "zhenxue"
PREFIX = "zx-postgres-"


def binaries() -> Path:
    """Where initdb and postgres are. Raises FileNotFoundError."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    if found:
        return found[0].parent
    path = shutil.which("initdb")
    if path is None:
        raise FileNotFoundError("PostgreSQL is missing: apt-get install postgresql")
    return Path(path).parent


@contextmanager
def running(*options: str, network: str = "") -> Iterator[str]:
    """Ready; yields the address of an empty database on a Unix socket. `options` of the server, as in `fsync=off`.

    `network` (`10.0.0.1/24`): on that address instead, for whoever is in that network.
    """
    found = binaries()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    prefix: list[str] = []
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        shutil.chown(folder, "nobody")
        prefix = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    home = ["-D", str(folder / "db")]
    subprocess.run(
        [*prefix, str(found / "initdb"), *home, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip
    if network:
        with (folder / "db" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {network} trust\n")
    given = [part for one in (f"listen_addresses={network.partition('/')[0]}", *options) for part in ("-c", one)]
    process = subprocess.Popen(
        [*prefix, str(found / "postgres"), *home, "-k", str(folder), *given],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip
    try:
        deadline = time.monotonic() + READY_S
        ready = [str(found / "pg_isready"), "-h", str(folder), "-q"]
        while subprocess.run(ready, check=False).returncode:
            assert time.monotonic() < deadline and process.poll() is None, "PostgreSQL did not start"
            time.sleep(0.1)
        place = f"{network.partition('/')[0]}/postgres" if network else f"/postgres?host={folder}"
        yield f"postgresql://{USER}@{place}"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)
