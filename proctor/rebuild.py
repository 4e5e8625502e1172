"""Ledger and rollups from the facts alone, through the same code that wrote them the first time."""

from __future__ import annotations

import msgspec
from sqlalchemy import delete, select

from proctor.adapters.sql_database import SqlDatabase
from proctor.adapters.sql_store import apply_to_ledger
from proctor.core.facts import Decided, Fact
from proctor.modules.study import ledger as study
from proctor.modules.study.tables import facts, ledger, rollups

KINDS = ("credited", "check_decided", "decided")
_decoder = msgspec.json.Decoder(Fact)

LEDGER_FIELDS = ("learner_id", "lesson_id", "stretch", "from_ms", "to_ms", "day", "status", "settled_by")
ROLLUP_FIELDS = tuple(column.name for column in rollups.columns)


class Difference(msgspec.Struct, frozen=True):
    """What stood there and does not follow from the facts, or the other way round."""

    learner_id: int
    table: str
    stored: tuple
    folded: tuple


async def rebuild(db: SqlDatabase, *, write: bool) -> tuple[int, list[Difference]]:
    """Fold all facts, learner by learner, each in one transaction. Returns learners and differences.

    Without `write` everything is rolled back: a proof that the record follows from the facts.
    """
    async with db.read() as conn:
        learners = (await conn.execute(select(facts.c.learner_id).distinct().order_by(facts.c.learner_id))).scalars()
        ids = list(learners.all())
    differences: list[Difference] = []
    for learner_id in ids:
        differences += await _one(db, learner_id, write=write)
    return len(ids), differences


class _RollBack(Exception):
    """Leaves a write transaction without a commit."""


async def _one(db: SqlDatabase, learner_id: int, *, write: bool) -> list[Difference]:
    found: list[Difference] = []
    try:
        async with db.write() as conn:
            await study.lock_seat(conn, learner_id)
            before = await _state(conn, learner_id)
            await _fold(conn, learner_id)
            after = await _state(conn, learner_id)
            for table in before:
                if before[table] != after[table]:
                    found.append(Difference(learner_id, table, before[table], after[table]))
            if not write:
                raise _RollBack
    except _RollBack:
        pass
    return found


async def _fold(conn, learner_id: int) -> None:
    await conn.execute(delete(ledger).where(ledger.c.learner_id == learner_id))
    await conn.execute(delete(rollups).where(rollups.c.learner_id == learner_id))
    statement = (
        select(facts.c.body)
        .where(facts.c.learner_id == learner_id, facts.c.kind.in_(KINDS))
        .order_by(facts.c.id)
    )
    touched: set[study.RollupKey] = set()
    for (body,) in (await conn.execute(statement)).all():
        fact = _decoder.decode(body)
        if isinstance(fact, Decided):
            await study.change_status(
                conn, learner_id=learner_id, lesson_id=fact.lesson_id, spans=fact.spans, action=fact.action,
                decision_id=fact.decision_id, now_ms=fact.at_ms,
            )  # fmt: skip
        else:
            touched |= await apply_to_ledger(conn, learner_id, fact)
    await study.recompute_rollups(conn, touched)


async def _state(conn, learner_id: int) -> dict[str, tuple]:
    """Both tables in a form that does not depend on row ids. Empty rollups say nothing."""
    rows = await conn.execute(
        select(*(ledger.c[name] for name in LEDGER_FIELDS)).where(ledger.c.learner_id == learner_id)
    )
    sums = await conn.execute(
        select(*(rollups.c[name] for name in ROLLUP_FIELDS)).where(rollups.c.learner_id == learner_id)
    )
    return {
        "ledger": tuple(sorted(tuple(row) for row in rows.all())),
        "rollups": tuple(sorted(tuple(row) for row in sums.all() if any(row[3:]))),
    }
