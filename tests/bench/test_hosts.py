"""Simulated hosts: what is cut is cut, what is mended works again, and nothing is left behind. Root only."""

from __future__ import annotations

import os
import socket
import subprocess
import time

import pytest

from bench import hosts
from bench.hosts import Hosts, inside

pytestmark = pytest.mark.skipif(not hosts.possible(), reason="only root makes network namespaces")
PATIENCE_S = 0.3


def test_a_host_hears_its_learners_while_its_wire_to_redis_is_cut() -> None:
    with hosts.made(2) as made, socket.create_server((made.redis, 0)) as store:
        sleeper = subprocess.Popen([*made.enter(1), "sleep", "60"])
        try:
            _settle(sleeper.pid)
            with inside(sleeper.pid, lambda: socket.create_server((made.address(1), 0))) as door:
                assert _reaches_store(sleeper.pid, store)
                made.cut(1)
                assert not _reaches_store(sleeper.pid, store, PATIENCE_S)
                socket.create_connection(door.getsockname(), PATIENCE_S).close()
                made.heal(1)
                assert _reaches_store(sleeper.pid, store)
        finally:
            sleeper.kill()
            sleeper.wait()
    assert _names(made) == ""


def test_what_fails_in_the_network_of_another_fails_here() -> None:
    with pytest.raises(ZeroDivisionError):
        inside(os.getpid(), lambda: 1 // 0)
    with pytest.raises(OSError):
        inside(2**22 + 1, lambda: 0)


def _settle(pid: int) -> None:
    """Until the process is in the network of its own."""
    deadline = time.monotonic() + 5
    while inside(pid, lambda: len(socket.if_nameindex())) != 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _reaches_store(pid: int, store: socket.socket, within_s: float = 5.0) -> bool:
    def dial() -> bool:
        deadline = time.monotonic() + within_s  # a wire that comes up needs a moment
        while time.monotonic() < deadline:
            try:
                socket.create_connection(store.getsockname(), PATIENCE_S).close()
                return True
            except OSError:
                time.sleep(0.01)
        return False

    return inside(pid, dial)


def _names(made: Hosts) -> str:
    """What the machine still has of them."""
    said = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    said += subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    return "".join(line for line in said.splitlines() if made.name(0)[:-1] in line)
