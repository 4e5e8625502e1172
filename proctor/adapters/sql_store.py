"""Storing facts: ledger, checks, cases, lesson states and rollups, inside one transaction of the caller."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import insert, select, update

from proctor.adapters.sql_facts import apply_fact, touch_lesson
from proctor.core.coalesce import SETTLES, coalesce
from proctor.core.facts import COVERED, CheckDecided, Credited, Fact, Spans, Status
from proctor.core.inputs import Totals
from proctor.core.intervals import normalise
from proctor.modules.study.ledger import RollupKey, credit_rows, fact_row, recompute_rollups, settle
from proctor.modules.study.tables import facts, ledger, seats
from proctor.ports import SeatWrite


async def store_items(conn, items: Sequence[SeatWrite], stored: dict[int, int]) -> None:
    """Facts of matched seats, in order: ledger, checks, cases and rollups follow them."""
    rows: list[dict] = []
    touched: set[RollupKey] = set()
    decided: dict[int, int] = {}
    for item in items:
        for fact in coalesce(item.facts):
            if isinstance(fact, Credited) and fact.stretch <= stored[item.learner_id]:
                continue
            rows.append(fact_row(item.learner_id, item.fence, fact))
            touched |= await apply_to_ledger(conn, item.learner_id, fact)
            await apply_fact(conn, item.learner_id, fact)
            if isinstance(fact, Credited):
                stored[item.learner_id] = fact.stretch
            elif isinstance(fact, CheckDecided):
                decided[item.learner_id] = fact.number
        if item.state is not None:
            state = item.state
            await touch_lesson(conn, item.learner_id, state.lesson_id, state.at_redis_ms, state.position_ms)
    if rows:
        await conn.execute(insert(facts), rows)
    await recompute_rollups(conn, touched)
    for learner_id in sorted({item.learner_id for item in items if item.facts}):
        values = {"stored_stretch": stored[learner_id]}
        if learner_id in decided:
            values["decided_number"] = decided[learner_id]
        await conn.execute(update(seats).where(seats.c.learner_id == learner_id).values(**values))


async def apply_to_ledger(conn, learner_id: int, fact: Fact) -> set[RollupKey]:
    """The ledger's part of one fact; returns the rollups that must be computed anew."""
    if isinstance(fact, Credited):
        if fact.spans:
            await conn.execute(insert(ledger), credit_rows(learner_id, fact))
        return {(learner_id, fact.lesson_id, fact.day)}
    if isinstance(fact, CheckDecided):
        return await settle(conn, learner_id, SETTLES[fact.outcome], f"check:{fact.check_id}", fact.at_ms)
    return set()


async def read_coverage(conn, learner_id: int, lesson_id: int) -> tuple[Spans, Spans, Totals]:
    """Covered spans, their provisional part, and totals by status."""
    statement = select(ledger.c.from_ms, ledger.c.to_ms, ledger.c.status).where(
        ledger.c.learner_id == learner_id, ledger.c.lesson_id == lesson_id
    )
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    sums: dict[str, int] = defaultdict(int)
    for from_ms, to_ms, status in (await conn.execute(statement)).all():
        spans[status].append((from_ms, to_ms))
        sums[f"{status}_ms"] += to_ms - from_ms
    covered = normalise(span for status in COVERED for span in spans[status])
    return covered, normalise(spans[Status.PROVISIONAL]), Totals(**sums)
