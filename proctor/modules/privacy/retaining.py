"""Which pictures are due for deletion now, and why: every one of them goes by exactly one clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import ColumnElement, ScalarSelect, and_, case, exists, insert, literal, or_, select, update

from proctor.errors import Refused
from proctor.modules.accounts.tables import accounts
from proctor.modules.audit.service import append_audit
from proctor.modules.catalog.tables import classes, rosters
from proctor.modules.privacy.clocks import DAY_MS, DUTY_DAYS_MAX, Times
from proctor.modules.privacy.tables import consents, duties, erasures, evidence, face_keys
from proctor.modules.reviews.tables import case_causes, cases
from proctor.modules.study.tables import bursts
from proctor.ports import Database

DUTIES_MAX = 200


_OPEN_ERASURE = (
    erasures.c.learner_id == evidence.c.learner_id, erasures.c.done_ms.is_(None),
    evidence.c.created_ms <= erasures.c.asked_ms,
)  # fmt: skip


def _forgotten() -> ColumnElement[bool]:
    """All of this learner's face of until then is to go."""
    return exists().where(*_OPEN_ERASURE)


def _forgotten_why() -> ScalarSelect:
    """The key of its clock: not everything that goes was withdrawn."""
    return select(erasures.c.why).where(*_OPEN_ERASURE).order_by(erasures.c.id).limit(1).scalar_subquery()


def _taken_back() -> ColumnElement[bool]:
    """This learner's newest word is no. Whatever was on its way then goes as well: no duty stands above a refusal."""
    newest = (
        select(consents.c.choice)
        .where(consents.c.learner_id == evidence.c.learner_id, consents.c.purpose == "face_check")
        .order_by(consents.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return newest.in_(("refused", "withdrawn"))


def _on_duty(now_ms: int) -> ColumnElement[bool]:
    """A named duty keeps this picture: of the learner's class, or of the whole institution."""
    mine = exists().where(rosters.c.class_id == duties.c.class_id, rosters.c.learner_id == evidence.c.learner_id)
    return and_(
        evidence.c.kind == "burst",
        evidence.c.created_ms > now_ms - DUTY_DAYS_MAX * DAY_MS,
        exists().where(
            duties.c.institution_id == evidence.c.institution_id, duties.c.from_ms <= now_ms,
            duties.c.until_ms > now_ms, duties.c.ended_ms.is_(None), or_(duties.c.class_id.is_(None), mine),
        ),
    )  # fmt: skip


def _closed(now_ms: int, times: Times) -> ColumnElement[bool]:
    """The cases that this picture belongs to are decided and the time to appeal is over."""
    cause = and_(case_causes.c.case_id == cases.c.id, case_causes.c.cause == literal("check:") + evidence.c.check_id)
    waits = or_(cases.c.status != "closed", cases.c.updated_ms > now_ms - times.appeal_ms)
    appealed = exists().where(
        cases.c.learner_id == evidence.c.learner_id, cases.c.kind == "appeal", cases.c.status != "closed"
    )
    return and_(exists().where(cause), ~exists().where(cause, waits), ~appealed)


async def due_evidence(conn, now_ms: int, times: Times, limit: int = 200) -> Mapping[str, str]:
    """Ids of blobs whose time is over, each with the key of its clock; their rows are locked."""
    old = and_(evidence.c.held.is_(True), evidence.c.created_ms <= now_ms - times.case_ms)
    decided = and_(evidence.c.held.is_(True), _closed(now_ms, times))
    over = and_(evidence.c.held.is_(False), evidence.c.delete_after_ms <= now_ms)
    why = case(
        (old, "case_limit"),
        (decided, "case_closed"),
        (_taken_back(), "withdrawn"),
        (_forgotten(), _forgotten_why()),
        (evidence.c.kind == "enrolment", "enrolment_end"),
        (evidence.c.delete_after_ms - evidence.c.created_ms < times.keep_ms, "decided"),
        (evidence.c.created_ms <= now_ms - 2 * times.keep_ms, "duty_ended"),
        else_="time",
    )
    statement = (
        select(evidence.c.id, why)
        .where(
            evidence.c.deleted_ms.is_(None),
            or_(old, decided, and_(over, or_(_forgotten(), _taken_back(), ~_on_duty(now_ms)))),
        )
        .order_by(evidence.c.delete_after_ms)
        .limit(limit)
        .with_for_update()
    )
    return {evidence_id: key for evidence_id, key in (await conn.execute(statement)).all()}


async def evidence_deleted(conn, gone: Mapping[str, str], now_ms: int) -> None:
    """The blobs are gone; the register keeps that they were and why, and no burst refers to them any more."""
    by_why: dict[str, list[str]] = {}
    for evidence_id, why in gone.items():
        by_why.setdefault(why, []).append(evidence_id)
    for why, ids in by_why.items():
        there = update(evidence).where(evidence.c.id.in_(ids))
        await conn.execute(there.values(deleted_ms=now_ms, deleted_why=why))
        await conn.execute(update(bursts).where(bursts.c.evidence_id.in_(ids)).values(evidence_id=""))


async def ended_enrolments(conn, now_ms: int, times: Times, limit: int = 200) -> Sequence[tuple[int, int]]:
    """(institution, learner) whose classes have all been closed for so long that the face must go: the enrolled one,
    and whatever else a live key of theirs still opens, such as a photo that nobody ever decided about."""
    going_on = exists().where(
        rosters.c.learner_id == face_keys.c.learner_id,
        classes.c.id == rosters.c.class_id,
        classes.c.closes_ms > now_ms - times.enrolment_ms,
    )
    was = exists().where(rosters.c.learner_id == face_keys.c.learner_id)
    statement = (
        select(accounts.c.institution_id, face_keys.c.learner_id)
        .join(accounts, accounts.c.id == face_keys.c.learner_id)
        .where(was, ~going_on, face_keys.c.kind == "enrolment", face_keys.c.key_sealed.is_not(None))
        .group_by(accounts.c.institution_id, face_keys.c.learner_id)
        .order_by(face_keys.c.learner_id)
        .limit(limit)
    )
    return [tuple(row) for row in (await conn.execute(statement)).all()]


# Duties.


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    class_name: str  # "" for the whole institution
    basis: str
    reason: str
    from_ms: int
    until_ms: int
    ended_ms: int | None


async def duties_of(conn, institution_id: int) -> list[Duty]:
    """Newest first; those that ended as well."""
    statement = (
        select(
            duties.c.id, classes.c.name.label("class_name"), duties.c.basis, duties.c.reason, duties.c.from_ms,
            duties.c.until_ms, duties.c.ended_ms,
        )
        .outerjoin(classes, classes.c.id == duties.c.class_id)
        .where(duties.c.institution_id == institution_id)
        .order_by(duties.c.id.desc())
        .limit(DUTIES_MAX)
    )  # fmt: skip
    rows = (await conn.execute(statement)).mappings().all()
    return [Duty(**{**row, "class_name": row["class_name"] or ""}) for row in rows]


async def name_duty(
    db: Database, *, institution_id: int, account_id: int, class_id: int | None, basis: str, reason: str,
    until_ms: int, now_ms: int, address: str = "",
) -> None:  # fmt: skip
    """From now on pictures of this class are kept until `until_ms`, 730 days at most.

    Raises Refused: not_found (a class of another institution), duty_time, reason_short (chars=…).
    """
    if not now_ms < until_ms <= now_ms + DUTY_DAYS_MAX * DAY_MS:
        raise Refused("duty_time", days=DUTY_DAYS_MAX)
    if len(basis) < 4 or len(reason) < 4:
        raise Refused("reason_short", chars=4)
    async with db.write() as conn:
        if class_id is not None:
            mine = select(classes.c.id).where(classes.c.id == class_id, classes.c.institution_id == institution_id)
            if (await conn.execute(mine)).first() is None:
                raise Refused("not_found")
        values = {
            "institution_id": institution_id, "class_id": class_id, "basis": basis[:200], "reason": reason[:500],
            "from_ms": now_ms, "until_ms": until_ms, "created_by": account_id,
        }  # fmt: skip
        made = await conn.execute(insert(duties).values(**values).returning(duties.c.id))
        await append_audit(
            conn, at_ms=now_ms, institution_id=institution_id, account_id=account_id,
            action="console:duty:named", object=f"duty:{made.scalar_one()}", detail={"class": class_id or 0},
            address=address,
        )  # fmt: skip


async def end_duty(
    db: Database, *, institution_id: int, account_id: int, duty_id: int, now_ms: int, address: str = ""
) -> None:  # fmt: skip
    """What it kept is due now. Ending again changes nothing. Raises Refused("not_found")."""
    async with db.write() as conn:
        mine = (duties.c.id == duty_id, duties.c.institution_id == institution_id)
        if (await conn.execute(select(duties.c.id).where(*mine))).first() is None:
            raise Refused("not_found")
        ended = update(duties).where(*mine, duties.c.ended_ms.is_(None))
        if (await conn.execute(ended.values(ended_ms=now_ms, ended_by=account_id))).rowcount:
            await append_audit(
                conn, at_ms=now_ms, institution_id=institution_id, account_id=account_id,
                action="console:duty:ended", object=f"duty:{duty_id}", address=address,
            )  # fmt: skip
