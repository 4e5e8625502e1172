"""The deletion timer: pictures whose time is over go, also when nobody asks, and what was forgotten is certified."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from proctor.errors import Unavailable
from proctor.modules.privacy import counting, erasing, retaining, traces
from proctor.modules.privacy.clocks import Times
from proctor.ports import Database, Evidence, Signer, Vault

log = structlog.get_logger("retention")

EVERY_S = 30.0
SLOW_EVERY = 40  # sweeps between looks at whose classes are over and how many persons are stored: twenty minutes


class Sweeper:
    """One pass at a time; several processes may sweep at once: deleting twice is no error."""

    def __init__(self, db: Database, evidence: Evidence, vault: Vault, signer: Signer, times: Times) -> None:
        self._db = db
        self._evidence = evidence
        self._vault = vault
        self._signer = signer
        self._times = times
        self._owes_scrub = True  # whatever an earlier process erased and did not come to scrub

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until `stop`."""
        turn = 0
        while not stop.is_set():
            now_ms = time.time_ns() // 1_000_000
            try:
                if turn % SLOW_EVERY == 0:
                    await self.end_enrolments(now_ms)
                    await self.end_traces(now_ms)
                    await self.end_refused(now_ms)
                    await counting.watch(self._db, now_ms)
                await self.sweep(now_ms)
            except Unavailable as gone:
                log.warning("sweep_waits", port=gone.port)
            turn += 1
            try:
                await asyncio.wait_for(stop.wait(), EVERY_S)
            except TimeoutError:
                pass

    async def sweep(self, now_ms: int) -> int:
        """Delete what is due, then certify what is gone; returns how many blobs. The blob goes first: the register
        must not forget a picture.

        All of one batch is one transaction: a case that claims a picture meanwhile waits, or is seen and keeps it.
        """
        await self._ask(erasing.left_over, "left_over", now_ms)
        count = 0
        while True:
            async with self._db.write() as conn:
                due = await retaining.due_evidence(conn, now_ms, self._times)
                for evidence_id in due:
                    await self._evidence.delete(evidence_id)
                await retaining.evidence_deleted(conn, due, now_ms)
            if not due:
                break
            count += len(due)
            log.info("evidence_deleted", count=len(due))
        async with self._db.write() as conn:
            for erasure_id in await erasing.open_erasures(conn):
                await erasing.certify(conn, self._vault, self._signer, erasure_id, now_ms)
                self._owes_scrub = True
        if self._owes_scrub:
            self._owes_scrub = not await self._db.scrub()
        return count

    async def end_enrolments(self, now_ms: int) -> None:
        """Whose classes are over for long enough is forgotten; the certificate waits for the learner."""

        async def found(conn):
            return await retaining.ended_enrolments(conn, now_ms, self._times)

        await self._ask(found, "enrolment_end", now_ms)

    async def end_refused(self, now_ms: int) -> None:
        """What came in as somebody said no for the first time."""
        await self._ask(erasing.never_asked, "left_over", now_ms)

    async def end_traces(self, now_ms: int) -> None:
        async with self._db.write() as conn:
            await traces.forget_traces(conn, now_ms - self._times.trace_ms)

    async def _ask(self, find: Callable[..., Awaitable], why: str, now_ms: int) -> None:
        async with self._db.read() as conn:
            found = await find(conn)
        for institution_id, learner_id in found:
            async with self._db.write() as conn:
                await erasing.ask_erasure(
                    conn, institution_id=institution_id, learner_id=learner_id, why=why, asked_by=0, now_ms=now_ms
                )
