"""Folding facts: the pure ledger that SQL must equal, and fewer facts with the same ledger.

Law, tested by property: `ledger(coalesce(facts)) == ledger(facts)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from proctor.core.facts import (
    COVERED,
    CheckDecided,
    Credited,
    Decided,
    Fact,
    Outcome,
    Refused,
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
            rows = [
                msgspec.structs.replace(row, status=status) if row.status is Status.PROVISIONAL else row
                for row in rows
            ]
        elif isinstance(fact, Decided):
            rows = decide(rows, fact.lesson_id, fact.action, fact.spans)
    return canonical(rows)


def decide(rows: Sequence[Row], lesson_id: int, action: str, spans: Spans) -> list[Row]:
    """Rows of the lesson are split at the edges of `spans`; what lies inside changes as `DECIDES` says.

    Whatever would come back to the coverage comes back only as far as nothing else covers it by now.
    """
    covered: Spans = normalise(
        (row.from_ms, row.to_ms) for row in rows if row.lesson_id == lesson_id and row.status in COVERED
    )
    after: list[Row] = []
    for row in rows:
        status = DECIDES.get((action, row.status))
        if row.lesson_id != lesson_id or status is None:
            after.append(row)
            continue
        whole: Spans = ((row.from_ms, row.to_ms),)
        inside = intersect(whole, spans)
        if status in COVERED and row.status not in COVERED:
            inside = subtract(inside, covered)
            covered = union(covered, inside)
        for part in inside:
            after.append(Row(row.lesson_id, row.day, status, *part))
        for part in subtract(whole, inside):
            after.append(Row(row.lesson_id, row.day, row.status, *part))
    return after


def canonical(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Equal ledgers compare equal: sorted, and neighbours of one lesson, day and status merged."""
    merged: list[Row] = []
    for row in sorted(rows):
        last = merged[-1] if merged else None
        same = last and (last.lesson_id, last.day, last.status) == (row.lesson_id, row.day, row.status)
        if same and last and last.to_ms == row.from_ms:
            merged[-1] = msgspec.structs.replace(last, to_ms=row.to_ms)
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
            after[-1] = msgspec.structs.replace(
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
