"""Putting institutions, courses, lessons and classes into the house, each inside the caller's transaction; taking
a lesson down, in one of its own."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select, update

from proctor.errors import Refused
from proctor.modules.accounts.tables import institutions
from proctor.modules.audit.service import append_audit
from proctor.modules.catalog.tables import class_courses, classes, courses, lessons, rosters
from proctor.modules.study.ledger import instruct_seats
from proctor.ports import Database, Inbox, InstructionReady


async def _new(conn, table, **values: object) -> int:
    return (await conn.execute(insert(table).values(**values))).inserted_primary_key[0]


async def add_institution(
    conn, *, name: str, now_ms: int, zone: str = "Asia/Shanghai", host_key_hash: bytes | None = None
) -> int:
    """`host_key_hash`: SHA-256 of the key with which this institution's WebView host asks for tickets."""
    return await _new(
        conn, institutions, name=name, zone=zone, host_key_hash=host_key_hash, created_ms=now_ms
    )


async def add_course(
    conn, *, institution_id: int, title: str, now_ms: int, summary: str = "", category: str = ""
) -> int:
    return await _new(
        conn, courses, institution_id=institution_id, title=title, summary=summary, category=category,
        created_ms=now_ms,
    )  # fmt: skip


async def add_lesson(
    conn, *, course_id: int, position: int, title: str, duration_ms: int, media: str, content_sha256: str,
    now_ms: int, filing_no: str | None = None,
) -> int:  # fmt: skip
    """One immutable version of a lesson. Without `filing_no` (备案号) it can be watched and earns nothing."""
    assert duration_ms > 0 and len(content_sha256) == 64
    return await _new(
        conn, lessons, course_id=course_id, position=position, title=title, duration_ms=duration_ms,
        media=media, content_sha256=content_sha256, filing_no=filing_no, created_ms=now_ms,
    )  # fmt: skip


async def add_class(
    conn, *, institution_id: int, name: str, opens_ms: int, closes_ms: int, course_ids: Sequence[int],
    learner_ids: Sequence[int], now_ms: int,
) -> int:  # fmt: skip
    """A class with its courses and its roster."""
    assert opens_ms < closes_ms
    class_id = await _new(
        conn, classes, institution_id=institution_id, name=name, opens_ms=opens_ms, closes_ms=closes_ms,
        created_ms=now_ms,
    )  # fmt: skip
    for course_id in course_ids:
        await conn.execute(insert(class_courses).values(class_id=class_id, course_id=course_id))
    for learner_id in learner_ids:
        await enrol(conn, class_id=class_id, learner_id=learner_id, now_ms=now_ms)
    return class_id


async def enrol(conn, *, class_id: int, learner_id: int, now_ms: int) -> None:
    await conn.execute(insert(rosters).values(class_id=class_id, learner_id=learner_id, enrolled_ms=now_ms))


async def take_down(db: Database, inbox: Inbox, *, lesson_id: int, now_ms: int) -> int:
    """From now on nobody starts this lesson and it earns nothing; what was credited stays. Whoever studies it now is
    told by an instruction. Returns how many seats were told; doing it again changes nothing.

    Raises Refused("no_lesson"), and Unavailable after the commit when only the push failed.
    """
    async with db.write() as conn:
        found = (
            select(lessons.c.taken_down_ms, courses.c.institution_id)
            .join(courses, courses.c.id == lessons.c.course_id)
            .where(lessons.c.id == lesson_id)
        )
        row = (await conn.execute(found)).one_or_none()
        if row is None:
            raise Refused("no_lesson")
        if row.taken_down_ms is not None:
            return 0
        await conn.execute(update(lessons).where(lessons.c.id == lesson_id).values(taken_down_ms=now_ms))
        told = await instruct_seats(conn, lesson_id=lesson_id, action="take_down", now_ms=now_ms)
        await append_audit(
            conn, at_ms=now_ms, institution_id=row.institution_id, account_id=0, action="cli:lesson:taken_down",
            object=f"lesson:{lesson_id}", detail={"seats": len(told)},
        )  # fmt: skip
    for learner_id, instruction in told:
        await inbox.send_to_learner(learner_id, InstructionReady(learner_id=learner_id, instruction=instruction))
    return len(told)
