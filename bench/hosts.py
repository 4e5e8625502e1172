"""Simulated hosts: network namespaces with two wires each, one to learners and SQL, one to Redis. Needs root.

The bench makes them and takes them away. A host whose wire to Redis is cut still hears its learners and still writes
to SQL: nothing but the fences keeps it from crediting those who study elsewhere by then.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
# The range for benchmarks (RFC 2544), which no real network uses; a third part of their own for each run.
FRONT, BACK = "198.18", "198.19"
HOST_FIRST = 241  # last part of the first host's addresses
LOADS = (*range(11, 11 + 32), *range(201, 211))  # source addresses of load processes


class Hosts:
    """`count` hosts. `enter(n)`: what goes before a command to run it there."""

    def __init__(self, count: int) -> None:
        self.count = count
        third = secrets.randbelow(256)
        self._mark = f"zx{secrets.token_hex(2)}"
        self._front, self._back = f"{FRONT}.{third}", f"{BACK}.{third}"

    @property
    def database(self) -> str:
        """Where SQL listens, and for whom."""
        return f"{self._front}.1/24"

    @property
    def redis(self) -> str:
        return f"{self._back}.1"

    def address(self, number: int) -> str:
        """Where learners find the host."""
        return f"{self._front}.{HOST_FIRST + number}"

    def name(self, number: int) -> str:
        return f"{self._mark}h{number}"

    def enter(self, number: int) -> list[str]:
        return ["ip", "netns", "exec", self.name(number)]

    def make(self) -> None:
        """Raises CalledProcessError where the machine does not allow it."""
        front, back = f"{self._mark}f", f"{self._mark}b"
        lines = [f"link add {bridge} type bridge" for bridge in (front, back)]
        lines += [f"addr add {self._front}.{part}/24 dev {front}" for part in (1, *LOADS)]
        lines += [f"addr add {self._back}.1/24 dev {back}", f"link set {front} up", f"link set {back} up"]
        for number in range(self.count):
            _ip("netns", "add", self.name(number))
            name = self.name(number)
            for wire, bridge in (("front", front), ("back", back)):
                lines.append(f"link add {name}{wire[0]} type veth peer name {wire} netns {name}")
                lines.append(f"link set {name}{wire[0]} master {bridge} up")
        _batch(lines)
        for number in range(self.count):
            _batch([
                "link set lo up", f"addr add {self.address(number)}/24 dev front", "link set front up",
                f"addr add {self._back}.{HOST_FIRST + number}/24 dev back", "link set back up",
            ], self.name(number))  # fmt: skip

    def cut(self, number: int) -> None:
        """The wire to Redis is out."""
        _ip("link", "set", f"{self.name(number)}b", "down")

    def heal(self, number: int) -> None:
        _ip("link", "set", f"{self.name(number)}b", "up")

    def remove(self) -> None:
        """All of it, as far as it was made."""
        for number in range(self.count):
            _ip("netns", "del", self.name(number), check=False)
        for bridge in "fb":
            _ip("link", "del", f"{self._mark}{bridge}", check=False)


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)


def _batch(lines: Sequence[str], name: str = "") -> None:
    where = ["-n", name] if name else []
    subprocess.run(["ip", *where, "-batch", "-"], input="\n".join(lines).encode(), check=True, capture_output=True)


@contextmanager
def made(count: int) -> Iterator[Hosts]:
    """Hosts that are gone afterwards."""
    hosts = Hosts(count)
    try:
        hosts.make()
        yield hosts
    finally:
        hosts.remove()


def possible() -> bool:
    """Is this root, where namespaces can be made?"""
    return os.geteuid() == 0


def inside(pid: int, work: Callable[[], T]) -> T:
    """`work()` in the network of that process, in a thread of its own: a thread keeps the network it entered."""

    def enter() -> T:
        here = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(here, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(here)
        return work()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(enter).result()
