"""The journal: facts of all sessions in order, one SQL transaction per group, nothing dropped.

When SQL does not answer the facts wait here; above the bound sessions are held, which says why to the learner.
A fact leaves this buffer only when it is stored, or when its fence turns out to be no longer the seat's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from proctor.core.facts import CheckDecided, CheckIssued, CheckUndecided, Closed, Credited, Fact
from proctor.errors import Unavailable
from proctor.live.learner import Learner
from proctor.ports import Clock, Records, SeatWrite, SeatWritten

log = structlog.get_logger("journal")

ITEMS_MAX = 400  # seats of one transaction: it must stay short
LOOK_EVERY_MS = 10
BACKOFF_MS = (100, 200, 500, 1_000, 2_000)
STATE_WITH = (Credited, CheckIssued, CheckDecided, CheckUndecided, Closed)  # after these the seat's state is written


class _Waiting:
    __slots__ = ("learner", "facts", "state")

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self.facts: list[Fact] = []
        self.state = False


class _Sent(msgspec.Struct, frozen=True):
    waiting: _Waiting
    item: SeatWrite
    seq: int
    stretch: int


class Journal:
    """Buffer and writer. `written(learner, answer)` is called for every stored or refused item."""

    def __init__(
        self, records: Records, clock: Clock, *, every_ms: int, facts: int, facts_max: int,
        written: Callable[[Learner, SeatWritten], None], held: Callable[[bool], None],
    ) -> None:  # fmt: skip
        self._records = records
        self._clock = clock
        self._every_ms = every_ms
        self._facts = facts
        self._facts_max = facts_max
        self._written = written
        self._held = held
        self._waiting: dict[int, _Waiting] = {}  # by id of the learner object: one per fence
        self._count = 0
        self._full = False
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self.failures = 0
        self.transactions = 0
        self.stored_facts = 0

    @property
    def waiting_facts(self) -> int:
        return self._count

    def add(self, learner: Learner, facts: tuple[Fact, ...]) -> None:
        """Never waits. The order of one learner's facts is kept."""
        if not facts:
            return
        waiting = self._of(learner)
        waiting.facts += facts
        waiting.state = waiting.state or any(isinstance(fact, STATE_WITH) for fact in facts)
        self._count += len(facts)
        if self._count >= self._facts:
            self._wake.set()
        if self._count > self._facts_max and not self._full:
            self._full = True
            log.error("journal_full", facts=self._count)
            self._held(True)

    def told(self, learner: Learner) -> bool:
        """Nothing of this learner waits here: SQL has all that happened."""
        waiting = self._waiting.get(id(learner))
        return waiting is None or not waiting.facts

    def want_state(self, learner: Learner) -> None:
        """Write the seat's state also without a fact: the open stretch has grown."""
        self._of(learner).state = True

    def hurry(self, learner: Learner) -> None:
        """Write the seat's state, and what waits, now: somebody else is about to take the seat."""
        self.want_state(learner)
        self._wake.set()

    async def emptied(self, learner: Learner, most_ms: int) -> None:
        """Wait until nothing of this learner waits here, at most so long; the next transaction is now."""
        self._wake.set()
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + most_ms / 1_000
        while id(learner) in self._waiting and loop.time() < deadline_s:
            await asyncio.sleep(LOOK_EVERY_MS / 1_000)

    def _of(self, learner: Learner) -> _Waiting:
        found = self._waiting.get(id(learner))
        if found is None:
            found = self._waiting[id(learner)] = _Waiting(learner)
        return found

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; the caller flushes afterwards."""
        failed = 0
        while not stop.is_set():
            wait_ms = self._every_ms if not failed else BACKOFF_MS[min(failed, len(BACKOFF_MS)) - 1]
            await self._sleep(wait_ms, early=not failed)
            try:
                await self.flush()
                failed = 0
            except Unavailable as gone:
                failed += 1
                self.failures += 1
                log.warning("journal_waits", port=gone.port, facts=self._count, failed=failed)

    async def _sleep(self, wait_ms: int, *, early: bool) -> None:
        if not early:
            await asyncio.sleep(wait_ms / 1_000)
            return
        # No task of its own: `wait_for` would make one five times a second.
        try:
            async with asyncio.timeout(wait_ms / 1_000):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def flush(self) -> None:
        """Write what waits now. Raises Unavailable; then everything still waits, in order."""
        async with self._writing:
            order = list(self._waiting.values())
            for start in range(0, len(order), ITEMS_MAX):
                await self._write(order[start : start + ITEMS_MAX])

    async def _write(self, group: list[_Waiting]) -> None:
        sent = [self._sending(waiting) for waiting in group]
        answers = await self._records.write([one.item for one in sent])
        self.transactions += 1
        for one, answer in zip(sent, answers, strict=True):
            self._forget(one)
            session = one.waiting.learner.session
            if answer.matched:
                self.stored_facts += len(one.item.facts)
                session.stored(one.stretch, one.seq)
            self._written(one.waiting.learner, answer)
        if self._full and self._count < self._facts_max // 2:
            self._full = False
            self._held(False)

    def _sending(self, waiting: _Waiting) -> _Sent:
        session = waiting.learner.session
        now_ms = self._clock.now_ms()
        facts = tuple(waiting.facts)
        state = None
        if waiting.state:
            state = waiting.learner.fresh or session.encoded(now_ms)
            waiting.learner.state_ms = now_ms
        item = SeatWrite(
            learner_id=session.learner_id, lesson_id=session.lesson_id, fence=session.fence,
            first=waiting.learner.stored_facts, facts=facts, state=state, at_ms=self._clock.redis_ms(now_ms),
            position_ms=session.position_ms if facts else None,
        )  # fmt: skip
        stretch = 0
        if facts:
            stretch = max((fact.stretch for fact in facts if isinstance(fact, Credited)), default=0)
        return _Sent(waiting, item, session.seq if state is not None else 0, stretch)

    def _forget(self, sent: _Sent) -> None:
        """What came in meanwhile stays for the next transaction."""
        waiting = sent.waiting
        del waiting.facts[: len(sent.item.facts)]
        waiting.learner.stored_facts += len(sent.item.facts)
        self._count -= len(sent.item.facts)
        if sent.item.state is not None:
            waiting.state = bool(waiting.facts)
        if not waiting.facts and not waiting.state:
            self._waiting.pop(id(waiting.learner), None)
