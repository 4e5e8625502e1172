"""S3: for every learner, what is stored against what was played. The record is read from SQL, not asked of a gateway.

A student plays one run of media from its start. So what is stored must be exactly one run without a hole and without
a second time: from the start to where the last ack says that the claims were granted, and never longer than the clock
ran between the welcome and that ack. Who was answered on the closing beat knows the last total: there the record must
be that total to the millisecond, neither less nor more. And what was claimed must have been granted, but for what the
rules themselves drop (`short_ms`): a house that grants nothing loses nothing, and is not true either.
"""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
from sqlalchemy import func, select

from proctor import compose
from proctor.modules.study.tables import ledger, rollups
from proctor.settings import Settings


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One learner as its load process tells it. Media ms, but for `elapsed_ms`, `resumes` and `state`."""

    learner: int
    start_ms: int
    pos: int
    short_ms: int
    total_ms: int
    durable_ms: int
    broken_ms: int
    resumes: int
    state: int
    elapsed_ms: int
    closed: int = 0  # 1: the closing beat was answered, so `total_ms` is the last word
    dialled_us: int = 0  # of the machine's clock: the first dial; 0: it never did
    taken_us: int = 0  # when it was told that another device studies; 0: never


class Truth(msgspec.Struct, kw_only=True):
    """What the comparison found, over all learners. Milliseconds."""

    learners: int = 0
    credited_ms: int = 0
    lost_ms: int = 0  # acknowledged as durable or counted, and not stored
    twice_ms: int = 0  # stored more than once, beyond what was claimed, or more than the last answer said
    above_ms: int = 0  # stored beyond the clock
    rollup_ms: int = 0  # rollups that differ from the ledger
    short_ms: int = 0  # claimed, and not granted because no time had passed for it: never acknowledged
    short_most_ms: int = 0
    wrong: list[str] = []  # the first learners that are not as they must be

    @property
    def holds(self) -> bool:
        return not (self.lost_ms or self.twice_ms or self.above_ms or self.rollup_ms) and self.learners > 0


WRONG_MAX = 20


def read_told(paths: list[Path]) -> list[Told]:
    found = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as lines:
            found += [Told(**{name: int(value) for name, value in row.items()}) for row in csv.DictReader(lines)]
    return found


def joined(told: list[Told]) -> list[Told]:
    """Learners who came in several parts, one after the other: one run of media, and the clock of all parts."""
    found: dict[int, Told] = {}
    for one in told:
        before = found.get(one.learner)
        if one.start_ms < 0:
            continue
        if before is not None:
            one = msgspec.structs.replace(
                one, start_ms=before.start_ms, elapsed_ms=before.elapsed_ms + one.elapsed_ms,
                broken_ms=max(before.broken_ms, one.broken_ms), resumes=before.resumes + one.resumes,
            )  # fmt: skip
        found[one.learner] = one
    return list(found.values())


def compare(told: list[Told], stored: dict[int, list[tuple[int, int]]], sums: dict[int, int]) -> Truth:
    """`stored`: spans by learner in the order of their start; `sums`: rollups by learner."""
    found = Truth()
    for one in told:
        spans = stored.get(one.learner, [])
        sum_ms = sum(b - a for a, b in spans)
        union_ms = _union(spans)
        from_ms, to_ms = (spans[0][0], max(b for _a, b in spans)) if spans else (one.start_ms, one.start_ms)
        claimed_ms = one.pos - one.start_ms
        promised_ms = max(one.total_ms, one.durable_ms - one.start_ms)
        lost_ms = max(0, promised_ms - union_ms, one.broken_ms)
        unclaimed_ms = max(0, one.start_ms - from_ms) + max(0, to_ms - one.pos)
        untold_ms = max(0, union_ms - one.total_ms) if one.closed else 0
        twice_ms = (sum_ms - union_ms) + max(unclaimed_ms, untold_ms)
        above_ms = max(0, sum_ms - one.elapsed_ms)
        rollup_ms = abs(sums.get(one.learner, 0) - sum_ms)
        found.learners += 1
        found.credited_ms += sum_ms
        found.lost_ms += lost_ms
        found.twice_ms += twice_ms
        found.above_ms += above_ms
        found.rollup_ms += rollup_ms
        short_ms = max(0, claimed_ms - sum_ms)
        found.short_ms += short_ms
        found.short_most_ms = max(found.short_most_ms, short_ms)
        if (lost_ms or twice_ms or above_ms or rollup_ms) and len(found.wrong) < WRONG_MAX:
            found.wrong.append(f"{one} stored {spans[:6]}")
    return found


def _union(spans: list[tuple[int, int]]) -> int:
    ms, edge = 0, -1
    for from_ms, to_ms in spans:
        ms += max(0, to_ms - max(from_ms, edge))
        edge = max(edge, to_ms)
    return ms


async def read(settings: Settings, paths: list[Path]) -> Truth:
    """The whole comparison. `paths`: what all load processes told, in the order of the parts."""
    stored: dict[int, list[tuple[int, int]]] = {}
    spans = select(ledger.c.learner_id, ledger.c.from_ms, ledger.c.to_ms)
    counted = rollups.c.provisional_ms + rollups.c.waiting_ms + rollups.c.final_ms
    async with compose.database(settings) as db, db.read() as conn:
        for learner_id, from_ms, to_ms in await conn.execute(spans.order_by(ledger.c.learner_id, ledger.c.from_ms)):
            stored.setdefault(learner_id, []).append((from_ms, to_ms))
        totals = select(rollups.c.learner_id, func.sum(counted)).group_by(rollups.c.learner_id)
        sums = {learner_id: int(ms) for learner_id, ms in await conn.execute(totals)}
    return compare(joined(read_told(paths)), stored, sums)
