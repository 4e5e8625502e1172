"""A real cluster that loses a master, moves a slot, or is not there: the ports go on, or say that Redis is gone."""

from __future__ import annotations

import asyncio
import time

import pytest

from bench import cluster as bench_cluster
from bench.cluster import Cluster
from proctor.adapters import redis_client
from proctor.adapters.redis_client import CONNECTIONS_MAX, ClusterClient, Scripts, cluster_seeds, connect
from proctor.adapters.redis_leases import RedisLeases
from proctor.errors import Unavailable
from proctor.ports import Acquire, Acquired, Holder, LeaseSync

LEASE_MS = 60_000
EVERY_BUCKET = range(5_000, 5_064)
HOLDER = Holder(device_id="d", page_id="p", node="n", device_kind="pc")


@pytest.fixture(scope="module")
def short_lived():
    """A cluster that this module may break; a second of silence is death."""
    with bench_cluster.running(node_timeout_ms=1_000) as made:
        yield made


def test_an_address_of_a_cluster_names_some_of_its_servers() -> None:
    assert cluster_seeds("redis-cluster://me:secret@a:1,b:2?ssl_check_hostname=no") == [
        "redis://me:secret@a:1?ssl_check_hostname=no", "redis://me:secret@b:2?ssl_check_hostname=no",
    ]  # fmt: skip
    made = connect("rediss-cluster://me:secret@a:1,b")
    assert isinstance(made, ClusterClient)
    assert sorted((node.host, node.port) for node in made.startup_nodes) == [("a", 1), ("b", 6_379)]
    options = made.connection_kwargs
    assert (options["username"], options["password"], options["socket_timeout"]) == ("me", "secret", 2.0)
    assert "ssl_ca_certs" in options, "rediss is TLS to every server"


async def test_servers_that_do_not_answer_are_unavailable() -> None:
    client = connect("redis-cluster://127.0.0.1:1,127.0.0.1:2")
    with pytest.raises(Unavailable):
        await Scripts(client).run("time", ["k"], [])
    await client.aclose()


async def test_silent_servers_are_not_waited_for_one_after_the_other(monkeypatch) -> None:
    """A host whose wire is cut refuses nothing: each of six servers would be asked for two seconds, twice."""
    monkeypatch.setattr(redis_client, "WAIT_S", 0.2)
    async with await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        client = connect(f"redis-cluster://127.0.0.1:{port},localhost:{port}")
        began_s = time.monotonic()
        with pytest.raises(Unavailable):
            await Scripts(client).run("time", ["k"], [])
        assert time.monotonic() - began_s < 1.0
        await client.aclose()


async def test_a_storm_waits_for_its_turn(cluster: str) -> None:
    """The library refuses the 37th call at once; a thousand people who press play at once must not be told that."""
    client = connect(cluster)
    leases = RedisLeases(client)
    learners = range(800_000, 800_000 + 20 * CONNECTIONS_MAX * 64, 64)
    found = await asyncio.gather(*(leases.acquire(_request(one)) for one in learners))
    assert {one.fence for one in found if isinstance(one, Acquired)} == {1}
    await client.aclose()


async def test_a_slot_that_is_moved_while_people_study_is_followed(short_lived: Cluster) -> None:
    """ASK while its keys move, MOVED afterwards: neither is an error of anybody."""
    client = connect(short_lived.url)
    leases = RedisLeases(client)
    learner = EVERY_BUCKET[0]
    await leases.acquire(_request(learner))
    slot = client.keyslot(leases._lease(learner))
    masters = short_lived.nodes[: bench_cluster.MASTERS]
    source = next(node for node in masters if node.client.execute_command("CLUSTER COUNTKEYSINSLOT", slot))
    target = next(node for node in masters if node is not source)
    target.cluster("SETSLOT", slot, "IMPORTING", source.cluster("MYID"))
    source.cluster("SETSLOT", slot, "MIGRATING", target.cluster("MYID"))
    keys = source.cluster("GETKEYSINSLOT", slot, 10)
    source.client.execute_command("MIGRATE", short_lived.host, target.port, "", 0, 2_000, "KEYS", *keys)
    assert await leases.holder(learner) == (HOLDER, 1), "asked for where it went"
    for node in (target, source):
        node.cluster("SETSLOT", slot, "NODE", target.cluster("MYID"))
    again = await leases.acquire(_request(learner))
    assert isinstance(again, Acquired) and again.fence == 2
    assert target.client.execute_command("CLUSTER COUNTKEYSINSLOT", slot) == 1
    await client.aclose()


async def test_a_master_dies_and_its_replica_goes_on(short_lived: Cluster) -> None:
    """Until then Redis is unavailable, as when one server alone is gone; the promoted one knows no script yet."""
    client = connect(short_lived.url)
    leases = RedisLeases(client)
    taken = await asyncio.gather(*(leases.acquire(_request(one)) for one in EVERY_BUCKET))
    items = [
        LeaseSync(learner_id=learner, fence=one.fence, holder=HOLDER, lease_ms=LEASE_MS, snapshot=None)
        for learner, one in zip(EVERY_BUCKET, taken, strict=True)
    ]  # fmt: skip
    assert await leases.sync(items) == ([True] * 64, pytest.approx(time.time() * 1_000, abs=60_000))
    short_lived.replicated()
    victim = short_lived.kill_master()
    with pytest.raises(Unavailable):
        await leases.sync(items)
    async with asyncio.timeout(15):
        while True:
            try:
                held, _now_ms = await leases.sync(items)
                break
            except Unavailable:
                await asyncio.sleep(0.2)
    assert held == [True] * 64
    assert victim.port not in {node.port for node in client.get_primaries()}
    found = await asyncio.gather(*(leases.holder(one) for one in EVERY_BUCKET))
    assert [fence for _holder, fence in found] == [one.fence for one in taken], "what was replicated is there"
    await client.aclose()


def _request(learner: int) -> Acquire:
    return Acquire(learner_id=learner, holder=HOLDER, lease_ms=LEASE_MS)
