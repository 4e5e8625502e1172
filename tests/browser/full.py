"""Records and queues as full as they get, written by the services: what pages look like when people have worked."""

from __future__ import annotations

from sqlalchemy import insert, update

from proctor.adapters.sql_records import SqlRecords
from proctor.core.facts import Outcome, Reason, Refused
from proctor.modules.catalog import service as catalog
from proctor.modules.catalog.tables import classes, courses, lessons
from proctor.modules.reviews.service import Decision, Reviews
from proctor.modules.reviews.tables import cases
from proctor.ports import OpenSeat, SeatWrite
from tests.modules.studies import check, credited
from tests.web.conftest import Site
from tests.world import NOW_MS
from web.context import now_ms

# Forty characters each: as long as training titles get.
LESSON_TITLE = "高处作业安全带使用规范与坠落悬挂应急救援处置要点实操演练考核复习课第十二讲（上）"[:40]
COURSE_TITLE = "建筑施工企业主要负责人项目负责人和专职安全生产管理人员继续教育网络培训课程二〇二六"[:40]
OUTCOMES = (Outcome.PASSED, Outcome.UNCLEAR, Outcome.MISSED, Outcome.MISMATCH, Outcome.PASSED)
SPANS = ((0, 90_000), (90_000, 150_000), (170_000, 240_000), (240_000, 300_000), (350_000, 420_000))
REFUSED = (
    (150_000, 170_000, Reason.HIDDEN), (300_000, 320_000, Reason.DAILY_CAP), (320_000, 335_000, Reason.NO_FRAMES),
    (335_000, 350_000, Reason.SEEK_AHEAD), (480_000, 500_000, Reason.BLURRED), (500_000, 512_000, Reason.GAP),
)  # fmt: skip
VOID = ((240_000, 270_000),)
REASON = "核验照片与实名登记照片不是同一人，核验时段前后均未见本人出现在画面中。"


def _refused(lesson: int, from_ms: int, to_ms: int, reason: Reason) -> Refused:
    return Refused(
        lesson_id=lesson, at_ms=NOW_MS, cause="beat:9", from_ms=from_ms, to_ms=to_ms, ms=to_ms - from_ms,
        reason=reason, from_at_ms=NOW_MS, beats=2,
    )  # fmt: skip


async def study_everything(site: Site, learner: int) -> None:
    """Every fate on one lesson: final, waiting, withheld, void, provisional, and what did not count, by reason."""
    lesson, records = site.here.world.lesson, SqlRecords(site.deps.db)
    request = OpenSeat(
        learner_id=learner, lesson_id=lesson, fence=1, node="n", device_id="d", page_id="p", resumed=False,
        snapshot=None, login_id="", account_version=1, at_ms=NOW_MS, at_redis_ms=NOW_MS,
    )  # fmt: skip
    await records.open_seats([request])
    facts: list = []
    for number, (span, outcome) in enumerate(zip(SPANS, OUTCOMES, strict=True), 1):
        facts += [credited(lesson, number, (span,)), *check(lesson, number, f"f{learner}-{number}", outcome)]
    facts += [_refused(lesson, *run) for run in REFUSED]
    facts.append(credited(lesson, len(SPANS) + 1, ((420_000, 480_000),)))
    item = SeatWrite(learner_id=learner, lesson_id=lesson, fence=1, first=0, facts=tuple(facts), state=None)
    await records.write([item])


async def void_a_part(site: Site, case: int) -> None:
    """Two people void the first half of what the mismatch withheld; the other half becomes final."""
    world, reviews = site.here.world, Reviews(site.deps.db, site.deps.inbox)
    for version, (account, action) in enumerate(
        ((world.reviewer, "propose"), (world.second_reviewer, "confirm")), 1
    ):
        spans = VOID if action == "propose" else ()
        asked = Decision(case_id=case, action=action, reason=REASON, version=version, spans=spans)
        done = await reviews.decide(institution_id=world.institution, account_id=account, decision=asked)
        assert done.done


async def study_many_days(site: Site, learner: int, days: int) -> None:
    """One stretch of the unfiled lesson's length a day, longer and shorter ones, two days equally long."""
    world, records = site.here.world, SqlRecords(site.deps.db)
    lengths = [(7 * day % 11 + 1) * 4_000 for day in range(days)]
    at, facts = 0, []
    for day, length in enumerate(lengths):
        stretch = credited(world.unfiled, 20 + day, ((at, at + length),), f"2026-09-{day + 1:02d}")
        facts.append(stretch)
        at += length
    item = SeatWrite(
        learner_id=learner, lesson_id=world.unfiled, fence=1, first=1_000, facts=tuple(facts), state=None
    )
    await records.write([item])


async def long_titles(site: Site) -> None:
    world = site.here.world
    async with site.deps.db.write() as conn:
        await conn.execute(update(lessons).where(lessons.c.id == world.lesson).values(title=LESSON_TITLE))
        await conn.execute(update(courses).where(courses.c.id == world.course).values(title=COURSE_TITLE))


async def many_courses(site: Site, count: int) -> None:
    """The learners of `here` get a class with so many courses more."""
    world = site.here.world
    async with site.deps.db.write() as conn:
        made = []
        for number in range(count):
            title = f"{number + 1:02d} {COURSE_TITLE}"[:40]
            course = await catalog.add_course(conn, institution_id=world.institution, title=title, now_ms=NOW_MS)
            await catalog.add_lesson(
                conn, course_id=course, position=1, title=LESSON_TITLE, duration_ms=600_000, media="m",
                content_sha256="0" * 64, filing_no=f"备案-{number}", now_ms=NOW_MS,
            )  # fmt: skip
            made.append(course)
        await catalog.add_class(
            conn, institution_id=world.institution, name="大班", opens_ms=0, closes_ms=2 * now_ms(),
            course_ids=made, learner_ids=[world.learner], now_ms=NOW_MS,
        )  # fmt: skip
        await conn.execute(update(classes).values(closes_ms=2 * now_ms()))


async def many_cases(site: Site, count: int) -> None:
    world = site.here.world
    kinds = (("unclear", 30), ("mismatch", 90), ("misses", 60), ("flags", 20))
    rows = [
        {
            "institution_id": world.institution, "learner_id": world.learner, "lesson_id": world.lesson,
            "kind": kinds[number % 4][0], "severity": kinds[number % 4][1], "status": "open", "outcome": "",
            "version": 1, "opened_ms": NOW_MS + number * 60_000, "updated_ms": NOW_MS,
        }
        for number in range(count)
    ]  # fmt: skip
    async with site.deps.db.write() as conn:
        await conn.execute(insert(cases), rows)


