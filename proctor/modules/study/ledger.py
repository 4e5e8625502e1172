"""The ledger's SQL, shared by the journal, by decisions of people, and by the rebuild.

Everything here works inside the caller's write transaction. What happens to a row is said by `core.coalesce`
(`SETTLES`, `DECIDES`); this module only carries it out on the stored rows and keeps the rollups equal.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import delete, func, insert, select, update

from proctor.core.coalesce import changes
from proctor.core.facts import Credited, Fact, Spans, Status, encode
from proctor.core.inputs import Action, Instruction
from proctor.core.intervals import subtract, total
from proctor.modules.schema import upsert
from proctor.modules.study.tables import facts, instructions, ledger, rollups, seats

RollupKey = tuple[int, int, str]  # learner, lesson, day
STATUSES = tuple(Status)


def fact_row(learner_id: int, fence: int, fact: Fact) -> dict:
    """A fact as a row of `facts`."""
    return {
        "learner_id": learner_id, "lesson_id": fact.lesson_id, "fence": fence,
        "kind": fact.__struct_config__.tag, "at_ms": fact.at_ms, "cause": fact.cause[:64],
        "body": encode(fact).decode(),
    }  # fmt: skip


async def insert_fact(conn, *, learner_id: int, fence: int, fact: Fact) -> None:
    await conn.execute(insert(facts).values(**fact_row(learner_id, fence, fact)))


def credit_rows(learner_id: int, fact: Credited) -> list[dict]:
    """The ledger rows of one closed stretch."""
    return [
        {
            "learner_id": learner_id, "lesson_id": fact.lesson_id, "stretch": fact.stretch, "from_ms": from_ms,
            "to_ms": to_ms, "day": fact.day, "status": str(Status.PROVISIONAL), "granted_ms": fact.at_ms,
            "settled_by": "", "rule_version": fact.rule_version,
        }
        for from_ms, to_ms in fact.spans
    ]  # fmt: skip


async def settle(conn, learner_id: int, status: Status, cause: str, now_ms: int) -> set[RollupKey]:
    """A decided check: everything provisional of this learner, in all lessons, becomes `status`."""
    touched = select(ledger.c.lesson_id, ledger.c.day).distinct()
    touched = touched.where(ledger.c.learner_id == learner_id, ledger.c.status == Status.PROVISIONAL)
    keys = {(learner_id, lesson_id, day) for lesson_id, day in (await conn.execute(touched)).all()}
    if keys:
        await conn.execute(
            update(ledger)
            .where(ledger.c.learner_id == learner_id, ledger.c.status == Status.PROVISIONAL)
            .values(status=str(status), settled_ms=now_ms, settled_by=cause[:64])
        )
    return keys


async def lock_seat(conn, learner_id: int) -> None:
    """Queue behind whoever writes this learner's record now: facts get their ids in the order of their effect."""
    await conn.execute(update(seats).where(seats.c.learner_id == learner_id).values(fence=seats.c.fence))


async def change_status(
    conn, *, learner_id: int, lesson_id: int, spans: Spans, action: str, decision_id: int, now_ms: int
) -> int:
    """A decision of people on spans of one lesson: rows are split at the edges and change as `DECIDES` says.

    What would come back to the coverage comes back only as far as nothing else covers it by now. Returns the
    milliseconds that changed; rollups follow in the same transaction.
    """
    wanted = select(ledger).where(ledger.c.learner_id == learner_id, ledger.c.lesson_id == lesson_id)
    stored = (await conn.execute(wanted.order_by(ledger.c.id))).mappings().all()
    keys: set[RollupKey] = set()
    changed_ms = 0
    parts = [(Status(row["status"]), (row["from_ms"], row["to_ms"])) for row in stored]
    for row, (status, inside) in zip(stored, changes(parts, action, spans), strict=True):
        if not inside:
            continue
        keys.add((learner_id, lesson_id, row["day"]))
        changed_ms += total(inside)
        fresh = {"status": str(status), "settled_ms": now_ms, "settled_by": f"decision:{decision_id}"}
        await _split(conn, row, inside, subtract(((row["from_ms"], row["to_ms"]),), inside), fresh)
    await recompute_rollups(conn, keys)
    return changed_ms


async def _split(conn, row, inside: Spans, rest: Spans, fresh: dict) -> None:
    """One stored row becomes its parts; a row that changes whole keeps its id."""
    if not rest:
        await conn.execute(update(ledger).where(ledger.c.id == row["id"]).values(**fresh))
        return
    base = {name: value for name, value in row.items() if name != "id"}
    parts = [{**base, "from_ms": a, "to_ms": b, **fresh} for a, b in inside]
    parts += [{**base, "from_ms": a, "to_ms": b} for a, b in rest]
    await conn.execute(delete(ledger).where(ledger.c.id == row["id"]))
    await conn.execute(insert(ledger), parts)


async def recompute_rollups(conn, keys: Iterable[RollupKey]) -> None:
    """Rollups of these (learner, lesson, day) from their ledger rows: they cannot drift."""
    rows = {
        key: {"learner_id": key[0], "lesson_id": key[1], "day": key[2], **{f"{one}_ms": 0 for one in STATUSES}}
        for key in sorted(keys)
    }
    where = ledger.c.learner_id.in_({key[0] for key in rows}), ledger.c.day.in_({key[2] for key in rows})
    place = (ledger.c.learner_id, ledger.c.lesson_id, ledger.c.day, ledger.c.status)
    sums = select(*place, func.sum(ledger.c.to_ms - ledger.c.from_ms)).where(*where).group_by(*place)
    for learner_id, lesson_id, day, status, ms in (await conn.execute(sums)).all() if rows else ():
        # Other lessons of the same learner and day come along; they have not changed.
        row = rows.get((learner_id, lesson_id, day))
        if row is not None:
            row[f"{status}_ms"] = int(ms)
    if rows:
        names = [f"{one}_ms" for one in STATUSES]
        await conn.execute(upsert(conn.dialect.name, rollups, *names), list(rows.values()))


async def next_instruction(
    conn, *, learner_id: int, action: Action, lesson_id: int = 0, spans: Spans = (), decision_id: int = 0,
    now_ms: int,
) -> Instruction:
    """The next instruction of this learner, versioned under the seat row's lock.

    A learner who never studied has no seat and nothing to instruct: the version is then 0 and nothing is stored.
    """
    raised = (
        update(seats)
        .where(seats.c.learner_id == learner_id)
        .values(instruction_version=seats.c.instruction_version + 1)
        .returning(seats.c.instruction_version)
    )
    version = (await conn.execute(raised)).scalar_one_or_none() or 0
    instruction = Instruction(
        version=version, action=action, lesson_id=lesson_id, spans=spans, decision_id=decision_id
    )  # fmt: skip
    if version:
        row = {
            "learner_id": learner_id, "version": version, "body": msgspec.json.encode(instruction).decode(),
            "created_ms": now_ms,
        }  # fmt: skip
        await conn.execute(insert(instructions).values(**row))
    return instruction


async def instruct_seats(conn, *, lesson_id: int, action: Action, now_ms: int) -> list[tuple[int, Instruction]]:
    """The same instruction for everybody whose seat is in this lesson: (learner, instruction), each versioned."""
    # Locked in key order as the journal locks them: an update alone takes rows as it meets them, and the two could
    # wait for each other in a circle.
    here = select(seats.c.learner_id).where(seats.c.lesson_id == lesson_id).order_by(seats.c.learner_id)
    await conn.execute(here.with_for_update())
    raised = (
        update(seats)
        .where(seats.c.lesson_id == lesson_id)
        .values(instruction_version=seats.c.instruction_version + 1)
        .returning(seats.c.learner_id, seats.c.instruction_version)
    )
    made = [
        (learner_id, Instruction(version=version, action=action, lesson_id=lesson_id))
        for learner_id, version in (await conn.execute(raised)).all()
    ]
    if made:
        rows = [
            {"learner_id": learner_id, "version": one.version, "body": msgspec.json.encode(one).decode(),
             "created_ms": now_ms}
            for learner_id, one in made
        ]  # fmt: skip
        await conn.execute(insert(instructions), rows)
    return made
