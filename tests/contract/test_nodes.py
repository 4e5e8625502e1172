"""Nodes: who lives, in memory and on a real Valkey."""

from __future__ import annotations

import pytest

from proctor.adapters import redis_nodes
from proctor.adapters.memory import MemoryNodes
from proctor.adapters.redis_nodes import RedisNodes


class Ring:
    def __init__(self, client) -> None:
        self.client = client
        self.now_ms = 0
        self.nodes = RedisNodes(client) if client else MemoryNodes(lambda: self.now_ms)


@pytest.fixture
async def ring(client):
    made = Ring(client)
    yield made
    if client:
        names = [row["name"] for row in await made.nodes.all()]
        await client.delete(redis_nodes.NAMES, *[f"{redis_nodes.PREFIX}{name}" for name in names])


async def test_everybody_who_beats_is_listed_once_with_what_it_said_last(ring: Ring) -> None:
    assert await ring.nodes.all() == []
    await ring.nodes.beat("w1", "web", 0, 11)
    await ring.nodes.beat("g2", "gateway", 5_002, 12)
    await ring.nodes.beat("g1", "gateway", 5_001, 13)
    await ring.nodes.beat("g1", "gateway", 5_009, 13)
    assert await ring.nodes.all() == [
        {"name": "g1", "kind": "gateway", "admin_port": 5_009, "pid": 13},
        {"name": "g2", "kind": "gateway", "admin_port": 5_002, "pid": 12},
        {"name": "w1", "kind": "web", "admin_port": 0, "pid": 11},
    ]


async def test_silence_for_ten_seconds_is_forgotten(ring: Ring) -> None:
    await ring.nodes.beat("g1", "gateway", 1, 1)
    if ring.client:
        left_ms = await ring.client.pttl(f"{redis_nodes.PREFIX}g1")
        assert 9_000 < left_ms <= 10_000
        await ring.client.pexpire(f"{redis_nodes.PREFIX}g1", 0)
        assert await ring.nodes.all() == []
        assert await ring.client.exists(redis_nodes.NAMES) == 0, "names of the dead do not gather"
    else:
        ring.now_ms += 9_999
        assert await ring.nodes.all() != []
        ring.now_ms += 1
    assert await ring.nodes.all() == []


@pytest.mark.parametrize("store", ["valkey"], indirect=True)
async def test_a_process_that_ends_between_two_looks_is_no_error(ring: Ring) -> None:
    for number in range(40):
        await ring.nodes.beat(f"g{number}", "gateway", number, number)
    assert len(await ring.nodes.all()) == 40


@pytest.mark.parametrize("store", ["valkey"], indirect=True)
async def test_a_look_costs_the_same_however_many_people_study(ring: Ring) -> None:
    """It is taken at every check that runs out: a search through all keys would grow with the learners."""
    await ring.nodes.beat("g1", "gateway", 1, 1)
    leases = [f"zx:lease:{{{number % 64}}}:{number}" for number in range(5_000)]
    await ring.client.mset(dict.fromkeys(leases, b"x"))
    before = (await ring.client.info("stats"))["total_commands_processed"]
    assert [row["name"] for row in await ring.nodes.all()] == ["g1"]
    spent = (await ring.client.info("stats"))["total_commands_processed"] - before
    await ring.client.delete(*leases)
    assert spent <= 3, "names, values, and the question itself"
