"""Keeping leases alive and sessions durable: about once a second, many learners in one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from proctor.errors import Unavailable
from proctor.live.learner import Learner
from proctor.ports import Clock, Leases, LeaseSync

log = structlog.get_logger("leases")

SCAN_EVERY_MS = 5_000  # half of the time after which a lease is renewed, a sixth of its life


class LeaseKeeper:
    """Renews what is due and stores what changed. `lost(learner)`: a newer fence exists."""

    def __init__(
        self, leases: Leases, clock: Clock, *, every_ms: int, lost: Callable[[Learner], None],
        gone: Callable[[], None],
    ) -> None:  # fmt: skip
        self._leases = leases
        self._clock = clock
        self._every_ms = every_ms
        self._lost = lost
        self._gone = gone
        self._marked: dict[Learner, None] = {}  # in the order of their change
        self._scan_ms = 0
        self._one_call = asyncio.Lock()  # a call that comes home late must not revive what was released meanwhile
        self.failures = 0
        self.bytes_max = 0

    def mark(self, learner: Learner) -> None:
        """This session has changed: it is stored with the next call."""
        self._marked[learner] = None

    async def run(self, stop: asyncio.Event, learners: Callable[[], Iterable[Learner]]) -> None:
        while not stop.is_set():
            await asyncio.sleep(self._every_ms / 1_000)
            try:
                async with self._one_call:
                    await self._sync(self._due(learners))
            except Unavailable as error:
                # Nothing becomes durable: players see it in their acks and pause themselves in time.
                self.failures += 1
                self._gone()
                log.warning("leases_wait", port=error.port, failures=self.failures)

    def _due(self, learners: Callable[[], Iterable[Learner]]) -> list[Learner]:
        """Who has changed; and now and then everybody is looked at, for leases that only want renewal."""
        now_ms = self._clock.now_ms()
        marked, self._marked = self._marked, {}
        if now_ms >= self._scan_ms:
            self._scan_ms = now_ms + SCAN_EVERY_MS
            marked |= {one: None for one in learners() if now_ms - one.renewed_ms >= one.claim.lease_ms // 3}
        return [one for one in marked if not one.over]

    async def sync(self, learners: list[Learner]) -> None:
        """Now, whatever is due. Raises Unavailable; then the sessions still count as changed."""
        async with self._one_call:
            await self._sync(learners)

    async def _sync(self, learners: list[Learner]) -> None:
        if not learners:
            return
        now_ms = self._clock.now_ms()
        items, seqs = [], []
        for one in learners:
            session = one.session
            # A lease that only wants renewal brings its snapshot, too: the store may have forgotten it.
            data = one.fresh or session.encoded(now_ms)
            session.changed = False
            self.bytes_max = max(self.bytes_max, len(data or b""))
            seqs.append(session.seq)
            items.append(
                LeaseSync(
                    learner_id=session.learner_id, fence=session.fence, holder=one.holder,
                    lease_ms=one.claim.lease_ms, snapshot=data,
                )
            )  # fmt: skip
        try:
            held, redis_ms = await self._leases.sync(items)
        except Unavailable:
            for one, item in zip(learners, items, strict=True):
                one.session.changed = one.session.changed or item.snapshot is not None
            self._marked |= dict.fromkeys(learners)
            raise
        self._clock.observe(redis_ms)
        for one, seq, mine in zip(learners, seqs, held, strict=True):
            if mine:
                one.renewed_ms = now_ms
                one.session.durable_seq = max(one.session.durable_seq, seq)
            elif not one.session.lost:
                self._lost(one)
