"""Appeals of learners: filing one, and what the learner may read about decisions."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from sqlalchemy import insert, select, update

from proctor.errors import Refused
from proctor.modules.accounts.tables import accounts
from proctor.modules.audit.service import append_audit
from proctor.modules.reviews.tables import appeals, case_causes, cases, decisions
from proctor.ports import Database

WORDS_CHARS_MIN = 4
WORDS_CHARS_MAX = 500
# Above "unclear" and below "mismatch": somebody waits for an answer.
SEVERITY = 50


class Filed(msgspec.Struct, frozen=True, kw_only=True):
    """An appeal of this learner. `is_open` until its case is closed."""

    id: int
    from_ms: int
    to_ms: int
    words: str
    filed_ms: int
    is_open: bool


async def file_appeal(
    db: Database, *, institution_id: int, learner_id: int, lesson_id: int, from_ms: int, to_ms: int,
    words: str, now_ms: int, address: str = "",
) -> int:  # fmt: skip
    """Appeal, case and cause in one transaction; returns the appeal's id.

    The caller has made sure that the lesson is the learner's and the stretch is one of its record. Appeals of
    one lesson share one open case. Raises Refused: words_short, words_long, appeal_open (this stretch, or
    part of it, already waits for an answer).
    """
    text = words.strip()
    if len(text) < WORDS_CHARS_MIN:
        raise Refused("words_short", chars=WORDS_CHARS_MIN)
    if len(text) > WORDS_CHARS_MAX:
        raise Refused("words_long", chars=WORDS_CHARS_MAX)
    assert 0 <= from_ms < to_ms
    async with db.write() as conn:
        # Two forms sent at once must not both find no open appeal.
        await conn.execute(select(accounts.c.id).where(accounts.c.id == learner_id).with_for_update())
        case_id = await _case(conn, institution_id, learner_id, lesson_id, now_ms)
        waiting = select(appeals.c.id).where(
            appeals.c.case_id == case_id, appeals.c.from_ms < to_ms, appeals.c.to_ms > from_ms
        )
        if (await conn.execute(waiting.limit(1))).first() is not None:
            raise Refused("appeal_open")
        row = insert(appeals).values(
            institution_id=institution_id, learner_id=learner_id, lesson_id=lesson_id, from_ms=from_ms,
            to_ms=to_ms, words=text, case_id=case_id, filed_ms=now_ms,
        )  # fmt: skip
        appeal_id = (await conn.execute(row)).inserted_primary_key[0]
        await conn.execute(
            insert(case_causes).values(case_id=case_id, cause=f"appeal:{appeal_id}", detail="", at_ms=now_ms)
        )
        await append_audit(
            conn, at_ms=now_ms, institution_id=institution_id, account_id=learner_id,
            action="web:appeal:filed", object=f"appeal:{appeal_id}", address=address,
        )  # fmt: skip
    return appeal_id


async def _case(conn, institution_id: int, learner_id: int, lesson_id: int, now_ms: int) -> int:
    """The open appeal case of this learner and lesson, made when there is none."""
    found = select(cases.c.id).where(
        cases.c.learner_id == learner_id, cases.c.lesson_id == lesson_id, cases.c.kind == "appeal",
        cases.c.status != "closed",
    )  # fmt: skip
    case_id = (await conn.execute(found)).scalars().first()
    if case_id is not None:
        changed = update(cases).where(cases.c.id == case_id)
        await conn.execute(changed.values(version=cases.c.version + 1, updated_ms=now_ms))
        return case_id
    row = insert(cases).values(
        institution_id=institution_id, learner_id=learner_id, lesson_id=lesson_id, kind="appeal",
        severity=SEVERITY, opened_ms=now_ms, updated_ms=now_ms,
    )  # fmt: skip
    return (await conn.execute(row)).inserted_primary_key[0]


async def appeals_of(conn, learner_id: int, lesson_id: int) -> list[Filed]:
    """All appeals of one learner and lesson, oldest first; at most 200."""
    statement = (
        select(
            appeals.c.id, appeals.c.from_ms, appeals.c.to_ms, appeals.c.words, appeals.c.filed_ms,
            (cases.c.status != "closed").label("is_open"),
        )
        .join(cases, cases.c.id == appeals.c.case_id)
        .where(appeals.c.learner_id == learner_id, appeals.c.lesson_id == lesson_id)
        .order_by(appeals.c.id)
        .limit(200)
    )  # fmt: skip
    return [Filed(**row) for row in (await conn.execute(statement)).mappings().all()]


async def reasons_of(conn, learner_id: int, decision_ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """Step (confirm, dismiss …) and reason of decisions about this learner: what was taken away must be explained."""
    if not decision_ids:
        return {}
    statement = (
        select(decisions.c.id, decisions.c.action, decisions.c.reason)
        .join(cases, cases.c.id == decisions.c.case_id)
        .where(cases.c.learner_id == learner_id, decisions.c.id.in_(list(decision_ids)[:500]))
    )
    return {row.id: (row.action, row.reason) for row in (await conn.execute(statement)).all()}
