"""Storing facts: ledger, checks, cases, lesson states and rollups, inside one transaction of the caller."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Integer, bindparam, insert, text, update

from proctor.adapters.sql_facts import apply_fact, touch_lessons
from proctor.core.coalesce import SETTLES, coalesce
from proctor.core.facts import COVERED, CheckDecided, Credited, Fact, Spans, Status
from proctor.core.inputs import Totals
from proctor.core.intervals import normalise, subtract, union
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
    items = [item for item in items if item.facts]
    if not items:
        return
    await batch.look((item.learner_id, fact.lesson_id) for item in items for fact in item.facts if _pays(fact))
    for item in items:
        for fact in coalesce(item.facts):
            if not isinstance(fact, Credited) or fact.stretch > stored[item.learner_id]:
                await batch.add(item, fact)
    await batch.finish()
    # Where each learner is, for "continue".
    await touch_lessons(conn, items)


class _Batch:
    """Rows that wait for one statement each, in an order that gives the same record as one by one."""

    def __init__(self, conn, stored: dict[int, int]) -> None:
        self._conn = conn
        self._stored = stored
        self._facts: list[dict] = []
        self._credits: list[dict] = []
        self._covered: dict[tuple[int, int], Spans] = {}  # by learner and lesson, of those that are paid here
        self._touched: set[RollupKey] = set()
        self._moved: set[int] = set()  # learners whose newest stored stretch is another one now

    async def look(self, places: Iterable[tuple[int, int]]) -> None:
        """Read what is covered now."""
        found = await read_coverages(self._conn, places)
        self._covered |= {place: covered for place, (covered, _provisional, _totals) in found.items()}

    async def add(self, item: SeatWrite, fact: Fact) -> None:
        learner_id = item.learner_id
        if isinstance(fact, Credited):
            fact = self._fresh(learner_id, fact)
        self._facts.append(fact_row(learner_id, item.fence, fact))
        if isinstance(fact, Credited):
            self._credits += credit_rows(learner_id, fact)
            self._touched.add((learner_id, fact.lesson_id, fact.day))
            self._stored[learner_id] = fact.stretch
            self._moved.add(learner_id)
            return
        if isinstance(fact, CheckDecided):
            # It settles what was credited before it, and nothing that comes after.
            await self._credit()
            self._touched |= await apply_to_ledger(self._conn, learner_id, fact)
            await self.look([place for place in self._covered if place[0] == learner_id])
        await apply_fact(self._conn, learner_id, fact)

    def _fresh(self, learner_id: int, fact: Credited) -> Credited:
        """Without what people gave back while the stretch was open: watched again meanwhile, it is paid once."""
        covered = self._covered.get((learner_id, fact.lesson_id), ())
        fresh = subtract(fact.spans, covered)
        self._covered[learner_id, fact.lesson_id] = union(covered, fresh)
        return fact if fresh == fact.spans else msgspec.structs.replace(fact, spans=fresh)

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
            rows = [{"seat": one, "seat_stretch": self._stored[one]} for one in sorted(self._moved)]
            await self._conn.execute(_MOVE, rows)


def _pays(fact: Fact) -> bool:
    return isinstance(fact, Credited) and bool(fact.spans)


_MOVE = (
    update(seats)
    .where(seats.c.learner_id == bindparam("seat", type_=Key))
    .values(stored_stretch=bindparam("seat_stretch", type_=Integer))
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


# A join with the wanted pairs: a list of pairs after IN would not find its index in SQLite. They come as one value,
# since VALUES with each of them is a new statement to the library every time, and to make one costs a millisecond.
_SPANS = "SELECT ledger.learner_id, ledger.lesson_id, ledger.status, ledger.from_ms, ledger.to_ms "
_OF_PAIRS_SQLITE = text(
    _SPANS + "FROM json_each(:pairs) AS pair CROSS JOIN ledger"
    " ON ledger.learner_id = json_extract(pair.value, '$[0]') AND ledger.lesson_id = json_extract(pair.value, '$[1]')"
)
_OF_PAIRS = text(
    _SPANS + "FROM unnest(CAST(:learners AS bigint[]), CAST(:lessons AS bigint[])) AS pair (learner_id, lesson_id)"
    " JOIN ledger ON ledger.learner_id = pair.learner_id AND ledger.lesson_id = pair.lesson_id"
)


async def read_coverages(
    conn, places: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], tuple[Spans, Spans, Totals]]:
    """Covered spans, their provisional part, and totals by status, for each (learner, lesson)."""
    wanted = sorted(set(places))
    if not wanted:
        return {}
    spans: dict[tuple[int, int], dict[str, list[tuple[int, int]]]] = {place: defaultdict(list) for place in wanted}
    learners, lessons = zip(*wanted, strict=True)
    if conn.dialect.name == "sqlite":
        found = await conn.execute(_OF_PAIRS_SQLITE, {"pairs": msgspec.json.encode(wanted).decode()})
    else:
        found = await conn.execute(_OF_PAIRS, {"learners": learners, "lessons": lessons})
    for learner_id, lesson_id, status, from_ms, to_ms in found.all():
        spans[learner_id, lesson_id][status].append((from_ms, to_ms))
    return {place: _coverage(mine) for place, mine in spans.items()}


def _coverage(spans: dict[str, list[tuple[int, int]]]) -> tuple[Spans, Spans, Totals]:
    sums = {f"{status}_ms": sum(to_ms - from_ms for from_ms, to_ms in mine) for status, mine in spans.items()}
    covered = normalise(span for status in COVERED for span in spans.get(status, ()))
    return covered, normalise(spans.get(Status.PROVISIONAL, ())), Totals(**sums)
