"""Pictures of minors: whoever of the staff wants to see one asks, another person approves, for a day, and both are
logged (Regulations on minors in cyberspace, article 36)."""

from __future__ import annotations

import msgspec
from sqlalchemy import insert, select, update

from proctor.errors import Refused
from proctor.modules.accounts.tables import accounts
from proctor.modules.audit.service import append_audit
from proctor.modules.privacy.clocks import ACCESS_HOURS
from proctor.modules.privacy.tables import face_access
from proctor.ports import Database

REASON_CHARS_MIN, REASON_CHARS_MAX = 4, 500
LIST_MAX = 100


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request. Names are sealed."""

    id: int
    learner_id: int
    learner_sealed: bytes
    asked_by: int
    asker_sealed: bytes
    reason: str
    asked_ms: int
    state: str
    decided_by: int | None
    until_ms: int


async def allowed(conn, *, learner_id: int, account_id: int, now_ms: int) -> bool:
    """Whether this member of staff may see pictures of this minor now."""
    return await approver(conn, learner_id=learner_id, account_id=account_id, now_ms=now_ms) is not None


async def approver(conn, *, learner_id: int, account_id: int, now_ms: int) -> int | None:
    """Who approved what this member of staff may do now with this minor's data: look at pictures and phone, approve a
    photo, register a number of an older age. None: nobody did."""
    mine = select(face_access.c.decided_by).where(
        face_access.c.learner_id == learner_id, face_access.c.asked_by == account_id,
        face_access.c.state == "approved", face_access.c.until_ms > now_ms,
    )  # fmt: skip
    return (await conn.execute(mine.order_by(face_access.c.id.desc()).limit(1))).scalar_one_or_none()


async def waiting(conn, *, learner_id: int, account_id: int) -> bool:
    """Whether this member of staff has asked and nobody decided yet."""
    mine = select(face_access.c.id).where(
        face_access.c.learner_id == learner_id, face_access.c.asked_by == account_id, face_access.c.state == "asked"
    )
    return (await conn.execute(mine.limit(1))).first() is not None


async def ask(
    db: Database, *, institution_id: int, account_id: int, learner_id: int, reason: str, now_ms: int,
    address: str = "",
) -> None:  # fmt: skip
    """Asking again while a request waits changes nothing. Raises Refused: not_found, reason_short, reason_long."""
    if len(reason) < REASON_CHARS_MIN:
        raise Refused("reason_short", chars=REASON_CHARS_MIN)
    if len(reason) > REASON_CHARS_MAX:
        raise Refused("reason_long", chars=REASON_CHARS_MAX)
    async with db.write() as conn:
        here = select(accounts.c.id).where(
            accounts.c.id == learner_id, accounts.c.institution_id == institution_id, accounts.c.role == "learner"
        )
        if (await conn.execute(here.with_for_update())).first() is None:
            raise Refused("not_found")
        if await waiting(conn, learner_id=learner_id, account_id=account_id):
            return
        row = {
            "institution_id": institution_id, "learner_id": learner_id, "asked_by": account_id, "reason": reason,
            "asked_ms": now_ms,
        }  # fmt: skip
        await conn.execute(insert(face_access).values(**row))
        await append_audit(
            conn, at_ms=now_ms, institution_id=institution_id, account_id=account_id,
            action="console:minor_access:asked", object=f"account:{learner_id}", address=address,
        )  # fmt: skip


async def decide(
    db: Database, *, institution_id: int, account_id: int, access_id: int, approve: bool, now_ms: int,
    address: str = "",
) -> None:  # fmt: skip
    """Another person's yes or no. Raises Refused: not_found, same_person_asks, stale (somebody else decided)."""
    async with db.write() as conn:
        mine = face_access.c.id == access_id, face_access.c.institution_id == institution_id
        row = (await conn.execute(select(face_access).where(*mine).with_for_update())).one_or_none()
        if row is None:
            raise Refused("not_found")
        if row.asked_by == account_id:
            raise Refused("same_person_asks")
        if row.state != "asked":
            raise Refused("stale")
        values = {
            "state": "approved" if approve else "refused", "decided_by": account_id, "decided_ms": now_ms,
            "until_ms": now_ms + ACCESS_HOURS * 3_600_000 if approve else 0,
        }  # fmt: skip
        await conn.execute(update(face_access).where(*mine).values(**values))
        await append_audit(
            conn, at_ms=now_ms, institution_id=institution_id, account_id=account_id,
            action=f"console:minor_access:{values['state']}", object=f"account:{row.learner_id}",
            detail={"for": row.asked_by}, address=address,
        )  # fmt: skip


async def requests_of(conn, institution_id: int) -> list[Asked]:
    """Those that wait first, then the newest."""
    learner, asker = accounts.alias("learner"), accounts.alias("asker")
    statement = (
        select(
            face_access.c.id, face_access.c.learner_id, learner.c.name_sealed.label("learner_sealed"),
            face_access.c.asked_by, asker.c.name_sealed.label("asker_sealed"), face_access.c.reason,
            face_access.c.asked_ms, face_access.c.state, face_access.c.decided_by, face_access.c.until_ms,
        )
        .join(learner, learner.c.id == face_access.c.learner_id)
        .join(asker, asker.c.id == face_access.c.asked_by)
        .where(face_access.c.institution_id == institution_id)
        .order_by((face_access.c.state != "asked"), face_access.c.id.desc())
        .limit(LIST_MAX)
    )  # fmt: skip
    return [Asked(**row) for row in (await conn.execute(statement)).mappings().all()]
