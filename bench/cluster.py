"""A Valkey Cluster of this machine: three masters with a replica each, from the wheel's server, gone afterwards."""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.exceptions import RedisError

from proctor.adapters.valkey import binary

MASTERS = 3
SLOTS = 16_384
READY_S = 30.0
LOOK_S = 0.05
NODE_TIMEOUT_MS = 5_000  # as docs/operations.md advises: a replica takes over within a player's patience


@dataclass
class Node:
    """One server: `replica_of` is the number of its master, or None."""

    number: int
    port: int
    bus_port: int
    replica_of: int | None
    process: subprocess.Popen
    client: redis.Redis

    @property
    def pid(self) -> int:
        return self.process.pid

    def cluster(self, word: str, *args: object):
        """A CLUSTER command's answer as the library reads it."""
        return self.client.execute_command(f"CLUSTER {word}", *args)


class Cluster:
    """The running servers, masters first. `url` is what `redis_url` takes."""

    def __init__(self, folder: Path, host: str, node_timeout_ms: int) -> None:
        self.host = host
        self.nodes: list[Node] = []
        self._folder = folder
        self._node_timeout_ms = node_timeout_ms

    @property
    def url(self) -> str:
        return "redis-cluster://" + ",".join(f"{self.host}:{node.port}" for node in self.nodes)

    @property
    def pids(self) -> list[int]:
        return [node.pid for node in self.nodes if node.process.poll() is None]

    def start(self) -> None:
        """All servers, joined. Raises AssertionError when they are not in time."""
        for number in range(2 * MASTERS):
            self.nodes.append(self._spawn(number))
        masters, replicas = self.nodes[:MASTERS], self.nodes[MASTERS:]
        for node in self.nodes:
            self._until(lambda node=node: node.client.ping())
        edges = [SLOTS * part // MASTERS for part in range(MASTERS + 1)]
        for node, low, high in zip(masters, edges, edges[1:], strict=False):
            node.cluster("SET-CONFIG-EPOCH", node.number + 1)
            node.cluster("ADDSLOTSRANGE", low, high - 1)
        for node in self.nodes[1:]:
            self.nodes[0].cluster("MEET", self.host, node.port, node.bus_port)
        for node in replicas:
            assert node.replica_of is not None
            name = self.nodes[node.replica_of].cluster("MYID")
            self._until(lambda node=node, name=name: node.cluster("REPLICATE", name))
        self._until(self.whole)

    def _spawn(self, number: int) -> Node:
        port, bus_port = free_ports(self.host)
        folder = self._folder / str(number)
        folder.mkdir()
        process = subprocess.Popen(
            [
                binary(), "--bind", self.host, "--port", str(port), "--cluster-enabled", "yes",
                "--cluster-port", str(bus_port), "--cluster-node-timeout", str(self._node_timeout_ms),
                "--protected-mode", "no", "--dir", str(folder), "--appendonly", "yes",
                "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
                "--repl-diskless-sync-delay", "0", "--daemonize", "no",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        client = redis.Redis(host=self.host, port=port, socket_timeout=2.0, socket_connect_timeout=2.0)
        return Node(number, port, bus_port, number - MASTERS if number >= MASTERS else None, process, client)

    def whole(self) -> bool:
        """Every server that lives agrees that all slots are served, and every replica has its master's data."""
        for node in self.nodes:
            if node.process.poll() is not None:
                continue
            if node.cluster("INFO")["cluster_state"] != "ok":
                return False
            said = node.client.info("replication")
            if said["role"] == "slave" and said["master_link_status"] != "up":
                return False
            if node.replica_of is not None and said["role"] == "master" and not self._took_over(node):
                return False
        return True

    def _took_over(self, node: Node) -> bool:
        assert node.replica_of is not None
        return self.nodes[node.replica_of].process.poll() is not None

    def replicated(self) -> None:
        """Wait until every master's writes so far are with its replica."""
        for node in self.nodes:
            if node.process.poll() is None and node.client.info("replication")["role"] == "master":
                self._until(lambda node=node: node.client.wait(1, 100))

    def kill_master(self, key: str = "") -> Node:
        """The first living server that is a master, or the one that has `key`, by SIGKILL. Returns it."""
        victim = next(node for node in self.nodes if node.process.poll() is None and _serves(node, key))
        victim.process.kill()
        victim.process.wait(10)
        return victim

    def _until(self, fine: Callable[[], object]) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            with contextlib.suppress(RedisError):
                if fine():
                    return
            assert time.monotonic() < deadline, "the cluster did not come together"
            time.sleep(LOOK_S)

    def stop(self) -> None:
        for node in self.nodes:
            node.client.close()
            if node.process.poll() is None:
                node.process.kill()
            node.process.wait(10)


def _serves(node: Node, key: str) -> bool:
    """Is it a master, and the one of this key?"""
    try:
        return node.client.info("replication")["role"] == "master" and (not key or bool(node.client.exists(key)))
    except RedisError:
        return False  # MOVED: another has it


def free_ports(host: str) -> tuple[int, int]:
    """A port and one for the bus, outside the range from which outgoing connections take theirs."""
    while True:
        port = random.randint(10_000, 19_999)
        with socket.socket() as one, socket.socket() as other, contextlib.suppress(OSError):
            one.bind((host, port))
            other.bind((host, port + 10_000))
            return port, port + 10_000


@contextmanager
def running(*, host: str = "127.0.0.1", node_timeout_ms: int = NODE_TIMEOUT_MS) -> Iterator[Cluster]:
    """Three masters with replicas, ready."""
    folder = Path(tempfile.mkdtemp(prefix="zx-cluster-"))
    made = Cluster(folder, host, node_timeout_ms)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
