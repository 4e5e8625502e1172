"""A gateway in which every beat makes a snapshot of its own: the closed loop of `bench beats`.

In production a learner's snapshot is written about once a second, which at one beat each ten seconds is one for
every beat. A closed loop beats much faster, and coalescing would flatter it: here each beat's snapshot is encoded
at once and goes to the store in the next batch, in order; nothing else differs.
"""

from __future__ import annotations

import asyncio

import structlog

from proctor import compose, logs
from proctor.child import run_until_stopped
from proctor.core import wire
from proctor.errors import Unavailable
from proctor.live.hub import Hub
from proctor.live.learner import Learner
from proctor.ports import LeaseSync
from proctor.settings import load

log = structlog.get_logger("forced")

EVERY_S = 0.02


class ForcedHub(Hub):
    """The hub with a queue of snapshots between beats and store."""

    def __init__(self, *args, **names) -> None:
        super().__init__(*args, **names)
        self._queue: list[tuple[Learner, int, LeaseSync]] = []
        self._writer: asyncio.Task | None = None

    def beat(self, learner: Learner, frame: wire.Beat) -> None:
        super().beat(learner, frame)
        session = learner.session
        session.changed = False
        self._queue.append((learner, session.seq, LeaseSync(
            learner_id=session.learner_id, fence=session.fence, holder=learner.holder,
            lease_ms=learner.claim.lease_ms, snapshot=learner.fresh,
        )))  # fmt: skip
        if self._writer is None:
            self._writer = self.spawn(self._write())

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            batch, self._queue = self._queue, []
            if not batch:
                continue
            try:
                held, _redis_ms = await self.leases.sync([item for _learner, _seq, item in batch])
            except Unavailable as gone:
                # A figure without its snapshots would be no figure: the run ends.
                log.error("forced_snapshots_failed", port=gone.port)
                raise
            self.counts["forced_snapshots"] += len(batch)
            now_ms = self.clock.now_ms()
            for (learner, seq, _item), mine in zip(batch, held, strict=True):
                assert mine
                learner.renewed_ms = now_ms
                learner.session.durable_seq = seq


def main() -> int:
    settings = load()
    logs.set_up("gateway", settings.log_level)
    compose.Hub = ForcedHub  # type: ignore[misc]
    run_until_stopped(lambda stop: compose.gateway(settings, stop))
    return 0
