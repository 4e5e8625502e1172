"""CPU and memory of every process, read from /proc once a second while something is driven."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench import procs

EVERY_S = 1.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
ESTABLISHED = "01"  # the state of a connection in /proc/net/tcp


class Reading(msgspec.Struct, frozen=True):
    """One look at one process. `cpu_s` since it began."""

    at_s: float
    name: str
    pid: int
    cpu_s: float
    rss_bytes: int


class Meter:
    """`pids`: process ids by name, asked anew each time, for processes die and are started again."""

    def __init__(self, pids: Callable[[], dict[str, int]]) -> None:
        self._pids = pids
        self.readings: list[Reading] = []

    async def run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(EVERY_S)

    def look(self) -> None:
        at_s = time.perf_counter()
        for name, pid in self._pids().items():
            # A process that ends between the list and the look has no reading.
            with contextlib.suppress(OSError):
                self.readings.append(Reading(at_s, name, pid, procs.cpu_s(pid), rss_bytes(pid)))


def rss_bytes(pid: int) -> int:
    """Resident memory, shared pages counted in full: cheap to read, for the curves only."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def far_ends(pid: int) -> list[str]:
    """Address and port of everybody who holds a connection (IPv4) to the process, by the kernel's own lists."""
    own = set()
    for name in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            own.add(os.readlink(name))
    found = []
    with Path(f"/proc/{pid}/net/tcp").open(encoding="ascii") as rows:
        next(rows)
        for row in rows:
            fields = row.split()
            if f"socket:[{fields[9]}]" in own and fields[3] == ESTABLISHED:
                host, port = fields[2].split(":")
                found.append(f"{socket.inet_ntoa(int(host, 16).to_bytes(4, sys.byteorder))}:{int(port, 16)}")
    return found


def shares(readings: list[Reading]) -> dict[str, list[tuple[float, float]]]:
    """(time, cores used since the reading before) by process name; a new process starts anew."""
    found: dict[str, list[tuple[float, float]]] = {}
    last: dict[str, Reading] = {}
    for one in readings:
        before = last.get(one.name)
        if before is not None and before.pid == one.pid and one.at_s > before.at_s:
            cores = (one.cpu_s - before.cpu_s) / (one.at_s - before.at_s)
            found.setdefault(one.name, []).append((one.at_s, cores))
        last[one.name] = one
    return found


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What the server side used at one size: cores over the hold, and memory at its end."""

    online: int
    cores: dict[str, float]  # by kind
    pss_bytes: dict[str, int]
    unread: list[str] = []  # kinds of which this machine could not read all: they are not in the sums

    @property
    def cores_all(self) -> float:
        return sum(self.cores.values())

    @property
    def bytes_all(self) -> int:
        return sum(self.pss_bytes.values())

    @property
    def core_us_per_learner(self) -> float:
        """Microseconds of a core in each second, for each learner."""
        return self.cores_all / self.online * 1_000_000

    @property
    def bytes_per_learner(self) -> float:
        return self.bytes_all / self.online
