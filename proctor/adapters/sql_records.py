"""Records in SQL: the seat's fence guards every write; all that follows from a fact is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Integer, LargeBinary, bindparam, func, select, update

from proctor.adapters.sql_database import SqlDatabase, run_rows
from proctor.adapters.sql_opening import Openings
from proctor.adapters.sql_store import read_coverages, store_items
from proctor.core.facts import Spans
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

        async def work(conn) -> dict[tuple[int, int], int]:
            found = await _locked(conn, ordered)
            matched = [item for item in ordered if (item.learner_id, item.fence) in found]
            fresh = await _move(conn, matched, {at: row.stored_facts for at, row in found.items()})
            await store_items(conn, fresh, {row.learner_id: row.stored_stretch for row in found.values()})
            return {at: row.instruction_version for at, row in found.items()}

        versions = await self._db.in_one(work)
        answers = [versions.get((item.learner_id, item.fence)) for item in items]
        return [SeatWritten(matched=one is not None, instruction_version=one or 0) for one in answers]

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

    async def coverage(self, learner_id: int, lesson_id: int) -> tuple[Spans, Spans, Totals]:
        async with self._db.read() as conn:
            found = await read_coverages(conn, [(learner_id, lesson_id)])
        return found[learner_id, lesson_id]


async def _locked(conn, items: Sequence[SeatWrite]) -> dict[tuple[int, int], Any]:
    """Seats by learner and fence, of those items whose fence is the seat's. Until the end nobody else moves them."""
    columns = seats.c.learner_id, seats.c.fence, seats.c.stored_stretch, seats.c.stored_facts
    statement = (
        select(*columns, seats.c.instruction_version)
        .where(seats.c.learner_id.in_([item.learner_id for item in items]))
        .order_by(seats.c.learner_id)
        .with_for_update()
    )
    wanted = {(item.learner_id, item.fence) for item in items}
    rows = {(row.learner_id, row.fence): row for row in (await conn.execute(statement)).all()}
    return {at: row for at, row in rows.items() if at in wanted}


_MOVE = (
    update(seats)
    .where(
        seats.c.learner_id == bindparam("seat", type_=Key), seats.c.fence == bindparam("seat_fence", type_=Key)
    )
    .values(
        updated_ms=bindparam("seat_ms", type_=Ms),
        stored_facts=bindparam("seat_facts", type_=Integer),
        state=func.coalesce(bindparam("seat_state", type_=LargeBinary), seats.c.state),
        lesson_id=func.coalesce(bindparam("seat_lesson", type_=Key), seats.c.lesson_id),
    )
)  # fmt: skip


async def _move(conn, items: Sequence[SeatWrite], stored: dict[tuple[int, int], int]) -> list[SeatWrite]:
    """Seats move under their own fence; returns the items with what is not stored yet.

    `stored`: how many facts of its session each seat has, by learner and fence.
    """
    rows, fresh = [], []
    for item in items:
        at = item.learner_id, item.fence
        known = max(0, stored[at] - item.first)
        fresh.append(msgspec.structs.replace(item, facts=item.facts[known:]) if known else item)
        stored[at] = max(stored[at], item.first + len(item.facts))
        rows.append({
            "seat": item.learner_id, "seat_fence": item.fence, "seat_facts": stored[at],
            "seat_ms": item.facts[-1].at_ms if item.facts else item.at_ms, "seat_state": item.state,
            "seat_lesson": item.lesson_id if item.state is not None else None,
        })  # fmt: skip
    if rows:
        await run_rows(conn, _MOVE, rows)
    return fresh
