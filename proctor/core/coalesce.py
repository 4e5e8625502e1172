"""Folding facts: the pure ledger that SQL must equal, and fewer facts with the same ledger.

Law, tested by property: `ledger(coalesce(facts)) == ledger(facts)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from proctor.core.facts import (
    COVERED,
    CheckDecided,
    Credited,
    Decided,
    Fact,
    Outcome,
    Refused,
    Span,
    Spans,
    Status,
)
from proctor.core.intervals import intersect, normalise, subtract, union

# What a decided check makes of what is provisional.
SETTLES: dict[Outcome, Status] = {
    Outcome.PASSED: Status.FINAL,
    Outcome.UNCLEAR: Status.WAITING,
    Outcome.MISSED: Status.WITHHELD,
    Outcome.MISMATCH: Status.WITHHELD,
}

# What a decision of people makes of each status; a missing pair stays as it is.
DECIDES: dict[tuple[str, Status], Status] = {
    ("accept", Status.WAITING): Status.FINAL,
    ("accept", Status.WITHHELD): Status.FINAL,
    ("void", Status.PROVISIONAL): Status.VOID,
    ("void", Status.WAITING): Status.VOID,
    ("void", Status.WITHHELD): Status.VOID,
    ("void", Status.FINAL): Status.VOID,
    ("restore", Status.WITHHELD): Status.FINAL,
    ("restore", Status.VOID): Status.FINAL,
}


class Row(msgspec.Struct, frozen=True, gc=False, order=True):
    """Granted milliseconds of one status; rows of one lesson may overlap only outside the coverage."""

    lesson_id: int
    day: str
    status: Status
    from_ms: int
    to_ms: int


R = TypeVar("R", bound=Row)


def ledger(facts: Iterable[Fact]) -> tuple[Row, ...]:
    """The ledger of one learner from the facts in order, in a canonical form (sorted, neighbours merged)."""
    rows: list[Row] = []
    seen: set[int] = set()
    for fact in facts:
        if isinstance(fact, Credited):
            if fact.stretch not in seen:
                seen.add(fact.stretch)
                rows += [Row(fact.lesson_id, fact.day, Status.PROVISIONAL, a, b) for a, b in fact.spans]
        elif isinstance(fact, CheckDecided):
            status = SETTLES[fact.outcome]
            rows = [replace(row, status=status) if row.status is Status.PROVISIONAL else row for row in rows]
        elif isinstance(fact, Decided):
            rows, _days = decide(rows, fact.lesson_id, fact.action, fact.spans)
    return canonical(rows)


def changes(parts: Iterable[tuple[Status, Span]], action: str, spans: Spans) -> list[tuple[Status, Spans]]:
    """What a decision on `spans` makes of the rows of one lesson, in their order: for each of them its new status,
    and the spans inside it that get it, as `DECIDES` says; none where the row stays whole and as it is.

    Whatever would come back to the coverage comes back only as far as nothing else covers it by now.
    """
    parts = list(parts)
    covered: Spans = normalise(span for status, span in parts if status in COVERED)
    found: list[tuple[Status, Spans]] = []
    for status, span in parts:
        after = DECIDES.get((action, status), status)
        inside = intersect((span,), spans) if after is not status else ()
        if after in COVERED and status not in COVERED:
            inside = subtract(inside, covered)
            covered = union(covered, inside)
        found.append((after, inside))
    return found


def decide(rows: Sequence[R], lesson_id: int, action: str, spans: Spans, **fresh: object) -> tuple[list[R], set[str]]:
    """Rows of the lesson are split at the edges of what changes; returns all rows, and the days that are touched.

    `fresh`: further values of what changes.
    """
    mine = [row for row in rows if row.lesson_id == lesson_id]
    found = iter(changes([(row.status, (row.from_ms, row.to_ms)) for row in mine], action, spans))
    after: list[R] = []
    days: set[str] = set()
    for row in rows:
        status, inside = next(found) if row.lesson_id == lesson_id else (row.status, ())
        if not inside:
            after.append(row)
            continue
        days.add(row.day)
        changed = replace(row, status=status, **fresh)
        after += [replace(changed, from_ms=a, to_ms=b) for a, b in inside]
        after += [replace(row, from_ms=a, to_ms=b) for a, b in subtract(((row.from_ms, row.to_ms),), inside)]
    return after, days


def canonical(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Equal ledgers compare equal: sorted, and neighbours of one lesson, day and status merged."""
    merged: list[Row] = []
    for row in sorted(rows):
        last = merged[-1] if merged else None
        same = last and (last.lesson_id, last.day, last.status) == (row.lesson_id, row.day, row.status)
        if same and last and last.to_ms == row.from_ms:
            merged[-1] = replace(last, to_ms=row.to_ms)
        else:
            merged.append(row)
    return tuple(merged)


def totals(rows: Iterable[Row]) -> dict[tuple[int, str, Status], int]:
    """Milliseconds by lesson, day and status: what the rollups must say."""
    found: dict[tuple[int, str, Status], int] = {}
    for row in rows:
        key = (row.lesson_id, row.day, row.status)
        found[key] = found.get(key, 0) + row.to_ms - row.from_ms
    return found


def coalesce(facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """Fewer facts for SQL: neighbouring runs of refusals for one reason become one; nothing else changes."""
    after: list[Fact] = []
    for fact in facts:
        last = after[-1] if after else None
        if (
            isinstance(fact, Refused)
            and isinstance(last, Refused)
            and fact.reason is last.reason
            and fact.lesson_id == last.lesson_id
        ):
            after[-1] = replace(
                last,
                at_ms=fact.at_ms,
                from_ms=min(last.from_ms, fact.from_ms),
                to_ms=max(last.to_ms, fact.to_ms),
                ms=last.ms + fact.ms,
                beats=last.beats + fact.beats,
            )
        else:
            after.append(fact)
    return tuple(after)
