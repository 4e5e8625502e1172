"""`faces.enrolling.EnrolmentRecords` in SQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from sqlalchemy import func, insert, select, update

from proctor.adapters.face_keys import SqlFaceKeys, key_id_of
from proctor.adapters.sql_database import SqlDatabase
from proctor.errors import Refused
from proctor.faces.enrolling import Measured, Waiting
from proctor.modules.accounts.tables import accounts
from proctor.modules.identity import approving
from proctor.modules.identity.rules import DUPLICATE_MIN, State, pair
from proctor.modules.identity.tables import duplicate_flags
from proctor.modules.identity.tables import enrolment_history as history
from proctor.modules.privacy.tables import consents, enrolments
from proctor.modules.study.ledger import lock_seat
from proctor.ports import Vault, Word

FIELD = "enrolment.template"
TAKEN_MS = 60_000  # a desk that died lets its photo go after so long
BATCH = 400  # templates opened at once
ALIKE_MAX = 5  # flags of one photo: more says something about the photo


class SqlEnrolments:
    def __init__(
        self, db: SqlDatabase, keys: SqlFaceKeys, vault: Vault, now_ms: Callable[[], int] | None = None
    ) -> None:
        self._db, self._keys, self._vault = db, keys, vault
        self._now_ms = now_ms or (lambda: time.time_ns() // 1_000_000)

    async def waiting(self) -> Waiting | None:
        now_ms = self._now_ms()
        free = (history.c.state == State.RECEIVED, history.c.taken_ms < now_ms - TAKEN_MS)
        names = ("learner_id", "institution_id", "evidence_id")
        found = select(history.c.id.label("number"), *(history.c[name] for name in names)).where(*free)
        found = found.order_by(history.c.id).limit(1)
        # Mostly nobody waits: a read finds that out without anybody's write lock.
        async with self._db.read() as conn:
            if (await conn.execute(found)).first() is None:
                return None
        async with self._db.write() as conn:
            row = (await conn.execute(found.with_for_update(skip_locked=True))).mappings().one_or_none()
            if row is None:
                return None
            await conn.execute(update(history).where(history.c.id == row["number"]).values(taken_ms=now_ms))
        return Waiting(**row)

    async def looked(self, waiting: Waiting, found: Measured, model: str) -> None:
        sealed = None
        if found.template is not None:
            key = await self._keys.sealing(learner_id=waiting.learner_id, kind="enrolment")
            sealed = key.seal(np.asarray(found.template, "<f4").tobytes(), FIELD)
        async with self._db.write() as conn:
            await lock_seat(conn, waiting.learner_id)
            used = await approving.in_use(conn, waiting.learner_id) == waiting.evidence_id
            # A first capture was good enough for checks: it is in use, and a person judges its looks.
            state = State.UNUSABLE if found.problem and not used else State.PENDING
            values = {
                "state": str(state), "problem": found.problem, "model": model,
                "quality": msgspec.json.encode(found.quality).decode(),
                # What is in use has its template there; history keeps none.
                "template_sealed": sealed if state is State.PENDING and not used else None,
            }  # fmt: skip
            # Withdrawn or replaced meanwhile: then nothing of it is stored.
            mine = (history.c.id == waiting.number, history.c.state == State.RECEIVED)
            await conn.execute(update(history).where(*mine).values(**values))

    async def flag_alike(self, waiting: Waiting, template: np.ndarray, model: str) -> int:
        found: list[tuple[float, int]] = []
        last = 0
        while rows := await self._templates(waiting, model, last):
            last = rows[-1][0]
            found += await asyncio.to_thread(self._compare, rows, await self._opened(rows), template)
        worst = sorted(found, reverse=True)[:ALIKE_MAX]
        if not worst:
            return 0
        async with self._db.write() as conn:
            new = [await self._flag(conn, waiting, other, score, model) for score, other in worst]
        return sum(new)

    async def _templates(self, waiting: Waiting, model: str, last: int) -> Sequence[tuple[int, bytes]]:
        """Learner and sealed template, the next BATCH of the institution."""
        statement = (
            select(enrolments.c.learner_id, enrolments.c.template_sealed)
            .join(accounts, accounts.c.id == enrolments.c.learner_id)
            .where(
                accounts.c.institution_id == waiting.institution_id, enrolments.c.model == model,
                enrolments.c.template_sealed.is_not(None), enrolments.c.learner_id > last,
                enrolments.c.learner_id != waiting.learner_id,
            )
            .order_by(enrolments.c.learner_id)
            .limit(BATCH)
        )  # fmt: skip
        async with self._db.read() as conn:
            return [(learner, bytes(sealed)) for learner, sealed in (await conn.execute(statement)).all()]

    async def _opened(self, rows: Sequence[tuple[int, bytes]]) -> dict:
        return await self._keys.many([key_id_of(sealed) for _learner, sealed in rows])

    @staticmethod
    def _compare(rows: Sequence[tuple[int, bytes]], keys: dict, template: np.ndarray) -> list[tuple[float, int]]:
        """Those that are alike. In a thread; nothing of a template outlives it."""
        vectors, learners = [], []
        for learner, sealed in rows:
            key = keys.get(key_id_of(sealed))
            if key is not None:  # else it was erased a moment ago
                vectors.append(np.frombuffer(key.open(sealed, FIELD), "<f4"))
                learners.append(learner)
        if not vectors:
            return []
        scores = np.stack(vectors) @ np.asarray(template, np.float32)
        return [(float(score), who) for score, who in zip(scores, learners, strict=True) if score >= DUPLICATE_MIN]

    async def _flag(self, conn, waiting: Waiting, other: int, score: float, model: str) -> bool:
        one, two = pair(waiting.learner_id, other)
        known = select(duplicate_flags.c.id).where(
            duplicate_flags.c.learner_id == one, duplicate_flags.c.other_id == two
        )
        if (await conn.execute(known)).first() is not None:
            return False  # also one that a person settled: nobody is asked twice
        row = insert(duplicate_flags).values(
            institution_id=waiting.institution_id, learner_id=one, other_id=two, score=round(score, 4), model=model,
            opened_ms=self._now_ms(),
        )  # fmt: skip
        await conn.execute(row)
        return True

    async def claimed(self, waiting: Waiting, *, passes_on: bool) -> tuple[str, str] | None:
        names = (accounts.c.name_sealed, accounts.c.id_number_sealed)
        async with self._db.read() as conn:
            row = (await conn.execute(select(*names).where(accounts.c.id == waiting.learner_id))).one()
            if not row.id_number_sealed or (passes_on and not await _agreed(conn, waiting.learner_id)):
                return None
        name = self._vault.open(row.name_sealed, field="account.name")
        return name, self._vault.open(row.id_number_sealed, field="account.id_number")

    async def answered(self, waiting: Waiting, word: Word, authority: str) -> None:
        """The word stands in the record; "same" approves, unless something changed meanwhile or two accounts look
        alike: then a person decides all the same."""
        now_ms = self._now_ms()
        async with self._db.write() as conn:
            await lock_seat(conn, waiting.learner_id)
            mine = history.c.id == waiting.number
            said = {"authority": word, "authority_name": authority[:64]}
            await conn.execute(update(history).where(mine).values(**said))
            if word != "same" or await _alike(conn, waiting.learner_id):
                return
            row = (await conn.execute(select(history).where(mine))).one()
            try:
                await approving.approve(conn, row, by=0, reason="", now_ms=now_ms)
            except Refused:
                return


async def _agreed(conn, learner_id: int) -> bool:
    """Whether the learner agreed that identity and photo are passed on."""
    newest = (
        select(consents.c.choice)
        .where(consents.c.learner_id == learner_id, consents.c.purpose == "province")
        .order_by(consents.c.id.desc())
        .limit(1)
    )
    return (await conn.execute(newest)).scalar_one_or_none() == "given"


async def _alike(conn, learner_id: int) -> bool:
    mine = (duplicate_flags.c.learner_id == learner_id) | (duplicate_flags.c.other_id == learner_id)
    statement = select(func.count()).select_from(duplicate_flags).where(mine, duplicate_flags.c.state == "open")
    return (await conn.execute(statement)).scalar_one() > 0
