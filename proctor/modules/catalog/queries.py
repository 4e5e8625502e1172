"""Reads about courses and lessons, always within the institution and the learner's own classes."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from proctor.core.policy import Policy
from proctor.modules.accounts.queries import institution_policy
from proctor.modules.accounts.tables import institutions
from proctor.modules.catalog.rules import Standing, standing
from proctor.modules.catalog.tables import class_courses, classes, courses, lessons, rosters
from proctor.modules.study.rules import policy_of

LESSONS_MAX = 2_000


class LessonRow(msgspec.Struct, frozen=True, kw_only=True):
    """A lesson as this learner may see it, in the class through which it is studied."""

    id: int
    course_id: int
    course_title: str
    course_summary: str
    course_category: str
    class_id: int
    class_name: str
    closes_ms: int
    position: int
    title: str
    duration_ms: int
    media: str
    filing_no: str
    standing: Standing


async def classes_of(conn, institution_id: int) -> list[tuple[int, str]]:
    """Number and name of an institution's classes, newest first."""
    mine = select(classes.c.id, classes.c.name).where(classes.c.institution_id == institution_id)
    return [tuple(row) for row in (await conn.execute(mine.order_by(classes.c.id.desc()).limit(LESSONS_MAX))).all()]


async def lessons_of_learner(
    conn, institution_id: int, learner_id: int, now_ms: int, *, course_id: int = 0, lesson_id: int = 0
) -> list[LessonRow]:
    """Every lesson of the learner's classes, by course and position; at most LESSONS_MAX.

    A course in two classes of the learner counts in the one that is open and was entered first.
    """
    statement = (
        select(
            lessons, courses.c.title.label("course_title"), courses.c.summary, courses.c.category,
            classes.c.id.label("class_id"), classes.c.name.label("class_name"), classes.c.opens_ms,
            classes.c.closes_ms,
        )
        .select_from(
            rosters.join(classes, classes.c.id == rosters.c.class_id)
            .join(class_courses, class_courses.c.class_id == classes.c.id)
            .join(courses, courses.c.id == class_courses.c.course_id)
            .join(lessons, lessons.c.course_id == courses.c.id)
        )
        .where(
            rosters.c.learner_id == learner_id,
            classes.c.institution_id == institution_id,
            courses.c.institution_id == institution_id,
        )
        .order_by(courses.c.id, lessons.c.position, lessons.c.id, rosters.c.enrolled_ms, classes.c.id)
        .limit(LESSONS_MAX)
    )  # fmt: skip
    if course_id:
        statement = statement.where(courses.c.id == course_id)
    if lesson_id:
        statement = statement.where(lessons.c.id == lesson_id)
    best: dict[int, LessonRow] = {}
    for row in (await conn.execute(statement)).all():
        found = _row(row, now_ms)
        known = best.get(found.id)
        if known is None or (found.standing.earns and not known.standing.earns):
            best[found.id] = found
    return list(best.values())


async def lesson_of_learner(
    conn, institution_id: int, learner_id: int, lesson_id: int, now_ms: int
) -> LessonRow | None:
    """One lesson, or None when it does not exist for this learner (other institution, other class)."""
    found = await lessons_of_learner(conn, institution_id, learner_id, now_ms, lesson_id=lesson_id)
    return found[0] if found else None


async def media_folder(conn, lesson_id: int) -> str | None:
    """Folder of a lesson's media, or None when there is none or it was taken down."""
    statement = select(lessons.c.media).where(lessons.c.id == lesson_id, lessons.c.taken_down_ms.is_(None))
    return (await conn.execute(statement)).scalar_one_or_none()


def _row(row, now_ms: int) -> LessonRow:
    return LessonRow(
        id=row.id, course_id=row.course_id, course_title=row.course_title, course_summary=row.summary,
        course_category=row.category, class_id=row.class_id, class_name=row.class_name,
        closes_ms=row.closes_ms, position=row.position, title=row.title, duration_ms=row.duration_ms,
        media=row.media, filing_no=row.filing_no or "",
        standing=standing(
            filing_no=row.filing_no, taken_down_ms=row.taken_down_ms, opens_ms=row.opens_ms,
            closes_ms=row.closes_ms, now_ms=now_ms,
        ),
    )  # fmt: skip


async def policy_of_lesson(
    conn, institution_id: int, learner_id: int, lesson_id: int, now_ms: int, below: str
) -> Policy:
    """The rules by which this learner studies this lesson: of the class, over the institution's, over `below` (JSON
    of the setting `policy`). Who left the class since falls back to the institution's."""
    found = await lesson_of_learner(conn, institution_id, learner_id, lesson_id, now_ms)
    if found is None:
        return await institution_policy(conn, institution_id, below)
    return policy_of(below, *await policy_packs(conn, found.class_id))


async def persons_to_void(conn, institution_id: int, below: str) -> int:
    """The fewest people that a void takes anywhere in the institution."""
    mine = select(classes.c.policy).where(classes.c.institution_id == institution_id).distinct()
    own = select(institutions.c.policy).where(institutions.c.id == institution_id)
    pack = (await conn.execute(own)).scalar_one()
    over = ("{}", *(await conn.execute(mine)).scalars())
    return min(policy_of(below, pack, one).review_persons for one in over)


async def policy_packs(conn, class_id: int) -> tuple[str, str]:
    """Policy values (JSON) of the class's institution and of the class; ("{}", "{}") without a class."""
    statement = (
        select(institutions.c.policy.label("institution_policy"), classes.c.policy)
        .join(institutions, institutions.c.id == classes.c.institution_id)
        .where(classes.c.id == class_id)
    )
    row = (await conn.execute(statement)).one_or_none()
    return (row.institution_policy, row.policy) if row else ("{}", "{}")
