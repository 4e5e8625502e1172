"""Redis and SQL as the processes meet them: the memory adapters behind a network, with stalls, losses and lies.

A call travels to the store, happens there at one moment, and its answer travels back. What happens at the store
happens also when the caller is frozen or dead by then; an answer may be lost after the deed.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from proctor.adapters.memory import MemoryChecks, MemoryInbox, MemoryLeases, MemoryNodes
from proctor.adapters.memory_jobs import MemoryJobs
from proctor.adapters.memory_records import MemoryRecords
from proctor.core.inputs import Verdict
from proctor.errors import Unavailable
from proctor.ports import HandoverAsked, LeaseTaken
from tests.sim.loop import MS, Loop, Process
from tests.sim.losses import GAP_MS

UNDO_MS = 4_000  # how far back a Redis may forget its writes


def at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("a memory adapter waited")


class Store:
    """One server: calls to it take time, fail, or are answered too late. `down`: it answers nothing."""

    def __init__(self, loop: Loop, random: Random, port: str, count: Callable[[str], None]) -> None:
        self.loop = loop
        self.random = random
        self.port = port
        self.count = count
        self.down = False
        self.stalled_until_ms = 0
        self.fail_p = 0.0  # a call that is refused before anything happens
        self.lie_p = 0.0  # a call that is carried out, and its answer is lost
        self.lies_next = False  # the same, for the next one
        self.after: Callable[[], None] = lambda: None  # the auditor looks after every deed
        self._context = Process(loop, port).context

    def latency_ms(self) -> float:
        return self.random.random() * 3 + 0.3

    def call(self, deed: Callable[[], Coroutine]) -> Any:
        """Awaitable result of `deed` carried out at the store. Raises Unavailable."""
        future = self.loop.create_future()
        wait_ms = max(self.latency_ms(), self.stalled_until_ms - self.loop.now_ms)
        self.loop.call_later(wait_ms * MS, self._arrive, deed, future, context=self._context)
        return future

    def _arrive(self, deed: Callable[[], Coroutine], future: Any) -> None:
        roll = self.random.random()
        if self.down or roll < self.fail_p:
            self.count(f"{self.port}_refused")
            wait_ms = 2_000 if self.down and self.random.random() < 0.5 else 1
            self.loop.call_later(wait_ms * MS, self._fail, future, context=self._context)
            return
        try:
            answer = at_once(deed())
        except Exception as error:
            if not future.done():
                future.set_exception(error)
            return
        self.after()
        lies, self.lies_next = self.lies_next or roll < self.fail_p + self.lie_p, False
        if lies:
            self.count(f"{self.port}_done_unanswered")
            self.loop.call_later(0.2, self._fail, future, context=self._context)
        else:
            self.loop.call_later(self.latency_ms() * MS, self._answer, future, answer, context=self._context)

    def _fail(self, future: Any) -> None:
        if not future.done():
            future.set_exception(Unavailable(self.port))

    @staticmethod
    def _answer(future: Any, answer: object) -> None:
        if not future.done():
            future.set_result(answer)


class Redis(Store):
    """Leases, checks, jobs and the inbox, with a memory that may lose its newest writes or all of them."""

    def __init__(self, loop: Loop, random: Random, count: Callable[[str], None], epoch_ms: int) -> None:
        super().__init__(loop, random, "redis", count)
        self.epoch_ms = epoch_ms
        self.step_ms = 0
        self.inbox_faults = (0.0, 0.0, 0.0)  # lost, doubled, late (and so out of order)
        self.inbox = _Inbox(self)
        self.lost_ms: list[int] = []  # when it forgot
        self.judged: Callable[[Verdict], None] = lambda _verdict: None
        self.renewed_ms: dict[int, int] = {}  # learner: true time of the newest renewal
        self.cut_short: set[tuple[int, int]] = set()  # learner and fence of leases that a step of TIME ended
        self._undo: deque[tuple[int, Callable[[], None]]] = deque()
        self._make()
        self.nodes = MemoryNodes(self.time_ms)

    def _make(self) -> None:
        self.leases = MemoryLeases(self.time_ms)
        self.checks = MemoryChecks(self.time_ms, self.inbox)
        self.jobs = MemoryJobs(self.time_ms, jobs_max=50)
        self.inbox.leases = self.leases

    @property
    def losses(self) -> int:
        return len(self.lost_ms)

    def time_ms(self) -> int:
        return self.epoch_ms + self.loop.now_ms + self.step_ms

    def look_at_life(self, learner_id: int) -> None:
        """A lease that ran out before its time: whoever takes it now does not know of anybody to tell."""
        row = self.leases.table.rows.get(learner_id)
        young = self.loop.now_ms - self.renewed_ms.get(learner_id, -GAP_MS) < GAP_MS
        if row is not None and row.holder is not None and row.expires_ms <= self.time_ms() and young:
            self.cut_short.add((learner_id, row.fence))

    # Forgetting.

    def remember(self, undo: Callable[[], None]) -> None:
        now_ms = self.loop.now_ms
        self._undo.append((now_ms, undo))
        while self._undo[0][0] < now_ms - UNDO_MS:
            self._undo.popleft()

    def remember_lease(self, learner_id: int) -> None:
        rows = self.leases.table.rows
        before = copy.copy(rows[learner_id]) if learner_id in rows else None

        def undo() -> None:
            if before is None:
                rows.pop(learner_id, None)
            else:
                rows[learner_id] = before

        self.remember(undo)

    def remember_check(self, check_id: str) -> None:
        rows = self.checks._rows
        before = copy.deepcopy(rows.get(check_id))

        def undo() -> None:
            if before is None:
                rows.pop(check_id, None)
            else:
                rows[check_id] = before

        self.remember(undo)

    def remember_jobs(self) -> None:
        jobs = self.jobs
        fresh, taken = list(jobs._fresh), dict(jobs._taken)

        def undo() -> None:
            jobs._fresh.clear()
            jobs._fresh.extend(fresh)
            jobs._taken = dict(taken)

        self.remember(undo)

    def lose_suffix(self, back_ms: int) -> int:
        """Writes of the last `back_ms` never happened; returns how many."""
        since_ms = self.loop.now_ms - back_ms
        lost = 0
        while self._undo and self._undo[-1][0] >= since_ms:
            self._undo.pop()[1]()
            lost += 1
        self.lost_ms.append(self.loop.now_ms)
        return lost

    def lose_everything(self) -> None:
        self.lost_ms.append(self.loop.now_ms)
        self._undo.clear()
        self._make()


class _Inbox(MemoryInbox):
    """Pub/sub at its worst: lost, doubled, out of order."""

    def __init__(self, redis: Redis) -> None:
        super().__init__()
        self._redis = redis
        self.unheard_ms: dict[int, int] = {}  # learner: when somebody was last asked in vain, or late, to hand over
        self.untold_ms: dict[int, int] = {}  # learner: when word of a newer seat last was lost, or late

    async def send(self, node, message) -> None:
        redis, (lost, doubled, late) = self._redis, self._redis.inbox_faults
        roll = redis.random.random()
        missed = redis.down or roll < lost
        if missed or roll > 1 - late:
            if isinstance(message, HandoverAsked):
                self.unheard_ms[message.learner_id] = redis.loop.now_ms
            elif isinstance(message, LeaseTaken):
                self.untold_ms[message.learner_id] = redis.loop.now_ms
        if missed:
            redis.count("inbox_lost")
            return
        if roll < lost + doubled:
            redis.count("inbox_doubled")
            self._later(node, message, redis.random.random() * 0.5)
        if roll > 1 - late:
            redis.count("inbox_late")
            self._later(node, message, redis.random.random() * 3)
            return
        self._later(node, message, redis.latency_ms() * MS)

    def _later(self, node, message, wait_s: float) -> None:
        self._redis.loop.call_later(wait_s, self._put, node, message, context=self._redis._context)

    def _put(self, node, message) -> None:
        for queue in self._queues.get(node, []):
            queue.put_nowait(message)


class RedisDoor:
    """`ports.Leases`, `Checks`, `Jobs`, `Inbox` and `Nodes` of one process."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    # Leases.

    async def acquire(self, request):
        def deed():
            self.redis.remember_lease(request.learner_id)
            self.redis.look_at_life(request.learner_id)
            return self.redis.leases.acquire(request)

        return await self.redis.call(deed)

    async def sync(self, items):
        async def deed():
            for item in items:
                self.redis.remember_lease(item.learner_id)
            held, now_ms = await self.redis.leases.sync(items)
            for item, mine in zip(items, held, strict=True):
                if mine:
                    self.redis.renewed_ms[item.learner_id] = self.redis.loop.now_ms
            return held, now_ms

        return await self.redis.call(deed)

    async def release(self, learner_id, fence):
        def deed():
            self.redis.remember_lease(learner_id)
            self.redis.renewed_ms.pop(learner_id, None)
            return self.redis.leases.release(learner_id, fence)

        return await self.redis.call(deed)

    async def reseed(self, learner_id, fence):
        def deed():
            self.redis.remember_lease(learner_id)
            return self.redis.leases.reseed(learner_id, fence)

        return await self.redis.call(deed)

    async def holder(self, learner_id):
        return await self.redis.call(lambda: self.redis.leases.holder(learner_id))

    async def use_ticket(self, ticket_id, life_ms):
        return await self.redis.call(lambda: self.redis.leases.use_ticket(ticket_id, life_ms))

    # Checks.

    async def open(self, ticket, left_ms, node):
        def deed():
            self.redis.remember_check(ticket.check_id)
            return self.redis.checks.open(ticket, left_ms, node)

        return await self.redis.call(deed)

    async def cancel(self, check_id):
        def deed():
            self.redis.remember_check(check_id)
            return self.redis.checks.cancel(check_id)

        return await self.redis.call(deed)

    async def accept(self, ticket, digest):
        def deed():
            self.redis.remember_check(ticket.check_id)
            return self.redis.checks.accept(ticket, digest)

        return await self.redis.call(deed)

    async def accepted(self, check_id, try_number):
        return await self.redis.call(lambda: self.redis.checks.accepted(check_id, try_number))

    async def judge(self, verdict):
        def deed():
            self.redis.remember_check(verdict.check_id)
            self.redis.judged(verdict)
            return self.redis.checks.judge(verdict)

        return await self.redis.call(deed)

    async def verdict(self, check_id, try_number):
        return await self.redis.call(lambda: self.redis.checks.verdict(check_id, try_number))

    # Jobs.

    async def put(self, job):
        def deed():
            self.redis.remember_jobs()
            return self.redis.jobs.put(job)

        return await self.redis.call(deed)

    async def take(self, worker, count, wait_ms, burst_ms=0.0):
        if self.redis.down:
            raise Unavailable("redis")
        return await self.redis.jobs.take(worker, count, wait_ms, burst_ms)

    async def done(self, receipts):
        return await self.redis.call(lambda: self.redis.jobs.done(receipts))

    async def bury(self, receipt, job, why):
        return await self.redis.call(lambda: self.redis.jobs.bury(receipt, job, why))

    # Inbox and nodes.

    async def send(self, node, message):
        await self.redis.inbox.send(node, message)

    async def send_to_learner(self, learner_id, message):
        await self.redis.call(lambda: self.redis.inbox.send_to_learner(learner_id, message))

    def messages(self, node):
        return self.redis.inbox.messages(node)

    async def beat(self, name, kind, admin_port, pid):
        return await self.redis.call(lambda: self.redis.nodes.beat(name, kind, admin_port, pid))

    async def all(self):
        return await self.redis.call(self.redis.nodes.all)


class Sql(Store):
    """`ports.Records`, every call one transaction. `opened` and `wrote` see what was asked and done."""

    def __init__(self, loop: Loop, random: Random, count: Callable[[str], None], policy: str) -> None:
        super().__init__(loop, random, "sql", count)
        self.records = MemoryRecords(policy=policy)
        self.opened: Callable[[list, list], None] = lambda _requests, _answers: None
        self.wrote: Callable[[list, list], None] = lambda _items, _answers: None

    async def open_seats(self, requests):
        async def deed():
            answers = await self.records.open_seats(requests)
            self.opened(requests, answers)
            return answers

        return await self.call(deed)

    async def write(self, items):
        async def deed():
            answers = await self.records.write(items)
            self.wrote(items, answers)
            return answers

        return await self.call(deed)

    async def instructions(self, learner_id, after_version):
        return await self.call(lambda: self.records.instructions(learner_id, after_version))

    async def coverage(self, learner_id, lesson_id):
        return await self.call(lambda: self.records.coverage(learner_id, lesson_id))
