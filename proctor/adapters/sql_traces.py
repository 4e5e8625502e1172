"""Traces of a learner's earlier bursts in SQL: sealed with the learner's own key, bounded, never without consent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import delete, insert, select

from proctor.adapters.face_keys import key_id_of
from proctor.adapters.sql_rush import SqlRush
from proctor.errors import Refused
from proctor.faces.records import Judged
from proctor.faces.replay import Trace
from proctor.modules.privacy.tables import face_keys, face_traces
from proctor.ports import FaceJob, FaceKey, FaceKeys

KIND = "enrolment"  # erased with the template: both say whose face it is
FIELD = "face_traces.sealed"
_encode = msgspec.msgpack.Encoder().encode
_traces = msgspec.msgpack.Decoder(tuple[Trace, ...])


class SqlTraces:
    """`bursts_max`: of one learner; the oldest make room."""

    def __init__(self, db: SqlRush, keys: FaceKeys, *, bursts_max: int) -> None:
        self._db = db
        self._keys = keys
        self._bursts_max = bursts_max

    async def earlier(self, job: FaceJob, model: str) -> list[Trace]:
        """Of all bursts but this one, the newest first. Those that no key opens any more are none."""
        mine = (
            select(face_traces.c.check_id, face_traces.c.try_number, face_traces.c.sealed)
            .where(face_traces.c.learner_id == job.learner_id, face_traces.c.model == model)
            .order_by(face_traces.c.id.desc())
            .limit(self._bursts_max)
        )

        async def work(conn):
            return (await conn.execute(mine)).all()

        rows = await self._db.read_in_one(work)
        found: list[Trace] = []
        keys: dict[str, FaceKey] = {}
        for row in rows:
            if (row.check_id, row.try_number) == (job.check_id, job.try_number):
                continue
            sealed = bytes(row.sealed)
            key_id = key_id_of(sealed)
            try:
                key = keys[key_id] = keys.get(key_id) or await self._keys.opening(sealed)
            except Refused:
                continue
            found += _traces.decode(key.open(sealed, FIELD))
        return found

    async def sealed(self, done: Sequence[Judged]) -> Mapping[tuple[str, int], bytes]:
        """By check and try, of those bursts that left traces."""
        some = [one for one in done if one.traces]
        keys = await asyncio.gather(
            *(self._keys.sealing(learner_id=one.job.learner_id, kind=KIND) for one in some)
        )
        return {
            (one.job.check_id, one.job.try_number): key.seal(_encode(one.traces), FIELD)
            for one, key in zip(some, keys, strict=True)
        }

    async def keep(self, conn, one: Judged, sealed: bytes, now_ms: int) -> None:
        """Enter the traces of one burst. The caller has locked the learner's seat and looked at the consent."""
        key = select(face_keys.c.key_sealed).where(face_keys.c.id == key_id_of(sealed))
        known = select(face_traces.c.id).where(
            face_traces.c.check_id == one.job.check_id, face_traces.c.try_number == one.job.try_number
        )
        erased = (await conn.execute(key)).scalar_one_or_none() is None
        if erased or (await conn.execute(known)).first() is not None:
            return
        await conn.execute(
            insert(face_traces).values(
                learner_id=one.job.learner_id, check_id=one.job.check_id, try_number=one.job.try_number,
                model=one.verdict.model, sealed=sealed, at_ms=now_ms,
            )
        )  # fmt: skip
        mine = face_traces.c.learner_id == one.job.learner_id
        oldest = select(face_traces.c.id).where(mine).order_by(face_traces.c.id.desc()).offset(self._bursts_max)
        first = (await conn.execute(oldest.limit(1))).scalar_one_or_none()
        if first is not None:
            await conn.execute(delete(face_traces).where(mine, face_traces.c.id <= first))
