"""What people read of the study record: one lesson as it stands, progress, days and totals.

The seat holds milliseconds that are granted and not yet in the ledger (an open stretch); every figure here
includes them as provisional, so that totals of a lesson, of its days and of all add up at any moment.
"""

from __future__ import annotations

from collections import defaultdict

import msgspec
from sqlalchemy import func, select

from proctor.core.facts import COVERED, Spans, Status
from proctor.core.inputs import Totals
from proctor.core.intervals import normalise, subtract, total
from proctor.core.snapshot import decode_snapshot
from proctor.modules.catalog.tables import courses, lessons
from proctor.modules.study.tables import checks, facts, lesson_states, rollups, seats
from proctor.modules.study.tables import ledger as ledger_table

ROWS_MAX = 5_000
REFUSALS_MAX = 500
CHECKS_MAX = 200
FIELDS = tuple(f"{status}_ms" for status in Status)


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True):
    """Granted media of one fate; `settled_ms` is None while nothing was decided. Not `stored`: on its way still."""

    from_ms: int
    to_ms: int
    status: str
    day: str
    granted_ms: int
    settled_by: str = ""
    settled_ms: int | None = None
    stored: bool = True


class RefusedRun(msgspec.Struct, frozen=True, kw_only=True):
    """Media that was seen and not counted, for one reason."""

    from_ms: int
    to_ms: int
    reason: str
    at_ms: int


class CheckRow(msgspec.Struct, frozen=True, kw_only=True):
    """`settled_to_ms`: the end of this lesson's media that it settled; None when it settled none of it."""

    id: str
    kind: str
    outcome: str
    detail: str
    issued_ms: int
    tries: int
    decided_ms: int | None
    way: str = "routine"  # core CheckWay, of the newest try
    settled_to_ms: int | None = None


class LedgerDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision of people that changed this lesson's ledger."""

    decision_id: int
    action: str
    at_ms: int
    spans: Spans


class LessonRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One lesson of one learner as it stands now."""

    ledger: tuple[LedgerRow, ...]
    refused: tuple[RefusedRun, ...]
    checks: tuple[CheckRow, ...]
    decisions: tuple[LedgerDecision, ...]
    totals: Totals
    completed: bool
    duration_ms: int


class LessonProgress(msgspec.Struct, frozen=True, kw_only=True):
    totals: Totals
    completed: bool = False
    last_ms: int = 0


class DayRow(msgspec.Struct, frozen=True, kw_only=True):
    day: str
    lesson_id: int
    lesson_title: str
    course_title: str
    totals: Totals


class _Unstored(msgspec.Struct, frozen=True, kw_only=True):
    lesson_id: int
    day: str
    spans: Spans
    at_ms: int


def add(left: Totals, right: Totals) -> Totals:
    return Totals(**{name: getattr(left, name) + getattr(right, name) for name in FIELDS})


async def _unstored(conn, learner_id: int) -> tuple[_Unstored, ...]:
    """What the seat holds beyond the ledger: closed stretches on their way, and the open one."""
    row = (
        await conn.execute(
            select(seats.c.state, seats.c.stored_stretch, seats.c.updated_ms).where(seats.c.learner_id == learner_id)
        )
    ).one_or_none()
    if row is None:
        return ()
    state = decode_snapshot(bytes(row.state))
    open_one = ((state.stretch, state.lesson_id, state.open_spans, state.day),) if state.open_spans else ()
    found = []
    for number, lesson_id, spans, day in (*state.closed, *open_one):
        if number <= row.stored_stretch:
            continue
        where = (ledger_table.c.learner_id == learner_id, ledger_table.c.lesson_id == lesson_id)
        stored = select(ledger_table.c.from_ms, ledger_table.c.to_ms).where(
            *where, ledger_table.c.status.in_([str(status) for status in COVERED])
        )
        fresh = subtract(spans, normalise((a, b) for a, b in (await conn.execute(stored)).all()))
        if fresh:
            found.append(_Unstored(lesson_id=lesson_id, day=day, spans=fresh, at_ms=row.updated_ms))
    return tuple(found)


async def lesson_record(conn, learner_id: int, lesson_id: int) -> LessonRecord:
    """Everything the record page and the reviewer's timeline show of one lesson. The caller checked borders."""
    rows = await _ledger(conn, learner_id, lesson_id)
    sums: dict[str, int] = defaultdict(int)
    for row in rows:
        sums[f"{row.status}_ms"] += row.to_ms - row.from_ms
    state = select(lesson_states.c.completed).where(
        lesson_states.c.learner_id == learner_id, lesson_states.c.lesson_id == lesson_id
    )
    duration = select(lessons.c.duration_ms).where(lessons.c.id == lesson_id)
    return LessonRecord(
        ledger=rows,
        refused=await _refused(conn, learner_id, lesson_id),
        checks=await _checks(conn, learner_id, lesson_id),
        decisions=await _decisions(conn, learner_id, lesson_id),
        totals=Totals(**sums),
        completed=bool((await conn.execute(state)).scalar_one_or_none()),
        duration_ms=(await conn.execute(duration)).scalar_one(),
    )


async def _ledger(conn, learner_id: int, lesson_id: int) -> tuple[LedgerRow, ...]:
    table = ledger_table
    statement = (
        select(
            table.c.from_ms, table.c.to_ms, table.c.status, table.c.day, table.c.granted_ms, table.c.settled_by,
            table.c.settled_ms,
        )
        .where(table.c.learner_id == learner_id, table.c.lesson_id == lesson_id)
        .order_by(table.c.from_ms, table.c.id)
        .limit(ROWS_MAX)
    )  # fmt: skip
    rows = [LedgerRow(**row) for row in (await conn.execute(statement)).mappings().all()]
    for part in await _unstored(conn, learner_id):
        if part.lesson_id == lesson_id:
            rows += [
                LedgerRow(
                    from_ms=a, to_ms=b, status=str(Status.PROVISIONAL), day=part.day, granted_ms=part.at_ms,
                    stored=False,
                )  # fmt: skip
                for a, b in part.spans
            ]
    return tuple(sorted(rows, key=lambda row: (row.from_ms, row.to_ms)))


async def _refused(conn, learner_id: int, lesson_id: int) -> tuple[RefusedRun, ...]:
    bodies = await _bodies(conn, learner_id, lesson_id, "refused", REFUSALS_MAX)
    return tuple(
        RefusedRun(from_ms=b["from_ms"], to_ms=b["to_ms"], reason=b["reason"], at_ms=b["at_ms"])
        for b in bodies
        if b["to_ms"] > b["from_ms"]
    )


async def _decisions(conn, learner_id: int, lesson_id: int) -> tuple[LedgerDecision, ...]:
    bodies = await _bodies(conn, learner_id, lesson_id, "decided", REFUSALS_MAX)
    return tuple(
        LedgerDecision(
            decision_id=b["decision_id"], action=b["action"], at_ms=b["at_ms"],
            spans=tuple((span[0], span[1]) for span in b["spans"]),
        )
        for b in bodies
    )  # fmt: skip


async def _bodies(conn, learner_id: int, lesson_id: int, kind: str, limit: int) -> list[dict]:
    """Newest first."""
    statement = (
        select(facts.c.body)
        .where(facts.c.learner_id == learner_id, facts.c.lesson_id == lesson_id, facts.c.kind == kind)
        .order_by(facts.c.id.desc())
        .limit(limit)
    )
    return [msgspec.json.decode(body) for (body,) in (await conn.execute(statement)).all()]


async def _checks(conn, learner_id: int, lesson_id: int) -> tuple[CheckRow, ...]:
    """Checks of this lesson, and those that settled time of this lesson from elsewhere."""
    ends = await _settled_ends(conn, learner_id, lesson_id)
    statement = (
        select(
            checks.c.id, checks.c.kind, checks.c.outcome, checks.c.detail, checks.c.issued_ms, checks.c.tries,
            checks.c.decided_ms, checks.c.way,
        )
        .where(
            checks.c.learner_id == learner_id,
            (checks.c.lesson_id == lesson_id) | checks.c.id.in_(list(ends)[-CHECKS_MAX:]),
        )
        .order_by(checks.c.number.desc())
        .limit(CHECKS_MAX)
    )  # fmt: skip
    rows = (await conn.execute(statement)).mappings().all()
    return tuple(CheckRow(**row, settled_to_ms=ends.get(row["id"])) for row in rows)


async def _settled_ends(conn, learner_id: int, lesson_id: int) -> dict[str, int]:
    """By check, the oldest first: the end of this lesson's media that it settled.

    From the facts and not from the ledger, whose rows name the last thing that changed them: after a decision of
    people that is the decision, and the check would be forgotten.
    """
    statement = (
        select(facts.c.kind, facts.c.body)
        .where(
            facts.c.learner_id == learner_id,
            ((facts.c.kind == "credited") & (facts.c.lesson_id == lesson_id)) | (facts.c.kind == "check_decided"),
        )
        .order_by(facts.c.id.desc())
        .limit(ROWS_MAX)
    )
    ends: dict[str, int] = {}
    open_ms = 0
    seen: set[int] = set()
    for kind, body in reversed((await conn.execute(statement)).all()):
        fact = msgspec.json.decode(body)
        if kind == "credited" and fact["stretch"] not in seen:
            seen.add(fact["stretch"])
            open_ms = max([open_ms, *(span[1] for span in fact["spans"])])
        elif kind == "check_decided" and open_ms:
            ends[fact["check_id"]] = open_ms
            open_ms = 0
    return ends


async def progress(conn, learner_id: int) -> dict[int, LessonProgress]:
    """By lesson: what counts, whether it is complete, when it was last studied."""
    columns = [func.sum(rollups.c[name]).label(name) for name in FIELDS]
    sums = select(rollups.c.lesson_id, *columns).where(rollups.c.learner_id == learner_id)
    totals_by: dict[int, Totals] = {
        row["lesson_id"]: _totals(row)
        for row in (await conn.execute(sums.group_by(rollups.c.lesson_id))).mappings().all()
    }
    for part in await _unstored(conn, learner_id):
        before = totals_by.get(part.lesson_id, Totals())
        totals_by[part.lesson_id] = add(before, Totals(provisional_ms=total(part.spans)))
    statement = select(lesson_states.c.lesson_id, lesson_states.c.completed, lesson_states.c.last_ms)
    states = (await conn.execute(statement.where(lesson_states.c.learner_id == learner_id))).all()
    found = {lesson_id: LessonProgress(totals=sums) for lesson_id, sums in totals_by.items()}
    for lesson_id, completed, last_ms in states:
        sums_of = totals_by.get(lesson_id, Totals())
        found[lesson_id] = LessonProgress(totals=sums_of, completed=bool(completed), last_ms=last_ms)
    return found


def _totals(row) -> Totals:
    return Totals(**{name: int(row[name] or 0) for name in FIELDS})


async def granted_on_day(conn, learner_id: int, day: str) -> int:
    """Everything granted that day, whatever became of it: what the daily cap counts."""
    columns = sum((rollups.c[name] for name in FIELDS[1:]), rollups.c[FIELDS[0]])
    statement = select(func.coalesce(func.sum(columns), 0)).where(
        rollups.c.learner_id == learner_id, rollups.c.day == day
    )
    stored = int((await conn.execute(statement)).scalar_one())
    return stored + sum(total(part.spans) for part in await _unstored(conn, learner_id) if part.day == day)


async def days(conn, learner_id: int, institution_id: int, *, days: int = 60) -> list[DayRow]:
    """By day and lesson, newest day first, the last `days` days on which something was granted."""
    newest = (
        select(rollups.c.day).where(rollups.c.learner_id == learner_id).distinct()
        .order_by(rollups.c.day.desc()).limit(days).subquery()
    )  # fmt: skip
    statement = (
        select(rollups)
        .where(rollups.c.learner_id == learner_id, rollups.c.day.in_(select(newest.c.day)))
        .limit(ROWS_MAX)
    )
    sums: dict[tuple[str, int], Totals] = {}
    for row in (await conn.execute(statement)).mappings().all():
        sums[row["day"], row["lesson_id"]] = _totals(row)
    for part in await _unstored(conn, learner_id):
        key = (part.day, part.lesson_id)
        sums[key] = add(sums.get(key, Totals()), Totals(provisional_ms=total(part.spans)))
    titles = await _titles(conn, institution_id, {lesson_id for _day, lesson_id in sums})
    rows = [
        DayRow(day=day, lesson_id=lesson_id, lesson_title=titles[lesson_id][0], course_title=titles[lesson_id][1],
               totals=found)
        for (day, lesson_id), found in sums.items()
        if lesson_id in titles and found != Totals()
    ]  # fmt: skip
    rows.sort(key=lambda row: (row.course_title, row.lesson_id))
    return sorted(rows, key=lambda row: row.day, reverse=True)


async def _titles(conn, institution_id: int, ids: set[int]) -> dict[int, tuple[str, str]]:
    if not ids:
        return {}
    statement = (
        select(lessons.c.id, lessons.c.title, courses.c.title.label("course_title"))
        .join(courses, courses.c.id == lessons.c.course_id)
        .where(lessons.c.id.in_(sorted(ids)), courses.c.institution_id == institution_id)
    )
    return {row.id: (row.title, row.course_title) for row in (await conn.execute(statement)).all()}


async def totals(conn, learner_id: int) -> Totals:
    """Of all lessons and days of one learner."""
    columns = [func.sum(rollups.c[name]).label(name) for name in FIELDS]
    statement = select(*columns).where(rollups.c.learner_id == learner_id)
    stored = _totals((await conn.execute(statement)).mappings().one())
    open_ms = sum(total(part.spans) for part in await _unstored(conn, learner_id))
    return add(stored, Totals(provisional_ms=open_ms))
