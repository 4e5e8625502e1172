"""Jobs: a bounded stream, at least once, in memory and on a real Valkey with real connections."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from proctor.adapters import redis_jobs
from proctor.adapters.memory import MemoryJobs
from proctor.adapters.redis_client import connect
from proctor.adapters.redis_jobs import RedisJobs
from proctor.ports import FaceJob


class Bench:
    """The port under test; `other()` is the same stream over a connection of its own."""

    def __init__(self, client, store: str) -> None:
        self.client = client
        self.store = store
        self.now_ms = 0
        self.jobs = RedisJobs(client, jobs_max=5) if client else MemoryJobs(lambda: self.now_ms, jobs_max=5)

    async def patience_is_over(self) -> None:
        """As long as a worker may hold a job: the idle time of what is pending is set instead of waited for."""
        self.now_ms += redis_jobs.LEFT_OVER_MS
        if self.client:
            pending = await self.client.xpending_range(redis_jobs.STREAM, redis_jobs.GROUP, "-", "+", 100)
            for one in pending:
                await self.client.xclaim(
                    redis_jobs.STREAM, redis_jobs.GROUP, one["consumer"], 0, [one["message_id"]],
                    idle=redis_jobs.LEFT_OVER_MS, retrycount=one["times_delivered"], justid=True,
                )  # fmt: skip


@pytest.fixture
async def bench(client, store):
    made = Bench(client, store)
    yield made
    if client:
        await client.delete(redis_jobs.STREAM)


def job(number: int) -> FaceJob:
    return FaceJob(
        check_id=f"c{number}", try_number=1, learner_id=number, institution_id=1, lesson_id=1, evidence_id="e",
        enrol=False, source="camera", accepted_redis_ms=number,
    )  # fmt: skip


def ids(taken) -> list[int]:
    return [one.learner_id for _receipt, one in taken]


async def test_jobs_come_in_order_as_they_were_put_with_receipts_of_their_own(bench: Bench) -> None:
    for number in range(3):
        assert await bench.jobs.put(job(number))
    taken = await bench.jobs.take("w", 2, 10)
    assert [one for _receipt, one in taken] == [job(0), job(1)]
    assert ids(await bench.jobs.take("w", 9, 10)) == [2]
    assert len({receipt for receipt, _one in taken}) == 2


async def test_the_bound_counts_what_waits_and_what_is_being_judged(bench: Bench) -> None:
    for number in range(5):
        assert await bench.jobs.put(job(number))
    assert not await bench.jobs.put(job(9)) and await bench.jobs.waiting() == 5
    taken = await bench.jobs.take("w", 1, 10)
    assert not await bench.jobs.put(job(9)), "a job in somebody's hands still takes a place"
    await bench.jobs.done([receipt for receipt, _one in taken])
    assert await bench.jobs.put(job(9)) and await bench.jobs.waiting() == 5


async def test_at_the_bound_of_many_put_at_once_no_more_than_the_bound_get_in(bench: Bench) -> None:
    queued = await asyncio.gather(*(bench.jobs.put(job(number)) for number in range(20)))
    assert sum(queued) == 5 == await bench.jobs.waiting()


async def test_an_empty_stream_waits_and_gives_nothing(bench: Bench) -> None:
    assert await bench.jobs.take("w", 1, 10) == [] and await bench.jobs.waiting() == 0


async def test_a_waiting_worker_gets_what_is_put_meanwhile(bench: Bench) -> None:
    waiting = asyncio.create_task(bench.jobs.take("w", 1, 900))
    await asyncio.sleep(0.05)
    await bench.jobs.put(job(1))
    assert ids(await asyncio.wait_for(waiting, 2)) == [1]


async def test_no_two_workers_get_the_same_job(bench: Bench) -> None:
    others = [connect(bench.store) for _n in range(3)] if bench.client else []
    workers = [RedisJobs(one, jobs_max=5) for one in others] or [bench.jobs] * 3
    for number in range(5):
        await bench.jobs.put(job(number))
    shares = await asyncio.gather(*(one.take(f"w{n}", 2, 10) for n, one in enumerate(workers)))
    assert sorted(number for share in shares for number in ids(share)) == [0, 1, 2, 3, 4]
    for one in others:
        await one.aclose()


async def test_what_a_dead_worker_left_is_given_to_another_and_says_so(bench: Bench) -> None:
    await bench.jobs.put(job(1))
    ((receipt, first),) = await bench.jobs.take("dead", 1, 10)
    assert await bench.jobs.take("other", 1, 10) == [], "five seconds are its own"
    await bench.patience_is_over()
    ((again, second),) = await bench.jobs.take("other", 1, 10)
    assert again == receipt and second == msgspec.structs.replace(first, deliveries=2)
    await bench.patience_is_over()
    ((_third, third),) = await bench.jobs.take("third", 1, 10)
    assert third.deliveries == 3


async def test_what_is_done_comes_never_again_and_done_twice_is_no_error(bench: Bench) -> None:
    await bench.jobs.put(job(1))
    ((receipt, _one),) = await bench.jobs.take("w", 1, 10)
    await bench.jobs.done([receipt])
    await bench.jobs.done([receipt, "0-1"])
    await bench.jobs.done([])
    await bench.patience_is_over()
    assert await bench.jobs.take("other", 1, 10) == [] and await bench.jobs.waiting() == 0


async def test_a_late_done_of_the_first_worker_ends_the_job_for_the_second(bench: Bench) -> None:
    await bench.jobs.put(job(1))
    ((receipt, _one),) = await bench.jobs.take("slow", 1, 10)
    await bench.patience_is_over()
    assert ids(await bench.jobs.take("second", 1, 10)) == [1]
    await bench.jobs.done([receipt])
    assert await bench.jobs.waiting() == 0


async def test_a_store_that_lost_the_stream_is_no_error_for_workers(bench: Bench) -> None:
    await bench.jobs.take("w", 1, 10)
    if bench.client:
        await bench.client.delete(redis_jobs.STREAM)
    await bench.jobs.put(job(1))
    assert ids(await bench.jobs.take("w", 1, 10)) == [1]
