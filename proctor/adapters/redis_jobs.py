"""Face jobs: a fair queue before one Redis stream with one consumer group. At least once, nothing kept when done.

What waits stands in a sorted set by turns, so that each institution gets one job in each round. What a worker has in
its hands stands in the stream, whose group knows who has it, since when and how often it was given out. Every change
is one script, and all keys share one hash tag: a cluster keeps them on one server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from proctor.adapters.redis_client import Client, Scripts, text, translated
from proctor.ports import Backlog, DeadJob, FaceJob

TAG = "zx:{faces}"
QUEUE, AGES, OWN, STATE = f"{TAG}:queue", f"{TAG}:ages", f"{TAG}:own", f"{TAG}:state"
STREAM, BELL, PACE, DUE, DEAD = f"{TAG}:stream", f"{TAG}:bell", f"{TAG}:pace", f"{TAG}:due", f"{TAG}:dead"
KEYS = (QUEUE, AGES, OWN, STATE, STREAM, BELL, PACE, DUE, DEAD)
GROUP = "workers"
LEFT_OVER_MS = 5_000  # a job that its worker holds longer is given to another
CONSUMER_IDLE_MS = 600_000
DEAD_MAX = 1_000
DEAD_KEEP_MS = 7 * 86_400_000
WORKER_MS = 10_000  # silent for longer, a worker is not counted on
NODE_MS = 5_000
RATE_MS = 10_000
WAIT_MS_MAX = 1_000  # waiting must stay below the client's own time-out


class RedisJobs:
    """`ports.Jobs`."""

    def __init__(self, client: Client, *, jobs_max: int = 20_000) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._jobs_max = jobs_max

    async def put(self, job: FaceJob) -> bool:
        args = [self._jobs_max, str(job.institution_id), msgspec.msgpack.encode(job)]
        return int(await self._scripts.run("job_put", [QUEUE, AGES, OWN, STATE, STREAM, BELL], args)) == 1

    async def take(self, worker: str, count: int, wait_ms: int, burst_ms: float = 0.0) -> list[tuple[str, FaceJob]]:
        found = await self._take(worker, count, burst_ms)
        if found:
            return found
        with translated():
            rung = await self._client.blpop([BELL], timeout=max(1, min(wait_ms, WAIT_MS_MAX)) / 1_000)
        return await self._take(worker, count, burst_ms) if rung else []

    async def _take(self, worker: str, count: int, burst_ms: float) -> list[tuple[str, FaceJob]]:
        args = [GROUP, worker, count, LEFT_OVER_MS, round(burst_ms * 1_000), CONSUMER_IDLE_MS]
        now_ms, *rows = await self._scripts.run("job_take", [QUEUE, AGES, OWN, STATE, STREAM, PACE], args)
        found = []
        for receipt, deliveries, body in rows:
            job = _job(body)
            if job is None:
                await self._bury(text(receipt), body, "unreadable")
                continue
            waited_ms = max(0, int(now_ms) - job.accepted_redis_ms)
            job = msgspec.structs.replace(job, deliveries=int(deliveries), waited_ms=waited_ms)
            found.append((text(receipt), job))
        return found

    async def done(self, receipts: Sequence[str]) -> None:
        if receipts:
            await self._scripts.run("job_done", [STREAM], [GROUP, *receipts])

    async def bury(self, receipt: str, job: FaceJob, why: str) -> None:
        await self._bury(receipt, msgspec.msgpack.encode(job), why)

    async def _bury(self, receipt: str, body: bytes, why: str) -> None:
        await self._scripts.run("job_bury", [STREAM, DEAD], [GROUP, receipt, body, why, DEAD_MAX, DEAD_KEEP_MS])

    async def dead(self, count: int) -> list[DeadJob]:
        with translated():
            rows: Any = await self._client.xrevrange(DEAD, count=count)
        return [
            DeadJob(
                why=text(fields[b"why"]), at_redis_ms=int(text(name).partition("-")[0]), job=_job(fields[b"job"])
            )
            for name, fields in rows
        ]  # fmt: skip

    async def backlog(self, node: str = "", due: int = 0) -> Backlog:
        keys = [QUEUE, AGES, OWN, STATE, STREAM, PACE, DUE, DEAD]
        args = [node, due, WORKER_MS, NODE_MS, RATE_MS]
        *plain, rate, pace, nodes = await self._scripts.run("job_backlog", keys, args)
        waiting, judging, oldest_ms, institutions, dead, queued = map(int, plain)
        known = [int(us) for us in pace if int(us)]
        return Backlog(
            waiting=waiting, judging=judging, oldest_ms=oldest_ms, institutions=institutions, dead=dead,
            queued=queued, per_second=int(rate) * 1_000 / RATE_MS, workers=len(pace),
            burst_ms=sum(known) / len(known) / 1_000 if known else 0.0, nodes=len(nodes), due=sum(map(int, nodes)),
        )  # fmt: skip


def _job(body: bytes) -> FaceJob | None:
    """None when it is not ours to read: written by another version of the product, or by a stranger."""
    try:
        return msgspec.msgpack.decode(body, type=FaceJob)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
