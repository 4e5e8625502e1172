"""Storing facts: ledger, checks, cases, lesson states and rollups, inside one transaction of the caller."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Integer, bindparam, func, insert, select, update

from proctor.adapters.sql_facts import apply_fact, touch_lessons
from proctor.core.coalesce import SETTLES, coalesce
from proctor.core.facts import COVERED, CheckDecided, Credited, Fact, Spans, Status
from proctor.core.inputs import Totals
from proctor.core.intervals import normalise
from proctor.modules.schema import Key
from proctor.modules.study.ledger import RollupKey, credit_rows, fact_row, recompute_rollups, settle
from proctor.modules.study.tables import facts, ledger, seats
from proctor.ports import SeatWrite


async def store_items(conn, items: Sequence[SeatWrite], stored: dict[int, int]) -> None:
    """Facts of matched seats, in order: ledger, checks, cases and rollups follow them.

    What many seats have in common is one statement for all of them: a row costs microseconds so, and hundreds
    of them each on its own. `stored`: the newest stored stretch by learner; it moves.
    """
    batch = _Batch(conn, stored)
    for item in items:
        for fact in coalesce(item.facts):
            if not isinstance(fact, Credited) or fact.stretch > stored[item.learner_id]:
                await batch.add(item, fact)
    await batch.finish()
    # Where each learner is, for "continue".
    await touch_lessons(conn, [(item.learner_id, item.state) for item in items if item.state is not None])


class _Batch:
    """Rows that wait for one statement each, in an order that gives the same record as one by one."""

    def __init__(self, conn, stored: dict[int, int]) -> None:
        self._conn = conn
        self._stored = stored
        self._facts: list[dict] = []
        self._credits: list[dict] = []
        self._touched: set[RollupKey] = set()
        self._moved: dict[int, dict] = {}  # new numbers of a seat by learner

    async def add(self, item: SeatWrite, fact: Fact) -> None:
        learner_id = item.learner_id
        self._facts.append(fact_row(learner_id, item.fence, fact))
        if isinstance(fact, Credited):
            self._credits += credit_rows(learner_id, fact)
            self._touched.add((learner_id, fact.lesson_id, fact.day))
            self._stored[learner_id] = fact.stretch
            self._seat(learner_id)["seat_stretch"] = fact.stretch
            return
        if isinstance(fact, CheckDecided):
            # It settles what was credited before it, and nothing that comes after.
            await self._credit()
            self._touched |= await apply_to_ledger(self._conn, learner_id, fact)
            self._seat(learner_id)["seat_decided"] = fact.number
        await apply_fact(self._conn, learner_id, fact)

    def _seat(self, learner_id: int) -> dict:
        return self._moved.setdefault(
            learner_id, {"seat": learner_id, "seat_stretch": self._stored[learner_id], "seat_decided": None}
        )

    async def _credit(self) -> None:
        if self._credits:
            await self._conn.execute(insert(ledger), self._credits)
            self._credits = []

    async def finish(self) -> None:
        await self._credit()
        if self._facts:
            await self._conn.execute(insert(facts), self._facts)
        await recompute_rollups(self._conn, self._touched)
        if self._moved:
            await self._conn.execute(_MOVE, [self._moved[learner_id] for learner_id in sorted(self._moved)])


_MOVE = (
    update(seats)
    .where(seats.c.learner_id == bindparam("seat", type_=Key))
    .values(
        stored_stretch=bindparam("seat_stretch", type_=Integer),
        decided_number=func.coalesce(bindparam("seat_decided", type_=Integer), seats.c.decided_number),
    )
)


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
