"""Records in SQL: the seat's fence guards every write; all that follows from a fact is one transaction."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import LargeBinary, bindparam, func, select, update

from proctor.adapters.sql_database import SqlDatabase, run_rows
from proctor.adapters.sql_opening import Openings
from proctor.adapters.sql_store import read_coverages, store_items
from proctor.core.facts import CheckDecided, Spans
from proctor.core.inputs import Instruction, Totals
from proctor.modules.schema import Key, Ms
from proctor.modules.study.tables import instructions, seats
from proctor.ports import OpenSeat, SeatOpened, SeatRefused, SeatWrite, SeatWritten

INSTRUCTIONS_MAX = 100


class SqlRecords:
    """`ports.Records` on SQLite and PostgreSQL."""

    def __init__(self, db: SqlDatabase, *, policy: str = "") -> None:
        self._db = db
        self._openings = Openings(policy)

    async def open_seats(self, requests: Sequence[OpenSeat]) -> list[SeatOpened | SeatRefused]:
        if not requests:
            return []
        return await self._db.in_one(lambda conn: self._openings.open(conn, requests))

    async def write(self, items: Sequence[SeatWrite]) -> list[SeatWritten]:
        if not items:
            return []
        # Seats in key order, so that two gateways never wait for each other in a circle.
        ordered = sorted(items, key=lambda item: item.learner_id)

        async def work(conn) -> dict[tuple[int, int], tuple[int, int, int]]:
            found = await _guard(conn, ordered)
            matched = [
                _undecided(item, found[item.learner_id, item.fence][2])
                for item in ordered
                if (item.learner_id, item.fence) in found
            ]
            await store_items(conn, matched, {learner_id: row[1] for (learner_id, _fence), row in found.items()})
            return found

        found = await self._db.in_one(work)
        answers = [found.get((item.learner_id, item.fence)) for item in items]
        return [
            SeatWritten(matched=row is not None, instruction_version=row[0] if row is not None else 0)
            for row in answers
        ]

    async def instructions(self, learner_id: int, after_version: int) -> list[Instruction]:
        statement = (
            select(instructions.c.body)
            .where(instructions.c.learner_id == learner_id, instructions.c.version > after_version)
            .order_by(instructions.c.version)
            .limit(INSTRUCTIONS_MAX)
        )
        async with self._db.read() as conn:
            bodies = (await conn.execute(statement)).scalars().all()
        return [msgspec.json.decode(body, type=Instruction) for body in bodies]

    async def coverage(self, learner_id: int, lesson_id: int) -> tuple[Spans, Totals]:
        async with self._db.read() as conn:
            found = await read_coverages(conn, [(learner_id, lesson_id)])
        covered, _provisional, totals = found[learner_id, lesson_id]
        return covered, totals


def _undecided(item: SeatWrite, decided: int) -> SeatWrite:
    """Without checks that are stored as decided: sent again after a lost answer, they would settle newer credit."""
    fresh = tuple(one for one in item.facts if not (isinstance(one, CheckDecided) and one.number <= decided))
    return item if len(fresh) == len(item.facts) else msgspec.structs.replace(item, facts=fresh)


_GUARD = (
    update(seats)
    .where(
        seats.c.learner_id == bindparam("seat", type_=Key), seats.c.fence == bindparam("seat_fence", type_=Key)
    )
    .values(
        updated_ms=bindparam("seat_ms", type_=Ms),
        state=func.coalesce(bindparam("seat_state", type_=LargeBinary), seats.c.state),
        lesson_id=func.coalesce(bindparam("seat_lesson", type_=Key), seats.c.lesson_id),
    )
)  # fmt: skip


async def _guard(conn, items: Sequence[SeatWrite]) -> dict[tuple[int, int], tuple[int, int, int]]:
    """Seats move only under their own fence. Returns instruction version, the stretch stored and the check
    decided so far, by learner and fence, of those that did.

    The rows are locked when they are read, and a fence that is behind never becomes current again: what reads
    as current here is what the update matched.
    """
    rows = [
        {
            "seat": item.learner_id, "seat_fence": item.fence,
            "seat_ms": item.facts[-1].at_ms if item.facts else item.at_ms, "seat_state": item.state,
            "seat_lesson": item.lesson_id if item.state is not None else None,
        }
        for item in items
    ]  # fmt: skip
    await run_rows(conn, _GUARD, rows)
    numbers = seats.c.instruction_version, seats.c.stored_stretch, seats.c.decided_number
    columns = seats.c.learner_id, seats.c.fence, *numbers
    read = select(*columns).where(seats.c.learner_id.in_([item.learner_id for item in items]))
    wanted = {(item.learner_id, item.fence) for item in items}
    return {
        (learner_id, fence): (version, stretch, decided)
        for learner_id, fence, version, stretch, decided in (await conn.execute(read)).all()
        if (learner_id, fence) in wanted
    }
