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
            if turn % SLOW_EVERY == 0:
                for work in (self.end_enrolments, self.end_traces, self.end_refused, self._count):
                    await self._try(work, now_ms)
            await self._try(self.sweep, now_ms)
            turn += 1
            try:
                await asyncio.wait_for(stop.wait(), EVERY_S)
            except TimeoutError:
                pass

    async def _try(self, work: Callable[[int], Awaitable], now_ms: int) -> None:
        """Nobody waits for this task: whatever goes wrong is logged, and the rest goes on."""
        try:
            await work(now_ms)
        except Unavailable as gone:
            log.warning("sweep_waits", port=gone.port)
        except Exception as error:
            log.error("sweep_failed", work=work.__name__, error=type(error).__name__, exc_info=error)

    async def sweep(self, now_ms: int) -> int:
        """Delete what is due, then certify what is gone; returns how many blobs. The blob goes first: the register
        must not forget a picture.

        All of one batch is one transaction: a case that claims a picture meanwhile waits, or is seen and keeps it.
        A picture or a certificate that fails keeps none of the others; the first failure is raised at the end.
        """
        failed: list[Exception] = []
        try:
            await self._ask(erasing.left_over, "left_over", now_ms)
        except Unavailable:
            raise
        except Exception as error:
            failed.append(error)
        count = 0
        while deleted := await self._delete_due(now_ms, failed):
            count += deleted
            log.info("evidence_deleted", count=deleted)
        await self._certify(now_ms, failed)
        if self._owes_scrub:
            self._owes_scrub = not await self._db.scrub()
        if failed:
            raise failed[0]
        return count

    async def _delete_due(self, now_ms: int, failed: list[Exception]) -> int:
        async with self._db.write() as conn:
            due = await retaining.due_evidence(conn, now_ms, self._times)
            gone = {}
            for evidence_id, why in due.items():
                try:
                    await self._evidence.delete(evidence_id)
                    gone[evidence_id] = why
                except Exception as error:
                    failed.append(error)
            await retaining.evidence_deleted(conn, gone, now_ms)
        if len(gone) < len(due):
            log.error("evidence_not_deleted", count=len(due) - len(gone), error=type(failed[-1]).__name__)
        return len(gone)

    async def _certify(self, now_ms: int, failed: list[Exception]) -> None:
        async with self._db.write() as conn:
            for erasure_id in await erasing.open_erasures(conn):
                try:
                    async with conn.begin_nested():
                        await erasing.certify(conn, self._vault, self._signer, erasure_id, now_ms)
                except (AssertionError, ValueError, LookupError) as error:
                    # A damaged name, say. What SQL itself refuses ends the transaction, and is raised.
                    log.error("not_certified", erasure=erasure_id, error=type(error).__name__, exc_info=error)
                    failed.append(error)
                else:
                    self._owes_scrub = True

    async def end_enrolments(self, now_ms: int) -> None:
        """Whose classes are over for long enough is forgotten; the certificate waits for the learner."""

        async def found(conn):
            return await retaining.ended_enrolments(conn, now_ms, self._times)

        await self._ask(found, "enrolment_end", now_ms)

    async def end_refused(self, now_ms: int) -> None:
        """What came in as somebody said no for the first time."""
        await self._ask(erasing.never_asked, "left_over", now_ms)

    async def _count(self, now_ms: int) -> None:
        await counting.watch(self._db, now_ms)

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
