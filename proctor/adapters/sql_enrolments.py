"""`faces.enrolling.EnrolmentRecords` in SQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import structlog
from sqlalchemy import func, insert, select, update

from proctor.adapters.face_keys import SqlFaceKeys, key_id_of
from proctor.adapters.sql_database import SqlDatabase
from proctor.faces.enrolling import Measured, Waiting
from proctor.faces.models import SFACE
from proctor.modules.accounts.tables import accounts
from proctor.modules.identity import approving
from proctor.modules.identity.rules import OPEN, State, pair
from proctor.modules.identity.tables import duplicate_flags
from proctor.modules.identity.tables import enrolment_history as history
from proctor.modules.privacy.tables import consents, enrolments
from proctor.modules.study.ledger import lock_seat
from proctor.ports import Vault, Word

log = structlog.get_logger("faces")

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

    async def looked(self, waiting: Waiting, found: Measured, model: str) -> bool:
        sealed = None
        if found.template is not None:
            key = await self._keys.sealing(learner_id=waiting.learner_id, kind="enrolment")
            sealed = key.seal(np.asarray(found.template, "<f4").tobytes(), FIELD)
        async with self._db.write() as conn:
            await lock_seat(conn, waiting.learner_id)
            used = await approving.in_use(conn, waiting.learner_id) == waiting.evidence_id
            values = {
                "problem": found.problem, "model": model, "quality": msgspec.json.encode(found.quality).decode(),
                # What is in use has its template there; history keeps none.
                "template_sealed": None if found.problem or used else sealed,
            }  # fmt: skip
            return (await conn.execute(update(history).where(*_mine(waiting)).values(**values))).rowcount == 1

    async def flag_alike(
        self, waiting: Waiting, template: np.ndarray, model: str, alike: float = SFACE.alike
    ) -> int:
        found: dict[int, float] = {}
        for statement in (self._used(waiting, model), self._pending(waiting, model)):
            last = 0
            while rows := await self._templates(statement, last):
                last = rows[-1].key
                for who, score in await self._compare(rows, template, alike):
                    found[who] = max(score, found.get(who, score))
        worst = sorted(((score, who) for who, score in found.items()), reverse=True)[:ALIKE_MAX]
        if not worst:
            return 0
        async with self._db.write() as conn:
            # Two desks may find the same two accounts at one moment: one of them enters the flag.
            ids = [waiting.learner_id, *(who for _score, who in worst)]
            both = select(accounts.c.id).where(accounts.c.id.in_(ids)).order_by(accounts.c.id)
            await conn.execute(both.with_for_update(key_share=True))
            if await _still(conn, waiting) is None:
                return 0  # no score is kept of whoever withdrew while we searched
            new = [await self._flag(conn, waiting, other, score, model) for score, other in worst]
        return sum(new)

    @staticmethod
    def _used(waiting: Waiting, model: str):
        """Templates that checks are compared with now."""
        return (
            select(enrolments.c.learner_id.label("key"), enrolments.c.learner_id, enrolments.c.template_sealed)
            .join(accounts, accounts.c.id == enrolments.c.learner_id)
            .where(
                accounts.c.institution_id == waiting.institution_id, enrolments.c.model == model,
                enrolments.c.template_sealed.is_not(None), enrolments.c.learner_id != waiting.learner_id,
            )
        )  # fmt: skip

    @staticmethod
    def _pending(waiting: Waiting, model: str):
        """Templates of photos that nobody decided about yet: of two accounts that are new, neither is in use."""
        return select(history.c.id.label("key"), history.c.learner_id, history.c.template_sealed).where(
            history.c.institution_id == waiting.institution_id, history.c.state.in_(OPEN), history.c.model == model,
            history.c.template_sealed.is_not(None), history.c.learner_id != waiting.learner_id,
        )  # fmt: skip

    async def _templates(self, statement, last: int) -> Sequence:
        """The next BATCH behind the key `last`."""
        key = statement.selected_columns.key
        async with self._db.read() as conn:
            return (await conn.execute(statement.where(key > last).order_by(key).limit(BATCH))).all()

    async def _compare(self, rows: Sequence, template: np.ndarray, alike: float) -> list[tuple[int, float]]:
        """Who is alike, and how much. Whoever's template is damaged is left out: one must not end every search."""
        sealed: list[tuple[int, str, bytes]] = []
        for row in rows:
            data = bytes(row.template_sealed)
            try:
                sealed.append((row.learner_id, key_id_of(data), data))
            except AssertionError as error:
                log.error("template_altered", learner=row.learner_id, error=str(error))
        keys = await self._keys.many([key_id for _learner, key_id, _data in sealed])
        return await asyncio.to_thread(_alike_of, sealed, keys, np.asarray(template, np.float32), alike)

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
        learner_id = waiting.learner_id
        names = (accounts.c.name_sealed, accounts.c.id_number_sealed)
        async with self._db.read() as conn:
            row = (await conn.execute(select(*names).where(accounts.c.id == learner_id))).one()
            if not row.id_number_sealed or await _still(conn, waiting) is None:
                return None
            if not await _given(conn, learner_id, "face_check"):
                return None
            if passes_on and not await _given(conn, learner_id, "province"):
                return None
        name = self._vault.open(row.name_sealed, field="account.name")
        return name, self._vault.open(row.id_number_sealed, field="account.id_number")

    async def answered(self, waiting: Waiting, word: Word, authority: str) -> None:
        said = {"authority": word, "authority_name": authority[:64]}
        async with self._db.write() as conn:
            await conn.execute(update(history).where(*_mine(waiting)).values(**said))

    async def done(self, waiting: Waiting) -> None:
        async with self._db.write() as conn:
            await lock_seat(conn, waiting.learner_id)
            row = await _still(conn, waiting)
            if row is None:
                return
            used = await approving.in_use(conn, row.learner_id) == row.evidence_id
            # A first capture was good enough for checks: it is in use, and a person judges its looks.
            state = State.UNUSABLE if row.problem and not used else State.PENDING
            await conn.execute(update(history).where(*_mine(waiting)).values(state=str(state)))
            # Two accounts that look alike: a person decides all the same.
            if row.authority == "same" and not row.problem and not await _alike(conn, row.learner_id):
                row = (await conn.execute(select(history).where(history.c.id == row.id))).one()
                await approving.approve(conn, row, by=0, reason="", now_ms=self._now_ms())


def _mine(waiting: Waiting) -> tuple:
    """Nobody ended this photo meanwhile: a withdrawal, a newer one, or a person who rejected it."""
    return history.c.id == waiting.number, history.c.state == State.RECEIVED


async def _still(conn, waiting: Waiting):
    """The photo's row while it is still the desk's, locked against whoever would end it; else None."""
    return (await conn.execute(select(history).where(*_mine(waiting)).with_for_update())).one_or_none()


def _alike_of(
    sealed: Sequence[tuple[int, str, bytes]], keys: dict, template: np.ndarray, alike: float
) -> list[tuple[int, float]]:
    """In a thread; nothing of a template outlives it."""
    vectors, learners = [], []
    for learner, key_id, data in sealed:
        key = keys.get(key_id)
        if key is None:
            continue  # it was erased a moment ago
        try:
            vectors.append(np.frombuffer(key.open(data, FIELD), "<f4", count=template.size))
        except (AssertionError, ValueError) as error:
            log.error("template_altered", learner=learner, error=str(error))
        else:
            learners.append(learner)
    if not vectors:
        return []
    scores = np.stack(vectors) @ template
    return [(who, float(score)) for score, who in zip(scores, learners, strict=True) if score >= alike]


async def _given(conn, learner_id: int, purpose: str) -> bool:
    """face_check: whether this learner's face may be looked at. province: whether identity and photo may be passed
    on."""
    newest = (
        select(consents.c.choice)
        .where(consents.c.learner_id == learner_id, consents.c.purpose == purpose)
        .order_by(consents.c.id.desc())
        .limit(1)
    )
    return (await conn.execute(newest)).scalar_one_or_none() == "given"


async def _alike(conn, learner_id: int) -> bool:
    mine = (duplicate_flags.c.learner_id == learner_id) | (duplicate_flags.c.other_id == learner_id)
    statement = select(func.count()).select_from(duplicate_flags).where(mine, duplicate_flags.c.state == "open")
    return (await conn.execute(statement)).scalar_one() > 0
