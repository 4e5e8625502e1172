"""Jobs: a bounded queue in turns, at least once, in memory, on a real Valkey with real connections, on a cluster."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from proctor.adapters import memory_jobs, redis_jobs
from proctor.adapters.memory_jobs import MemoryJobs
from proctor.adapters.redis_client import connect, redis_time_ms
from proctor.adapters.redis_jobs import RedisJobs
from proctor.ports import FaceJob

JOBS_MAX = 10


class Bench:
    """The port under test; `other()` is the same stream over a connection of its own."""

    def __init__(self, client, store: str) -> None:
        self.client = client
        self.store = store
        self.now_ms = 1_000
        self.jobs = (
            RedisJobs(client, jobs_max=JOBS_MAX) if client else MemoryJobs(lambda: self.now_ms, jobs_max=JOBS_MAX)
        )

    async def redis_ms(self) -> int:
        return await redis_time_ms(self.client) if self.client else self.now_ms

    async def all(self) -> int:
        return (await self.jobs.backlog()).all

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
        await client.delete(*redis_jobs.KEYS)


def job(number: int, institution: int = 1) -> FaceJob:
    return FaceJob(
        check_id=f"c{number}", try_number=1, learner_id=number, institution_id=institution, lesson_id=1,
        evidence_id="e",
        enrol=False, source="camera", accepted_redis_ms=number,
    )  # fmt: skip


def ids(taken) -> list[int]:
    return [one.learner_id for _receipt, one in taken]


async def test_jobs_come_in_order_as_they_were_put_with_receipts_of_their_own(bench: Bench) -> None:
    for number in range(3):
        assert await bench.jobs.put(job(number))
    taken = await bench.jobs.take("w", 2, 10)
    assert [msgspec.structs.replace(one, waited_ms=0) for _receipt, one in taken] == [job(0), job(1)]
    assert ids(await bench.jobs.take("w", 9, 10)) == [2]
    assert len({receipt for receipt, _one in taken}) == 2


async def test_the_bound_counts_what_waits_and_what_is_being_judged(bench: Bench) -> None:
    for number in range(JOBS_MAX):
        assert await bench.jobs.put(job(number, number))
    assert not await bench.jobs.put(job(99, 99)) and await bench.all() == JOBS_MAX
    taken = await bench.jobs.take("w", 1, 10)
    assert not await bench.jobs.put(job(99, 99)), "a job in somebody's hands still takes a place"
    await bench.jobs.done([receipt for receipt, _one in taken])
    assert await bench.jobs.put(job(99, 99)) and await bench.all() == JOBS_MAX


async def test_whoever_fills_the_queue_leaves_as_much_room_to_others_as_it_takes(bench: Bench) -> None:
    queued = [await bench.jobs.put(job(number)) for number in range(JOBS_MAX)]
    assert sum(queued) == JOBS_MAX // 2
    assert [await bench.jobs.put(job(number, 2)) for number in range(4)] == [True, True, True, False]
    assert await bench.jobs.put(job(20, 3)), "and a third one finds room as well"
    # What was taken is no longer in anybody's way.
    taken = await bench.jobs.take("w", JOBS_MAX, 10)
    await bench.jobs.done([receipt for receipt, _one in taken])
    assert await bench.jobs.put(job(30))


async def test_at_the_bound_of_many_put_at_once_no_more_than_the_bound_get_in(bench: Bench) -> None:
    queued = await asyncio.gather(*(bench.jobs.put(job(number, number)) for number in range(3 * JOBS_MAX)))
    assert sum(queued) == JOBS_MAX == await bench.all()


async def test_a_flood_of_one_institution_starves_nobody(bench: Bench) -> None:
    """Each gets one job in each round; who comes later is not sent behind everything that came before."""
    for number in range(5):
        await bench.jobs.put(job(number, 1))
    assert ids(await bench.jobs.take("w", 1, 10)) == [0]
    for number in (10, 11):
        await bench.jobs.put(job(number, 2))
    await bench.jobs.put(job(20, 3))
    taken = await bench.jobs.take("w", 9, 10)
    assert ids(taken) == [1, 10, 20, 2, 11, 3, 4]
    await bench.jobs.done([receipt for receipt, _one in taken])
    # A turn that was not used is not saved up.
    await bench.jobs.put(job(30, 2))
    await bench.jobs.put(job(31, 2))
    await bench.jobs.put(job(5, 1))
    assert ids(await bench.jobs.take("w", 9, 10)) == [30, 5, 31]


async def test_an_empty_stream_waits_and_gives_nothing(bench: Bench) -> None:
    assert await bench.jobs.take("w", 1, 10) == [] and await bench.all() == 0


async def test_a_waiting_worker_gets_what_is_put_meanwhile(bench: Bench) -> None:
    waiting = asyncio.create_task(bench.jobs.take("w", 1, 900))
    await asyncio.sleep(0.05)
    await bench.jobs.put(job(1))
    assert ids(await asyncio.wait_for(waiting, 2)) == [1]


async def test_no_two_workers_get_the_same_job(bench: Bench) -> None:
    others = [connect(bench.store) for _n in range(3)] if bench.client else []
    workers = [RedisJobs(one, jobs_max=JOBS_MAX) for one in others] or [bench.jobs] * 3
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
    assert again == receipt and second == msgspec.structs.replace(first, deliveries=2, waited_ms=second.waited_ms)
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
    assert await bench.jobs.take("other", 1, 10) == [] and await bench.all() == 0


async def test_a_late_done_of_the_first_worker_ends_the_job_for_the_second(bench: Bench) -> None:
    await bench.jobs.put(job(1))
    ((receipt, _one),) = await bench.jobs.take("slow", 1, 10)
    await bench.patience_is_over()
    assert ids(await bench.jobs.take("second", 1, 10)) == [1]
    await bench.jobs.done([receipt])
    assert await bench.all() == 0


async def test_a_store_that_lost_everything_is_no_error_for_workers(bench: Bench) -> None:
    await bench.jobs.take("w", 1, 10)
    if bench.client:
        await bench.client.delete(*redis_jobs.KEYS)
    await bench.jobs.put(job(1))
    assert ids(await bench.jobs.take("w", 1, 10)) == [1]


async def test_a_job_says_how_long_it_has_waited_since_the_upload(bench: Bench) -> None:
    now_ms = await bench.redis_ms()
    await bench.jobs.put(msgspec.structs.replace(job(1), accepted_redis_ms=now_ms - 700))
    ((_receipt, one),) = await bench.jobs.take("w", 1, 10)
    assert 700 <= one.waited_ms < 5_000


async def test_a_dead_job_is_kept_for_people_and_given_to_nobody(bench: Bench) -> None:
    await bench.jobs.put(job(1))
    await bench.jobs.put(job(2))
    for why in ("gave_up", "model_error"):
        ((receipt, one),) = await bench.jobs.take("w", 1, 10)
        await bench.jobs.bury(receipt, one, why)
    await bench.patience_is_over()
    assert await bench.jobs.take("w", 1, 10) == [] and await bench.all() == 0
    newest, oldest = await bench.jobs.dead(9)
    assert (newest.why, oldest.why) == ("model_error", "gave_up")
    assert newest.job is not None and newest.job.learner_id == 2
    assert 0 <= await bench.redis_ms() - newest.at_redis_ms <= 5_000
    assert [one.why for one in await bench.jobs.dead(1)] == ["model_error"]
    assert (await bench.jobs.backlog()).dead == 2


async def test_dead_jobs_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    if not bench.client:
        assert bench.jobs._dead.maxlen == memory_jobs.DEAD_MAX == redis_jobs.DEAD_MAX
        return
    monkeypatch.setattr(redis_jobs, "DEAD_MAX", 3)
    for number in range(5):
        await bench.jobs.put(job(number))
        ((receipt, one),) = await bench.jobs.take("w", 1, 10)
        await bench.jobs.bury(receipt, one, "gave_up")
    found = await bench.jobs.dead(9)
    assert [one.job.learner_id for one in found if one.job] == [4, 3, 2]
    assert 0 < await bench.client.pttl(redis_jobs.DEAD) <= redis_jobs.DEAD_KEEP_MS


async def test_what_nobody_can_read_goes_to_the_dead_and_workers_live_on(bench: Bench) -> None:
    if not bench.client:
        pytest.skip("in memory a job is an object, not bytes")
    args = [JOBS_MAX, "1", b"\xc1 of another version"]
    keys = [getattr(redis_jobs, name) for name in ("QUEUE", "AGES", "OWN", "STATE", "STREAM", "BELL")]
    await bench.jobs._scripts.run("job_put", keys, args)
    await bench.jobs.put(job(1))
    assert ids(await bench.jobs.take("w", 9, 10)) == [1]
    ((dead),) = await bench.jobs.dead(9)
    assert (dead.why, dead.job) == ("unreadable", None)
    assert (await bench.jobs.backlog()).judging == 1


async def test_the_backlog_says_what_waits_and_what_the_workers_can_do(bench: Bench) -> None:
    empty = await bench.jobs.backlog()
    assert (empty.all, empty.oldest_ms, empty.workers, empty.burst_ms, empty.nodes, empty.due) == (0, 0, 0, 0, 0, 0)
    for number in range(4):
        await bench.jobs.put(job(number, number % 2))
    bench.now_ms += 50
    await asyncio.sleep(0.05 if bench.client else 0)
    await bench.jobs.take("w1", 1, 10, 30.0)
    await bench.jobs.backlog("n2", 5)
    found = await bench.jobs.backlog("n1", 7)
    assert (found.waiting, found.judging, found.institutions, found.queued) == (3, 1, 2, 4)
    assert 50 <= found.oldest_ms < 5_000
    assert (found.workers, found.burst_ms, found.nodes, found.due) == (1, 30.0, 2, 12)
    await bench.jobs.take("w2", 9, 10)
    assert (await bench.jobs.backlog()).burst_ms == 30.0, "a worker that has judged nothing yet knows no price"
    assert (await bench.jobs.backlog()).workers == 2
    await bench.jobs.take("w2", 9, 10, 50.0)
    assert (await bench.jobs.backlog()).burst_ms == 40.0


async def test_the_silent_are_not_counted_on(bench: Bench) -> None:
    await bench.jobs.take("w", 1, 10, 30.0)
    await bench.jobs.backlog("n", 3)
    bench.now_ms += redis_jobs.WORKER_MS + 1
    if bench.client:
        past_ms = await bench.redis_ms() - redis_jobs.WORKER_MS - 1
        await bench.client.hset(redis_jobs.PACE, "w", f"{past_ms}:30000")
        await bench.client.hset(redis_jobs.DUE, "n", f"{past_ms}:3")
    found = await bench.jobs.backlog()
    assert (found.workers, found.burst_ms, found.nodes, found.due) == (0, 0, 0, 0)


async def test_the_rate_is_that_of_the_last_seconds(bench: Bench) -> None:
    await bench.jobs.backlog()
    for number in range(4):
        await bench.jobs.put(job(number))
    assert (await bench.jobs.backlog()).per_second == 0, "not looked at again before its time"
    bench.now_ms += redis_jobs.RATE_MS
    if bench.client:
        await bench.client.hincrby(redis_jobs.STATE, "mark", -redis_jobs.RATE_MS)
    assert 0.3 <= (await bench.jobs.backlog()).per_second <= 0.4


async def test_a_new_worker_tidies_up_after_the_dead(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    if not bench.client:
        pytest.skip("in memory nobody is remembered")
    monkeypatch.setattr(redis_jobs, "CONSUMER_IDLE_MS", 0)
    for number in (1, 2):
        await bench.jobs.put(job(number))
    ((receipt, _one),) = await bench.jobs.take("done", 1, 10)
    await bench.jobs.done([receipt])
    await bench.jobs.take("dead", 1, 10)
    await asyncio.sleep(0.01)
    await bench.jobs.take("new", 1, 10)
    names = {one["name"] for one in await bench.client.xinfo_consumers(redis_jobs.STREAM, redis_jobs.GROUP)}
    assert b"dead" in names, "what it holds is not forgotten with it"
    assert b"done" not in names


KILLED = """
import asyncio, sys
from proctor.adapters.redis_client import connect
from proctor.adapters.redis_jobs import RedisJobs

async def main():
    jobs = RedisJobs(connect(sys.argv[1]), jobs_max=10)
    found = await jobs.take("killed", 2, 1_000)
    print(len(found), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_what_a_killed_worker_process_held_is_judged_by_another(bench: Bench) -> None:
    """kill -9 in the middle of its bursts: none is lost, and each says that it was given out before."""
    if not bench.client:
        pytest.skip("a process has no memory of another")
    for number in range(3):
        await bench.jobs.put(job(number, number))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, bench.store, stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert process.stdout is not None
    assert int(await asyncio.wait_for(process.stdout.readline(), 20)) == 2
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert ids(await bench.jobs.take("other", 9, 10)) == [2]
    await bench.patience_is_over()
    again = await bench.jobs.take("other", 9, 10)
    assert sorted(ids(again)) == [0, 1, 2] and {one.deliveries for _receipt, one in again} == {2}


def test_memory_and_redis_have_the_same_patience() -> None:
    for name in ("LEFT_OVER_MS", "DEAD_MAX", "DEAD_KEEP_MS", "WORKER_MS", "NODE_MS", "RATE_MS"):
        assert getattr(memory_jobs, name) == getattr(redis_jobs, name), name
    assert redis_jobs.LEFT_OVER_MS == 5_000
