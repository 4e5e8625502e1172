"""How many persons' faces are stored now, and what follows from it.

Measures for facial recognition, article 15: whoever stores the faces of 100,000 persons files with the provincial
authority within 30 working days. "Stored" is read as now, so what is deleted counts no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import msgspec
import structlog
from sqlalchemy import func, insert, select, union, update

from proctor.errors import Refused
from proctor.modules.accounts.tables import accounts, institutions
from proctor.modules.audit.service import append_audit
from proctor.modules.privacy.tables import consents, enrolments, evidence, face_traces, filings, guardians
from proctor.ports import Database

log = structlog.get_logger("privacy")

LEVELS = (80_000, 90_000, 100_000)
FILING_DAYS = 30  # working days after the highest level was reached
_OPEN = select(filings.c.level).where(filings.c.cleared_ms.is_(None))


class Filing(msgspec.Struct, frozen=True, kw_only=True):
    """A level that was reached. `due_day`: when the filing is due; "" at the earlier levels."""

    id: int
    level: int
    persons: int
    reached_ms: int
    due_day: str
    cleared_ms: int | None
    filed_ms: int | None
    reference: str


def level_of(persons: int) -> int:
    """The highest level that so many persons reach, or 0."""
    return max((level for level in LEVELS if persons >= level), default=0)


def working_day(start: date, days: int) -> date:
    """The day `days` working days after `start`, counting Monday to Friday. Public holidays make the real date later;
    a working weekend may make it earlier by as many days: the page says so."""
    day = start
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day


async def stored_persons(conn) -> Mapping[int, int]:
    """Persons with any stored face (photo, template, picture of a check, trace), by institution."""
    stored = union(
        select(enrolments.c.learner_id),
        select(evidence.c.learner_id).where(evidence.c.deleted_ms.is_(None)),
        select(face_traces.c.learner_id),
    ).subquery()
    statement = (
        select(accounts.c.institution_id, func.count())
        .select_from(stored)
        .join(accounts, accounts.c.id == stored.c.learner_id)
        .group_by(accounts.c.institution_id)
    )
    return {institution_id: count for institution_id, count in (await conn.execute(statement)).all()}


async def watch(db: Database, now_ms: int) -> int:
    """Count, and enter which levels were reached or left since; returns the total. Says it once, in log and audit."""
    async with db.read() as conn:
        total = sum((await stored_persons(conn)).values())
        open_levels = set((await conn.execute(_OPEN)).scalars())
    wanted = {level for level in LEVELS if total >= level}
    if wanted == open_levels:
        return total
    async with db.write() as conn:
        # Looked at again under the write lock: several processes watch.
        open_levels = set((await conn.execute(_OPEN.with_for_update())).scalars())
        for level in sorted(wanted - open_levels):
            await _reached(conn, level, total, now_ms)
        left = open_levels - wanted
        if left:
            gone = update(filings).where(filings.c.level.in_(left), filings.c.cleared_ms.is_(None))
            await conn.execute(gone.values(cleared_ms=now_ms))
    return total


async def _reached(conn, level: int, total: int, now_ms: int) -> None:
    today = datetime.fromtimestamp(now_ms / 1_000, UTC).date()
    due = working_day(today, FILING_DAYS).isoformat() if level == LEVELS[-1] else ""
    await conn.execute(insert(filings).values(level=level, persons=total, reached_ms=now_ms, due_day=due))
    log.error("stored_faces_level", level=level, persons=total, due=due)
    for institution_id in (await conn.execute(select(institutions.c.id))).scalars():
        await append_audit(
            conn, at_ms=now_ms, institution_id=institution_id, account_id=0, action="system:faces:level",
            object=f"level:{level}", detail={"persons": total, "due": due},
        )  # fmt: skip


async def filings_of(conn, *, limit: int = 50) -> list[Filing]:
    """Newest first."""
    columns = [filings.c[name] for name in Filing.__struct_fields__]
    statement = select(*columns).order_by(filings.c.id.desc()).limit(limit)
    return [Filing(**row) for row in (await conn.execute(statement)).mappings().all()]


async def filed(
    db: Database, *, institution_id: int, account_id: int, filing_id: int, reference: str, now_ms: int,
    address: str = "",
) -> None:  # fmt: skip
    """The filing was handed in under this number. Raises Refused: not_found, field_wrong."""
    if not 2 <= len(reference) <= 64:
        raise Refused("field_wrong")
    async with db.write() as conn:
        mine = update(filings).where(filings.c.id == filing_id, filings.c.due_day != "", filings.c.filed_ms.is_(None))
        done = await conn.execute(mine.values(filed_ms=now_ms, filed_by=account_id, reference=reference))
        if not done.rowcount:
            raise Refused("not_found")
        await append_audit(
            conn, at_ms=now_ms, institution_id=institution_id, account_id=account_id, action="console:filing:filed",
            object=f"filing:{filing_id}", address=address,
        )  # fmt: skip


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """How an institution's learners have chosen, by purpose: given, refused, withdrawn, and who was not asked."""

    face: Mapping[str, int]
    province: Mapping[str, int]
    learners: int
    guardians_waiting: int


async def choices_of(conn, institution_id: int) -> Choices:
    mine = accounts.c.institution_id == institution_id, accounts.c.role == "learner"
    learners = (await conn.execute(select(func.count()).select_from(accounts).where(*mine))).scalar_one()
    newest = (
        select(func.max(consents.c.id).label("id"))
        .join(accounts, accounts.c.id == consents.c.learner_id)
        .where(*mine, consents.c.purpose.in_(("face_check", "province")))
        .group_by(consents.c.learner_id, consents.c.purpose)
        .subquery()
    )
    grouped = (
        select(consents.c.purpose, consents.c.choice, func.count())
        .join(newest, newest.c.id == consents.c.id)
        .group_by(consents.c.purpose, consents.c.choice)
    )
    found: dict[str, dict[str, int]] = {"face_check": {}, "province": {}}
    for purpose, choice, count in (await conn.execute(grouped)).all():
        found[purpose][choice] = count
    for by_choice in found.values():
        by_choice[""] = learners - sum(by_choice.values())
    waits = select(func.count()).select_from(guardians)
    waits = waits.where(guardians.c.institution_id == institution_id, guardians.c.state == "asked")
    return Choices(
        face=found["face_check"], province=found["province"], learners=learners,
        guardians_waiting=(await conn.execute(waits)).scalar_one(),
    )  # fmt: skip
