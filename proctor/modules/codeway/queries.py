"""Reads of the way by code."""

from __future__ import annotations

import json

import msgspec
from sqlalchemy import func, select

from proctor.modules.accounts.tables import accounts
from proctor.modules.catalog.tables import courses, lessons
from proctor.modules.codeway.rules import Code, Question
from proctor.modules.codeway.tables import check_codes, lesson_questions, texts

QUESTIONS_MAX = 50
TITLES_MAX = 60


class Titles(msgspec.Struct, frozen=True, kw_only=True):
    """Of a lesson and its course, and of others of the same institution."""

    lesson: str
    course: str
    other_lessons: tuple[str, ...]
    other_courses: tuple[str, ...]


async def phone_sealed(conn, learner_id: int) -> bytes | None:
    statement = select(accounts.c.phone_sealed).where(accounts.c.id == learner_id)
    return (await conn.execute(statement)).scalar_one_or_none()


async def code_of_check(conn, check_id: str) -> Code | None:
    names = Code.__struct_fields__
    statement = select(*(check_codes.c[name] for name in names)).where(check_codes.c.check_id == check_id)
    row = (await conn.execute(statement)).mappings().one_or_none()
    return None if row is None else Code(**{**row, "code_hash": bytes(row["code_hash"])})


async def texts_since(conn, column, value: int, since_ms: int) -> int:
    """How many texts went out for this learner or institution; `column` of the table says which."""
    statement = select(func.count()).select_from(texts).where(column == value, texts.c.at_ms > since_ms)
    return (await conn.execute(statement)).scalar_one()


async def questions_of(conn, lesson_id: int) -> list[Question]:
    statement = (
        select(lesson_questions.c.question, lesson_questions.c.choices, lesson_questions.c.answer)
        .where(lesson_questions.c.lesson_id == lesson_id)
        .order_by(lesson_questions.c.id)
        .limit(QUESTIONS_MAX)
    )
    rows = (await conn.execute(statement)).all()
    return [Question(question=q, choices=tuple(json.loads(choices)), answer=answer) for q, choices, answer in rows]


async def titles(conn, lesson_id: int) -> Titles:
    """The lesson exists: a ticket names it."""
    mine = (
        select(lessons.c.title, courses.c.title.label("course"), courses.c.institution_id, courses.c.id)
        .join(courses, courses.c.id == lessons.c.course_id)
        .where(lessons.c.id == lesson_id)
    )
    here = (await conn.execute(mine)).one()
    others = (
        select(lessons.c.title)
        .join(courses, courses.c.id == lessons.c.course_id)
        .where(courses.c.institution_id == here.institution_id, lessons.c.id != lesson_id)
        .order_by(lessons.c.id)
        .limit(TITLES_MAX)
    )
    other_courses = (
        select(courses.c.title)
        .where(courses.c.institution_id == here.institution_id, courses.c.id != here.id)
        .order_by(courses.c.id)
        .limit(TITLES_MAX)
    )
    return Titles(
        lesson=here.title, course=here.course,
        other_lessons=tuple((await conn.execute(others)).scalars().all()),
        other_courses=tuple((await conn.execute(other_courses)).scalars().all()),
    )  # fmt: skip
