"""`faces.records.FaceRecords` in SQL: templates sealed, bursts entered, passed pictures released.

Each look and each batch is one piece of work for one thread: with the asynchronous driver the way to its thread and
back cost a worker as much as the statements did.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import msgspec
import numpy as np
from sqlalchemy import insert, select, update

from proctor.adapters.face_keys import key_id_of
from proctor.adapters.sql_rush import SqlRush
from proctor.adapters.sql_traces import SqlTraces
from proctor.core.facts import Outcome
from proctor.errors import Refused
from proctor.faces.records import Judged
from proctor.faces.replay import Trace
from proctor.modules.identity import approving
from proctor.modules.privacy.tables import consents, enrolments, evidence, face_keys
from proctor.modules.study.ledger import lock_seat
from proctor.modules.study.tables import bursts
from proctor.ports import Evidence, FaceJob, FaceKeys

FIELD = "enrolment.template"
CUES_CHARS_MAX = 200
PHOTO_YEARS_MS = 3 * 365 * 86_400_000  # an enrolment goes with its consent or its account, at the latest then


class SqlFaces:
    """Templates are stored as 128 little-endian float32, sealed with the learner's own key."""

    def __init__(self, db: SqlRush, keys: FaceKeys, blobs: Evidence, *, traces_max: int = 60) -> None:
        self._db = db
        self._keys = keys
        self._blobs = blobs
        self._traces = SqlTraces(db, keys, bursts_max=traces_max)

    async def consented(self, learner_id: int) -> bool:
        return await self._db.read_in_one(lambda conn: _consented(conn, learner_id))

    async def _enrolment(self, learner_id: int):
        statement = select(enrolments).where(enrolments.c.learner_id == learner_id)

        async def work(conn):
            return (await conn.execute(statement)).one_or_none()

        return await self._db.read_in_one(work)

    async def template(self, learner_id: int, model: str) -> np.ndarray | None:
        row = await self._enrolment(learner_id)
        if row is None or row.model != model or row.template_sealed is None:
            return None
        sealed = bytes(row.template_sealed)
        try:
            return np.frombuffer((await self._keys.opening(sealed)).open(sealed, FIELD), "<f4")
        except Refused:
            return None  # its key was erased a moment ago

    async def photo(self, learner_id: int) -> tuple[str, bytes] | None:
        row = await self._enrolment(learner_id)
        if row is None:
            return None
        try:
            blob = await self._blobs.get(row.evidence_id)
            return row.evidence_id, msgspec.msgpack.decode(blob, type=list[bytes])[0]
        except Refused:
            return None

    async def set_template(self, learner_id: int, evidence_id: str, template: np.ndarray, model: str) -> None:
        sealed = await self._sealed(learner_id, template)
        async with self._db.write() as conn:
            # Another photo may have been approved meanwhile: it must not get the template of this one.
            where = (enrolments.c.learner_id == learner_id, enrolments.c.evidence_id == evidence_id)
            await conn.execute(update(enrolments).where(*where).values(template_sealed=sealed, model=model))

    async def _sealed(self, learner_id: int, template: np.ndarray) -> bytes:
        key = await self._keys.sealing(learner_id=learner_id, kind="enrolment")
        return key.seal(np.asarray(template, "<f4").tobytes(), FIELD)

    async def enrol(self, job: FaceJob, template: np.ndarray, model: str, photo: bytes) -> bool:
        if await self._db.read_in_one(lambda conn: _no_first_capture(conn, job.learner_id)):
            return False
        blob = msgspec.msgpack.encode([photo])
        evidence_id = await self._blobs.put(
            blob, kind="enrolment", institution_id=job.institution_id, learner_id=job.learner_id
        )
        now_ms = time.time_ns() // 1_000_000
        stored = False
        try:
            sealed = await self._sealed(job.learner_id, template)
            stored = await self._store_enrolment(job, sealed, model, evidence_id, blob, now_ms)
        finally:
            if not stored:
                # No register knows this picture: nothing else would ever delete it.
                await self._blobs.delete(evidence_id)
        return stored

    async def _store_enrolment(
        self, job: FaceJob, sealed: bytes, model: str, evidence_id: str, blob: bytes, now_ms: int
    ) -> bool:
        async with self._db.write() as conn:
            # Consent may be withdrawn while the burst is judged: nothing of the face is kept then. Who withdraws
            # locks the seat as well, so this look holds until the enrolment stands.
            await lock_seat(conn, job.learner_id)
            key = select(face_keys.c.key_sealed).where(face_keys.c.id == key_id_of(sealed))
            if not await _consented(conn, job.learner_id) or (await conn.execute(key)).scalar_one() is None:
                return False
            if await _no_first_capture(conn, job.learner_id):
                return False
            await conn.execute(
                insert(enrolments).values(
                    learner_id=job.learner_id, model=model, template_sealed=sealed, evidence_id=evidence_id,
                    source="first_capture", created_ms=now_ms,
                )
            )  # fmt: skip
            await approving.enter(
                conn, institution_id=job.institution_id, learner_id=job.learner_id, source="first_capture",
                evidence_id=evidence_id, by=job.learner_id, now_ms=now_ms,
            )  # fmt: skip
            await conn.execute(
                insert(evidence).values(
                    id=evidence_id, institution_id=job.institution_id, learner_id=job.learner_id, kind="enrolment",
                    check_id=job.check_id, sha256=hashlib.sha256(blob).hexdigest(), created_ms=now_ms,
                    delete_after_ms=now_ms + PHOTO_YEARS_MS,
                )
            )  # fmt: skip
        return True

    async def earlier(self, job: FaceJob, model: str) -> Sequence[Trace]:
        return await self._traces.earlier(job, model)

    async def judged(self, done: Sequence[Judged]) -> None:
        now_ms = time.time_ns() // 1_000_000
        sealed = await self._traces.sealed(done)

        async def work(conn) -> None:
            # Seats are locked in the order in which the journal locks them.
            for one in sorted(done, key=lambda one: one.job.learner_id):
                await _enter(conn, one, now_ms)
                traces = sealed.get((one.job.check_id, one.job.try_number))
                if traces is not None:
                    await lock_seat(conn, one.job.learner_id)
                    if await _consented(conn, one.job.learner_id):
                        await self._traces.keep(conn, one, traces, now_ms)

        await self._db.in_one(work)


async def _enter(conn, one: Judged, now_ms: int) -> None:
    job, verdict = one.job, one.verdict
    key = (bursts.c.check_id == job.check_id, bursts.c.try_number == job.try_number)
    if (await conn.execute(select(bursts.c.check_id).where(*key))).first() is None:
        await conn.execute(
            insert(bursts).values(
                check_id=job.check_id, try_number=job.try_number, learner_id=job.learner_id,
                outcome=str(verdict.outcome), detail=verdict.detail[:64], score=verdict.score,
                threshold=verdict.threshold, model=verdict.model, frames=verdict.frames, source=verdict.source,
                evidence_id=job.evidence_id, accepted_ms=job.accepted_redis_ms, judged_ms=now_ms, way=str(job.way),
                cues=" ".join(verdict.cues)[:CUES_CHARS_MAX], precision=verdict.precision[:8],
                active_next=verdict.active_next, version=verdict.version[:48],
            )
        )  # fmt: skip
    if verdict.outcome in (Outcome.PASSED, Outcome.OUR_FAULT) or verdict.detail == "no_consent":
        # Nobody needs these pictures any more: the next sweep deletes them. Others go when their check is decided.
        where = (evidence.c.id == job.evidence_id, evidence.c.held.is_(False))
        await conn.execute(update(evidence).where(*where).values(delete_after_ms=now_ms))


async def _no_first_capture(conn, learner_id: int) -> bool:
    """Whether no check takes a photo of this learner by itself."""
    return (await conn.execute(approving.no_first_capture([learner_id]))).first() is not None


async def _consented(conn, learner_id: int) -> bool:
    newest = (
        select(consents.c.choice)
        .where(consents.c.learner_id == learner_id, consents.c.purpose == "face_check")
        .order_by(consents.c.id.desc())
        .limit(1)
    )
    return (await conn.execute(newest)).scalar_one_or_none() == "given"
