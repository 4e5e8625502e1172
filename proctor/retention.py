"""The deletion timer: pictures whose time is over go, also when nobody asks."""

from __future__ import annotations

import asyncio
import time

import structlog

from proctor.errors import Unavailable
from proctor.modules.privacy import service as privacy
from proctor.ports import Database, Evidence

log = structlog.get_logger("retention")

EVERY_S = 30.0


async def run(db: Database, evidence: Evidence, *, case_days: int, stop: asyncio.Event) -> None:
    """Sweep until `stop`. Several processes may do it at once: deleting twice is no error."""
    while not stop.is_set():
        try:
            await sweep(db, evidence, now_ms=time.time_ns() // 1_000_000, case_days=case_days)
        except Unavailable as gone:
            log.warning("sweep_waits", port=gone.port)
        try:
            await asyncio.wait_for(stop.wait(), EVERY_S)
        except TimeoutError:
            pass


async def sweep(db: Database, evidence: Evidence, *, now_ms: int, case_days: int) -> int:
    """Delete what is due; returns how many. The blob goes first: the register must not forget a picture.

    All of it is one transaction: a case that claims a picture meanwhile waits, or is seen and keeps it.
    """
    count = 0
    while True:
        async with db.write() as conn:
            ids = await privacy.due_evidence(conn, now_ms, case_ms=case_days * 86_400_000)
            for evidence_id in ids:
                await evidence.delete(evidence_id)
            await privacy.evidence_deleted(conn, ids, now_ms)
        if not ids:
            return count
        count += len(ids)
        log.info("evidence_deleted", count=len(ids))
