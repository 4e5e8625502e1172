"""Putting something before people: a case is opened or joined, inside the caller's transaction."""

from __future__ import annotations

from sqlalchemy import insert, select, update

from proctor.modules.accounts.tables import accounts
from proctor.modules.reviews.rules import CaseCall
from proctor.modules.reviews.tables import case_causes, cases


async def open_case(conn, learner_id: int, lesson_id: int, call: CaseCall, at_ms: int) -> None:
    """One open case per learner, lesson and kind: more of the same joins it and moves its version."""
    where = (
        cases.c.learner_id == learner_id,
        cases.c.lesson_id == lesson_id,
        cases.c.kind == call.kind,
        cases.c.status != "closed",
    )
    case_id = (await conn.execute(select(cases.c.id).where(*where))).scalar_one_or_none()
    if case_id is None:
        border = select(accounts.c.institution_id).where(accounts.c.id == learner_id)
        institution_id = (await conn.execute(border)).scalar_one()
        row = {
            "institution_id": institution_id, "learner_id": learner_id, "lesson_id": lesson_id, "kind": call.kind,
            "severity": call.severity, "opened_ms": at_ms, "updated_ms": at_ms,
        }  # fmt: skip
        case_id = (await conn.execute(insert(cases).values(**row))).inserted_primary_key[0]
    else:
        moved = {"version": cases.c.version + 1, "updated_ms": at_ms}
        await conn.execute(update(cases).where(cases.c.id == case_id).values(**moved))
    cause = {"case_id": case_id, "cause": call.cause[:64], "detail": call.detail, "at_ms": at_ms}
    await conn.execute(insert(case_causes).values(**cause))
