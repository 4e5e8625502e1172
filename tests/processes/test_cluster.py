"""The whole product on a Valkey Cluster: a lesson with its check, while the master of its learner dies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from bench import cluster as bench_cluster
from bench.cluster import Cluster
from tests.processes.conftest import running
from tests.processes.test_study import passed, play
from tests.stack import Stack

pytestmark = pytest.mark.processes


@pytest.fixture
def short_lived() -> Iterator[Cluster]:
    """A second of silence is death."""
    with bench_cluster.running(node_timeout_ms=1_000) as made:
        yield made


@pytest.fixture
def clustered(short_lived: Cluster, tmp_path) -> Iterator[Stack]:
    yield from running(Stack(tmp_path / "up", gateways=2, options=("--redis-url", short_lived.url)))


async def test_a_lesson_goes_on_while_the_master_of_its_learner_dies(clustered: Stack, short_lived: Cluster) -> None:
    async with await clustered.learner() as person:
        study = await passed(person)
        await play(study, 2)
        await asyncio.to_thread(short_lived.kill_master, f"zx:lease:{{{person.account % 64}}}:{person.account}")
        last, seconds = study.ack["seq"], 2
        while study.ack["durable"] <= last:
            assert seconds < 20, "nothing becomes durable again"
            await asyncio.sleep(1.01)
            await study.beat("beat", 1_000)
            seconds += 1
        assert study.ack["counting"] and study.ack["total_ms"] == 1_000 * seconds
        await study.beat("pause")
        await study.leave()
        await clustered.stored(person.account, 1, provisional_ms=1_000 * seconds)
