"""`faces.records.FaceRecords` in SQL: templates sealed, bursts entered, passed pictures released."""

from __future__ import annotations

import hashlib
import time

import msgspec
import numpy as np
from sqlalchemy import insert, select, update

from proctor.adapters.sql_database import SqlDatabase
from proctor.adapters.vault import AesVault
from proctor.core.facts import Outcome
from proctor.core.inputs import Verdict
from proctor.errors import Refused
from proctor.modules.privacy.tables import consents, enrolments, evidence
from proctor.modules.study.ledger import lock_seat
from proctor.modules.study.tables import bursts
from proctor.ports import Evidence, FaceJob

FIELD = "enrolment.template"
PHOTO_YEARS_MS = 3 * 365 * 86_400_000  # an enrolment goes with its consent or its account, at the latest then


class SqlFaces:
    """Templates are stored as 128 little-endian float32, sealed by the vault."""

    def __init__(self, db: SqlDatabase, vault: AesVault, blobs: Evidence) -> None:
        self._db = db
        self._vault = vault
        self._blobs = blobs

    async def consented(self, learner_id: int) -> bool:
        async with self._db.read() as conn:
            return await _consented(conn, learner_id)

    async def _enrolment(self, learner_id: int):
        async with self._db.read() as conn:
            statement = select(enrolments).where(enrolments.c.learner_id == learner_id)
            return (await conn.execute(statement)).one_or_none()

    async def template(self, learner_id: int, model: str) -> np.ndarray | None:
        row = await self._enrolment(learner_id)
        if row is None or row.model != model or row.template_sealed is None:
            return None
        return np.frombuffer(self._vault.open_bytes(bytes(row.template_sealed), field=FIELD), "<f4")

    async def photo(self, learner_id: int) -> bytes | None:
        row = await self._enrolment(learner_id)
        if row is None:
            return None
        try:
            return msgspec.msgpack.decode(await self._blobs.get(row.evidence_id), type=list[bytes])[0]
        except Refused:
            return None

    async def set_template(self, learner_id: int, template: np.ndarray, model: str) -> None:
        sealed = self._vault.seal_bytes(np.asarray(template, "<f4").tobytes(), field=FIELD)
        async with self._db.write() as conn:
            where = enrolments.c.learner_id == learner_id
            await conn.execute(update(enrolments).where(where).values(template_sealed=sealed, model=model))

    async def enrol(self, job: FaceJob, template: np.ndarray, model: str, photo: bytes) -> bool:
        if await self._enrolment(job.learner_id) is not None:
            return False
        blob = msgspec.msgpack.encode([photo])
        evidence_id = await self._blobs.put(
            blob, kind="enrolment", institution_id=job.institution_id, learner_id=job.learner_id
        )
        now_ms = time.time_ns() // 1_000_000
        stored = False
        try:
            stored = await self._store_enrolment(job, template, model, evidence_id, blob, now_ms)
        finally:
            if not stored:
                # No register knows this picture: nothing else would ever delete it.
                await self._blobs.delete(evidence_id)
        return stored

    async def _store_enrolment(
        self, job: FaceJob, template: np.ndarray, model: str, evidence_id: str, blob: bytes, now_ms: int
    ) -> bool:
        async with self._db.write() as conn:
            known = select(enrolments.c.learner_id).where(enrolments.c.learner_id == job.learner_id)
            # Consent may be withdrawn while the burst is judged: nothing of the face is kept then. Who withdraws
            # locks the seat as well, so this look holds until the enrolment stands.
            await lock_seat(conn, job.learner_id)
            if not await _consented(conn, job.learner_id):
                return False
            if (await conn.execute(known)).first() is not None:
                return False
            sealed = self._vault.seal_bytes(np.asarray(template, "<f4").tobytes(), field=FIELD)
            await conn.execute(
                insert(enrolments).values(
                    learner_id=job.learner_id, model=model, template_sealed=sealed, evidence_id=evidence_id,
                    source="first_capture", created_ms=now_ms,
                )
            )  # fmt: skip
            await conn.execute(
                insert(evidence).values(
                    id=evidence_id, institution_id=job.institution_id, learner_id=job.learner_id, kind="enrolment",
                    check_id=job.check_id, sha256=hashlib.sha256(blob).hexdigest(), created_ms=now_ms,
                    delete_after_ms=now_ms + PHOTO_YEARS_MS,
                )
            )  # fmt: skip
        return True

    async def judged(self, job: FaceJob, verdict: Verdict) -> None:
        now_ms = time.time_ns() // 1_000_000
        key = (bursts.c.check_id == job.check_id, bursts.c.try_number == job.try_number)
        async with self._db.write() as conn:
            if (await conn.execute(select(bursts.c.check_id).where(*key))).first() is None:
                await conn.execute(
                    insert(bursts).values(
                        check_id=job.check_id, try_number=job.try_number, learner_id=job.learner_id,
                        outcome=str(verdict.outcome), detail=verdict.detail[:64], score=verdict.score,
                        threshold=verdict.threshold, model=verdict.model, frames=verdict.frames,
                        source=verdict.source, evidence_id=job.evidence_id, accepted_ms=job.accepted_redis_ms,
                        judged_ms=now_ms,
                    )
                )  # fmt: skip
            if verdict.outcome is Outcome.PASSED or verdict.detail == "no_consent":
                # Nobody needs these pictures any more: the next sweep deletes them.
                where = (evidence.c.id == job.evidence_id, evidence.c.held.is_(False))
                await conn.execute(update(evidence).where(*where).values(delete_after_ms=now_ms))


async def _consented(conn, learner_id: int) -> bool:
    newest = (
        select(consents.c.choice)
        .where(consents.c.learner_id == learner_id, consents.c.purpose == "face_check")
        .order_by(consents.c.id.desc())
        .limit(1)
    )
    return (await conn.execute(newest)).scalar_one_or_none() == "given"
