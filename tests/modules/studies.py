"""What a learner left behind in SQL, for tests of decisions and pages: seat, credit, checks, and their case."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from proctor.adapters.sql_database import SqlDatabase
from proctor.adapters.sql_records import SqlRecords
from proctor.core.facts import BeatSummary, CheckDecided, CheckIssued, CheckKind, Credited, Fact, Outcome, Spans
from proctor.modules.reviews.tables import cases
from proctor.ports import OpenSeat, SeatOpened, SeatWrite
from tests.world import NOW_MS, World

DAY = "2026-09-21"


@dataclass(frozen=True)
class Study:
    """One learner with 6 s final, 4 s waiting for people because of one unclear check, and its case."""

    case: int
    check: str
    final: Spans = ((0, 6_000),)
    waiting: Spans = ((6_000, 10_000),)


def credited(lesson: int, stretch: int, spans: Spans, day: str = DAY) -> Credited:
    return Credited(
        lesson_id=lesson, at_ms=NOW_MS, cause="beat:1", stretch=stretch, spans=spans, day=day, from_at_ms=NOW_MS,
        rule_version="t", summary=BeatSummary(beats=1, gap_ms_max=0, frames=1),
    )  # fmt: skip


def check(lesson: int, number: int, check_id: str, outcome: Outcome) -> tuple[Fact, Fact]:
    issued = CheckIssued(
        lesson_id=lesson, at_ms=NOW_MS, cause="tick", check_id=check_id, number=number, kind=CheckKind.RANDOM,
        nonce="n", window_ms=60_000,
    )  # fmt: skip
    decided = CheckDecided(
        lesson_id=lesson, at_ms=NOW_MS, cause=f"check:{check_id}", check_id=check_id, number=number,
        kind=CheckKind.RANDOM, outcome=outcome, detail="dark", tries=1, review=outcome is not Outcome.PASSED,
    )  # fmt: skip
    return issued, decided


async def study(
    db: SqlDatabase, world: World, learner: int = 0, outcome: Outcome = Outcome.UNCLEAR
) -> Study:
    """Open a seat (fence 1), credit, pass one check, credit, and let the second check call for people."""
    learner = learner or world.learner
    records = SqlRecords(db)
    request = OpenSeat(
        learner_id=learner, lesson_id=world.lesson, fence=1, node="n", device_id="d", page_id="p", resumed=False,
        snapshot=None, login_id="", account_version=1, at_ms=NOW_MS, at_redis_ms=NOW_MS,
    )  # fmt: skip
    (opened,) = await records.open_seats([request])
    assert isinstance(opened, SeatOpened), opened
    given = (
        credited(world.lesson, 1, Study.final),
        *check(world.lesson, 1, f"c{learner}-1", Outcome.PASSED),
        credited(world.lesson, 2, Study.waiting),
        *check(world.lesson, 2, f"c{learner}-2", outcome),
    )
    item = SeatWrite(learner_id=learner, lesson_id=world.lesson, fence=1, first=0, facts=given, state=None)
    (answer,) = await records.write([item])
    assert answer.matched
    async with db.read() as conn:
        found = select(cases.c.id).where(cases.c.learner_id == learner)
        return Study(case=(await conn.execute(found)).scalar_one(), check=f"c{learner}-2")
