"""Consent, face templates, and what may be kept of whose face for how long."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import msgspec
from sqlalchemy import delete, insert, select, update

from proctor.errors import Unavailable
from proctor.modules.audit.service import append_audit
from proctor.modules.privacy.tables import consents, enrolments, evidence
from proctor.modules.study.ledger import lock_seat, next_instruction
from proctor.modules.study.tables import bursts
from proctor.ports import Database, Inbox, InstructionReady

PURPOSE = "face_check"
GIVEN = "given"
HISTORY_MAX = 100


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """One choice: given, refused or withdrawn."""

    choice: str
    notice_version: str
    at_ms: int


async def newest_choice(conn, learner_id: int) -> str:
    """given, refused or withdrawn; "" when nobody was asked yet."""
    statement = (
        select(consents.c.choice)
        .where(consents.c.learner_id == learner_id, consents.c.purpose == PURPOSE)
        .order_by(consents.c.id.desc())
        .limit(1)
    )
    return (await conn.execute(statement)).scalar_one_or_none() or ""


async def face_consent(conn, learner_id: int) -> bool:
    """Whether anything of this learner's face may be taken now."""
    return await newest_choice(conn, learner_id) == GIVEN


async def consent_history(conn, learner_id: int) -> list[Consent]:
    """Newest first."""
    statement = (
        select(consents.c.choice, consents.c.notice_version, consents.c.at_ms)
        .where(consents.c.learner_id == learner_id, consents.c.purpose == PURPOSE)
        .order_by(consents.c.id.desc())
        .limit(HISTORY_MAX)
    )
    return [Consent(**row) for row in (await conn.execute(statement)).mappings().all()]


async def choose(
    db: Database, inbox: Inbox, *, institution_id: int, learner_id: int, choice: str, notice_version: str,
    notice_sha256: str, now_ms: int, address: str = "",
) -> None:  # fmt: skip
    """Record a choice. Refusing or withdrawing deletes the template at once and lets every picture go that no
    case needs; a running session learns of it as an instruction. Choosing the same again changes nothing.

    The seat is locked first: an enrolment that is stored at this moment comes before the choice, and is deleted by
    it, or comes after it and finds no consent.
    """
    assert choice in ("given", "refused", "withdrawn")
    instruction = None
    async with db.write() as conn:
        await lock_seat(conn, learner_id)
        before = await newest_choice(conn, learner_id)
        if before == choice:
            return
        row = {
            "learner_id": learner_id, "purpose": PURPOSE, "choice": choice, "notice_version": notice_version[:32],
            "notice_sha256": notice_sha256, "at_ms": now_ms,
        }  # fmt: skip
        await conn.execute(insert(consents).values(**row))
        if choice != GIVEN:
            await _forget_face(conn, learner_id, now_ms)
            if before == GIVEN:
                instruction = await next_instruction(
                    conn, learner_id=learner_id, action="consent_withdrawn", now_ms=now_ms
                )
        await append_audit(
            conn, at_ms=now_ms, institution_id=institution_id, account_id=learner_id, action=f"web:consent:{choice}",
            object=f"account:{learner_id}", detail={"notice": notice_version}, address=address,
        )  # fmt: skip
    if instruction is not None and instruction.version:
        # The choice stands. Without Redis the session finds the instruction at its next seat update.
        with contextlib.suppress(Unavailable):
            await inbox.send_to_learner(
                learner_id, InstructionReady(learner_id=learner_id, instruction=instruction)
            )


async def _forget_face(conn, learner_id: int, now_ms: int) -> None:
    """The template goes now; blobs are overdue from now on and the sweep deletes them within a minute.

    Pictures that a case needs stay until it is decided: they are the evidence that protects the learner too.
    """
    await conn.execute(delete(enrolments).where(enrolments.c.learner_id == learner_id))
    await conn.execute(
        update(evidence)
        .where(evidence.c.learner_id == learner_id, evidence.c.deleted_ms.is_(None), evidence.c.held.is_(False))
        .values(delete_after_ms=now_ms)
    )


async def register_evidence(
    conn, *, evidence_id: str, institution_id: int, learner_id: int, kind: str, check_id: str, sha256: str,
    now_ms: int, delete_after_ms: int,
) -> None:  # fmt: skip
    """Enter a stored blob into the register, with the time after which it must be gone."""
    row = {
        "id": evidence_id, "institution_id": institution_id, "learner_id": learner_id, "kind": kind,
        "check_id": check_id, "sha256": sha256, "created_ms": now_ms, "delete_after_ms": delete_after_ms,
    }  # fmt: skip
    await conn.execute(insert(evidence).values(**row))


async def due_evidence(conn, now_ms: int, *, case_ms: int, limit: int = 200) -> Sequence[str]:
    """Ids of blobs whose time is over, their rows locked. What a case holds is due only when older than `case_ms`."""
    over = (evidence.c.held.is_(False)) & (evidence.c.delete_after_ms <= now_ms)
    old = (evidence.c.held.is_(True)) & (evidence.c.created_ms <= now_ms - case_ms)
    statement = (
        select(evidence.c.id)
        .where(evidence.c.deleted_ms.is_(None), over | old)
        .order_by(evidence.c.delete_after_ms)
        .limit(limit)
        .with_for_update()
    )
    return (await conn.execute(statement)).scalars().all()


async def evidence_deleted(conn, ids: Sequence[str], now_ms: int) -> None:
    """The blobs are gone; the register keeps that they were, and no burst refers to them any more."""
    if not ids:
        return
    await conn.execute(update(evidence).where(evidence.c.id.in_(ids)).values(deleted_ms=now_ms))
    await conn.execute(update(bursts).where(bursts.c.evidence_id.in_(ids)).values(evidence_id=""))
