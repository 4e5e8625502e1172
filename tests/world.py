"""A small institution in SQL for tests: people, one filed lesson, one unfiled, a class; built by the services."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import cache

from sqlalchemy import select

from proctor.adapters.sql_database import SqlDatabase
from proctor.adapters.vault import RingVault
from proctor.modules.accounts.service import create_account, hash_password
from proctor.modules.catalog import service as catalog
from proctor.modules.catalog.tables import classes

DAY_MS = 86_400_000
NOW_MS = 1_790_000_000_000
LESSON_MS = 600_000
PASSWORD = "zhen-xue-482913"


@cache
def password_hash() -> str:
    """Hashing is slow on purpose: once for all test accounts."""
    return hash_password(PASSWORD)


def vault() -> RingVault:
    return RingVault.of(b"k" * 32)


@dataclass
class World:
    """Ids of what stands in SQL."""

    db: SqlDatabase
    institution: int = 0
    learner: int = 0
    other_learner: int = 0
    reviewer: int = 0
    second_reviewer: int = 0
    course: int = 0
    lesson: int = 0
    unfiled: int = 0
    extra: dict[str, int] = field(default_factory=dict)


async def people(
    db: SqlDatabase, institution: int, keys: RingVault, count: int, *, role: str = "learner", mark: str = ""
) -> list[tuple[int, str]]:
    """More accounts with PASSWORD; learners join every class of the institution. Returns ids and logins."""
    made = []
    mark = mark or secrets.token_hex(4)
    async with db.write() as conn:
        mine = select(classes.c.id).where(classes.c.institution_id == institution)
        ids = (await conn.execute(mine)).scalars().all()
        for number in range(count):
            login = f"{role[:4]}{mark}{number}"
            account = await create_account(
                conn, keys, institution_id=institution, login=login, role=role, name=f"测试{number}",
                password_hash=password_hash(), now_ms=NOW_MS,
            )  # fmt: skip
            made.append((account, login))
            for class_id in ids if role == "learner" else ():
                await catalog.enrol(conn, class_id=class_id, learner_id=account, now_ms=NOW_MS)
    return made


async def build(db: SqlDatabase, *, opens_ms: int = 0, closes_ms: int = 2 * NOW_MS) -> World:
    """Everything that a seat needs."""
    world = World(db)
    mark = secrets.token_hex(4)
    async with db.write() as conn:
        world.institution = await catalog.add_institution(conn, name=f"测试学校 {mark}", now_ms=NOW_MS)
        world.course = await catalog.add_course(conn, institution_id=world.institution, title="课程", now_ms=NOW_MS)
        for position, filing in ((1, "备案-1"), (2, None)):
            lesson = await catalog.add_lesson(
                conn, course_id=world.course, position=position, title=f"第 {position} 课", duration_ms=LESSON_MS,
                media=f"m{mark}", content_sha256="0" * 64, filing_no=filing, now_ms=NOW_MS,
            )  # fmt: skip
            world.lesson, world.unfiled = (lesson, 0) if filing else (world.lesson, lesson)
        await catalog.add_class(
            conn, institution_id=world.institution, name="班", opens_ms=opens_ms, closes_ms=closes_ms,
            course_ids=[world.course], learner_ids=[], now_ms=NOW_MS,
        )  # fmt: skip
    (world.learner, _a), (world.other_learner, _b) = await people(db, world.institution, vault(), 2)
    reviewers = await people(db, world.institution, vault(), 2, role="reviewer")
    world.reviewer, world.second_reviewer = reviewers[0][0], reviewers[1][0]
    return world
