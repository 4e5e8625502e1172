"""The queue of face jobs in memory, faithful: turns, receipts, left-over jobs, dead ones."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence

import msgspec

from proctor.ports import Backlog, DeadJob, FaceJob

LEFT_OVER_MS = 5_000
DEAD_MAX = 1_000
DEAD_KEEP_MS = 7 * 86_400_000
WORKER_MS = 10_000
NODE_MS = 5_000
RATE_MS = 10_000


class _Waiting(msgspec.Struct, frozen=True, order=True):
    """Sorted by turn; within one by the order in which they came."""

    turn: int
    number: int
    since_ms: int
    job: FaceJob


class MemoryJobs:
    """`ports.Jobs`. `now_ms` is the store's own time."""

    def __init__(self, now_ms: Callable[[], int], *, jobs_max: int = 20_000) -> None:
        self._now_ms = now_ms
        self._jobs_max = jobs_max
        self._queued = self._turn = 0
        self._last: dict[int, int] = {}
        self._fresh: list[_Waiting] = []
        self._taken: dict[str, tuple[FaceJob, int]] = {}
        self._dead: deque[DeadJob] = deque(maxlen=DEAD_MAX)
        self._workers: dict[str, tuple[int, float]] = {}
        self._nodes: dict[str, tuple[int, int]] = {}
        self._mark = (0, 0, 0.0)
        self._more = asyncio.Event()

    async def put(self, job: FaceJob) -> bool:
        mine = sum(one.job.institution_id == job.institution_id for one in self._fresh)
        if mine >= self._jobs_max - len(self._fresh) - len(self._taken):
            return False
        self._queued += 1
        turn = max(self._turn, self._last.get(job.institution_id, 0) if mine else 0) + 1
        self._last[job.institution_id] = turn
        self._fresh.append(_Waiting(turn, self._queued, self._now_ms(), job))
        self._more.set()
        return True

    async def take(self, worker: str, count: int, wait_ms: int, burst_ms: float = 0.0) -> list[tuple[str, FaceJob]]:
        found = self._take(worker, count, burst_ms)
        if found:
            return found
        self._more.clear()
        try:
            async with asyncio.timeout(wait_ms / 1_000):
                await self._more.wait()
        except TimeoutError:
            return []
        return self._take(worker, count, burst_ms)

    def _take(self, worker: str, count: int, burst_ms: float) -> list[tuple[str, FaceJob]]:
        now_ms = self._now_ms()
        self._workers[worker] = (now_ms, burst_ms)
        found = []
        for receipt in self._left_over()[:count]:
            job, _since = self._taken[receipt]
            found.append((receipt, msgspec.structs.replace(job, deliveries=job.deliveries + 1)))
        self._fresh.sort(key=lambda one: (one.turn, one.number))
        while self._fresh and len(found) < count:
            one = self._fresh.pop(0)
            self._turn = one.turn
            found.append((f"{one.number}-0", one.job))
        for receipt, job in found:
            self._taken[receipt] = (job, now_ms)
        return [
            (receipt, msgspec.structs.replace(job, waited_ms=max(0, now_ms - job.accepted_redis_ms)))
            for receipt, job in found
        ]

    def _left_over(self) -> list[str]:
        now_ms = self._now_ms()
        return [receipt for receipt, (_job, since) in self._taken.items() if now_ms - since >= LEFT_OVER_MS]

    async def done(self, receipts: Sequence[str]) -> None:
        for receipt in receipts:
            self._taken.pop(receipt, None)

    async def bury(self, receipt: str, job: FaceJob, why: str) -> None:
        self._dead.append(DeadJob(why=why, at_redis_ms=self._now_ms(), job=job))
        await self.done([receipt])

    async def dead(self, count: int) -> list[DeadJob]:
        now_ms = self._now_ms()
        return [one for one in reversed(self._dead) if now_ms - one.at_redis_ms <= DEAD_KEEP_MS][:count]

    async def backlog(self, node: str = "", due: int = 0) -> Backlog:
        now_ms = self._now_ms()
        if node:
            self._nodes[node] = (now_ms, due)
        pace = [burst_ms for at_ms, burst_ms in self._workers.values() if now_ms - at_ms <= WORKER_MS]
        nodes = [due for at_ms, due in self._nodes.values() if now_ms - at_ms <= NODE_MS]
        known = [one for one in pace if one]
        oldest_ms = min((one.since_ms for one in self._fresh), default=now_ms)
        return Backlog(
            waiting=len(self._fresh), judging=len(self._taken), oldest_ms=max(0, now_ms - oldest_ms),
            institutions=len(Counter(one.job.institution_id for one in self._fresh)),
            dead=len(await self.dead(DEAD_MAX)), queued=self._queued, per_second=self._rate(now_ms),
            workers=len(pace), burst_ms=sum(known) / len(known) if known else 0.0, nodes=len(nodes), due=sum(nodes),
        )  # fmt: skip

    def _rate(self, now_ms: int) -> float:
        mark_ms, marked, rate = self._mark
        since_ms = now_ms - mark_ms
        if since_ms >= RATE_MS:
            rate = 0.0 if since_ms > 10 * RATE_MS else (self._queued - marked) * RATE_MS // since_ms * 1_000 / RATE_MS
            self._mark = (now_ms, self._queued, rate)
        return rate
