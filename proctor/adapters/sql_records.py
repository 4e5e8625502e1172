"""Records in SQL: the seat's fence guards every write; all that follows from a fact is one transaction."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import select, update

from proctor.adapters.sql_database import SqlDatabase
from proctor.adapters.sql_opening import Openings
from proctor.adapters.sql_store import read_coverage, store_items
from proctor.core.facts import Spans
from proctor.core.inputs import Instruction, Totals
from proctor.core.snapshot import encode_snapshot
from proctor.modules.study.tables import instructions, seats
from proctor.ports import OpenSeat, SeatOpened, SeatRefused, SeatWrite, SeatWritten

INSTRUCTIONS_MAX = 100


class SqlRecords:
    """`ports.Records` on SQLite and PostgreSQL."""

    def __init__(self, db: SqlDatabase, *, policy: str = "") -> None:
        self._db = db
        self._openings = Openings(policy)

    async def open_seats(self, requests: Sequence[OpenSeat]) -> list[SeatOpened | SeatRefused]:
        answers: dict[int, SeatOpened | SeatRefused] = {}
        order = sorted(range(len(requests)), key=lambda index: (requests[index].learner_id, requests[index].fence))
        async with self._db.write() as conn:
            for index in order:
                answers[index] = await self._openings.open(conn, requests[index])
        return [answers[index] for index in range(len(requests))]

    async def write(self, items: Sequence[SeatWrite]) -> list[SeatWritten]:
        answers: dict[int, SeatWritten] = {}
        # Seats in key order, so that two gateways never wait for each other in a circle.
        order = sorted(range(len(items)), key=lambda index: items[index].learner_id)
        async with self._db.write() as conn:
            matched: list[SeatWrite] = []
            stored: dict[int, int] = {}
            for index in order:
                found = await _guard(conn, items[index])
                if found is None:
                    answers[index] = SeatWritten(matched=False, instruction_version=0)
                    continue
                stored.setdefault(items[index].learner_id, found[1])
                answers[index] = SeatWritten(matched=True, instruction_version=found[0])
                matched.append(items[index])
            await store_items(conn, matched, stored)
        return [answers[index] for index in range(len(items))]

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
            covered, _provisional, totals = await read_coverage(conn, learner_id, lesson_id)
        return covered, totals


async def _guard(conn, item: SeatWrite) -> tuple[int, int] | None:
    """The seat moves only under its own fence. Returns instruction version and the stretch stored so far."""
    values: dict = {"updated_ms": item.facts[-1].at_ms} if item.facts else {"fence": item.fence}
    if item.state is not None:
        values |= {"state": encode_snapshot(item.state), "lesson_id": item.lesson_id}
    statement = (
        update(seats)
        .where(seats.c.learner_id == item.learner_id, seats.c.fence == item.fence)
        .values(**values)
        .returning(seats.c.instruction_version, seats.c.stored_stretch)
    )
    found = (await conn.execute(statement)).one_or_none()
    return (found[0], found[1]) if found else None
