"""Enrolment with a photo: handing one in, deciding about it, and deciding about accounts that look alike."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

import msgspec
from sqlalchemy import select, update

from proctor.errors import Refused
from proctor.modules.accounts.tables import accounts
from proctor.modules.audit.service import append_audit
from proctor.modules.identity import approving
from proctor.modules.identity.rules import REASON_CHARS_MAX, REASON_CHARS_MIN
from proctor.modules.identity.tables import duplicate_flags, enrolment_history
from proctor.modules.privacy import access
from proctor.modules.privacy import service as privacy
from proctor.modules.privacy.ages import is_young
from proctor.modules.privacy.bands import band_of_learner
from proctor.modules.study.ledger import lock_seat
from proctor.ports import Database, Evidence, Vault

PHOTO_BYTES_MAX = 2_000_000
PHOTO_KEEP_MS = 3 * 365 * 86_400_000  # it goes with its consent or its account, at the latest then
JPEG = b"\xff\xd8\xff"
SOURCES = ("id_photo", "capture")
DUPLICATE_WORDS = ("same", "different")


class Enrolling:
    """Use cases of learners and of staff of one institution at a time."""

    def __init__(
        self, db: Database, evidence: Evidence, vault: Vault, now_ms: Callable[[], int] | None = None
    ) -> None:
        self._db, self._evidence, self._vault = db, evidence, vault
        self._now_ms = now_ms or (lambda: time.time_ns() // 1_000_000)

    async def submit(
        self, *, institution_id: int, learner_id: int, photo: bytes, source: str, by: int, address: str = ""
    ) -> int:
        """Keep a photo and put it before whoever decides; a worker looks at it within seconds. Returns its number.

        Raises Refused: no_learner (not of this institution), no_consent, not_jpeg, too_large.
        """
        assert source in SOURCES
        if len(photo) > PHOTO_BYTES_MAX:
            raise Refused("too_large")
        if not photo.startswith(JPEG):
            raise Refused("not_jpeg")
        async with self._db.read() as conn:
            await _learner(conn, institution_id, learner_id)
            await _consented(conn, learner_id)
        blob, now_ms, entered = msgspec.msgpack.encode([photo]), self._now_ms(), 0
        evidence_id = await self._evidence.put(
            blob, kind="enrolment", institution_id=institution_id, learner_id=learner_id
        )
        try:
            async with self._db.write() as conn:
                await lock_seat(conn, learner_id)
                await _consented(conn, learner_id)  # withdrawn meanwhile: nothing of the face is kept
                await privacy.register_evidence(
                    conn, evidence_id=evidence_id, institution_id=institution_id, learner_id=learner_id,
                    kind="enrolment", check_id="", sha256=hashlib.sha256(blob).hexdigest(), now_ms=now_ms,
                    delete_after_ms=now_ms + PHOTO_KEEP_MS,
                )  # fmt: skip
                number = await approving.enter(
                    conn, institution_id=institution_id, learner_id=learner_id, source=source,
                    evidence_id=evidence_id, by=by, now_ms=now_ms,
                )  # fmt: skip
                await append_audit(
                    conn, at_ms=now_ms, institution_id=institution_id, account_id=by, address=address,
                    action="web:enrolment:submitted", object=f"enrolment:{number}",
                    detail={"learner": learner_id, "source": source},
                )  # fmt: skip
            entered = number
        finally:
            if not entered:
                # No register knows this picture: nothing else would ever delete it.
                await self._evidence.delete(evidence_id)
        return entered

    async def decide(
        self, *, institution_id: int, number: int, action: str, reason: str, by: int, address: str = ""
    ) -> None:
        """`action`: approve or reject; a rejection says why. Raises Refused: no_enrolment, reason_short, reason_long,
        enrolment_moved, no_consent, minor_access (whoever approves a photo has seen it, and may see a minor's)."""
        words = _words(reason, needed=action == "reject")
        if action not in ("approve", "reject"):
            raise Refused("field_wrong")
        now_ms = self._now_ms()
        async with self._db.write() as conn:
            row = await _entry(conn, institution_id, number)
            await lock_seat(conn, row.learner_id)
            row = await _entry(conn, institution_id, number)
            detail: dict[str, object] = {"learner": row.learner_id, "source": row.source}
            if action == "approve":
                await _consented(conn, row.learner_id)
                await self._may_look(conn, row.learner_id, by, now_ms)
                await approving.approve(conn, row, by=by, reason=words, now_ms=now_ms)
            else:
                detail["was_in_use"] = await approving.reject(conn, row, by=by, reason=words, now_ms=now_ms)
            await append_audit(
                conn, at_ms=now_ms, institution_id=institution_id, account_id=by, address=address,
                action=f"console:enrolment:{action}", object=f"enrolment:{number}", detail=detail,
            )  # fmt: skip

    async def _may_look(self, conn, learner_id: int, by: int, now_ms: int) -> None:
        young = is_young(await band_of_learner(conn, self._vault, learner_id, now_ms))
        if young and not await access.allowed(conn, learner_id=learner_id, account_id=by, now_ms=now_ms):
            raise Refused("minor_access")

    async def settle_duplicate(
        self, *, institution_id: int, flag_id: int, word: str, reason: str, by: int, address: str = ""
    ) -> None:
        """One person or two who look alike: only a person says so, and nothing follows by itself.

        Raises Refused: no_flag, field_wrong, reason_short, reason_long, enrolment_moved (decided already)."""
        if word not in DUPLICATE_WORDS:
            raise Refused("field_wrong")
        words, now_ms = _words(reason, needed=True), self._now_ms()
        async with self._db.write() as conn:
            mine = (duplicate_flags.c.id == flag_id, duplicate_flags.c.institution_id == institution_id)
            if (await conn.execute(select(duplicate_flags.c.id).where(*mine))).first() is None:
                raise Refused("no_flag")
            changed = update(duplicate_flags).where(*mine, duplicate_flags.c.state == "open")
            done = await conn.execute(changed.values(state=word, decided_by=by, decided_ms=now_ms, reason=words))
            if done.rowcount != 1:
                raise Refused("enrolment_moved")
            await append_audit(
                conn, at_ms=now_ms, institution_id=institution_id, account_id=by, action=f"console:duplicate:{word}",
                object=f"duplicate:{flag_id}", address=address,
            )  # fmt: skip


def _words(reason: str, *, needed: bool) -> str:
    words = reason.strip()
    if needed and len(words) < REASON_CHARS_MIN:
        raise Refused("reason_short", chars=REASON_CHARS_MIN)
    if len(words) > REASON_CHARS_MAX:
        raise Refused("reason_long", chars=REASON_CHARS_MAX)
    return words


async def _learner(conn, institution_id: int, learner_id: int) -> None:
    statement = select(accounts.c.id).where(
        accounts.c.id == learner_id, accounts.c.institution_id == institution_id, accounts.c.role == "learner"
    )
    if (await conn.execute(statement)).first() is None:
        raise Refused("no_learner")


async def _consented(conn, learner_id: int) -> None:
    if not await privacy.face_consent(conn, learner_id):
        raise Refused("no_consent")


async def _entry(conn, institution_id: int, number: int):
    statement = select(enrolment_history).where(
        enrolment_history.c.id == number, enrolment_history.c.institution_id == institution_id
    )
    row = (await conn.execute(statement)).one_or_none()
    if row is None:
        raise Refused("no_enrolment")
    return row
