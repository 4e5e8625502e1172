"""Putting institutions, courses, lessons and classes into the house; each call inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, update

from proctor.modules.accounts.tables import institutions
from proctor.modules.catalog.tables import class_courses, classes, courses, lessons, rosters


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


async def take_down(conn, *, lesson_id: int, now_ms: int) -> None:
    """From now on nobody starts this lesson; what was credited stays."""
    await conn.execute(update(lessons).where(lessons.c.id == lesson_id).values(taken_down_ms=now_ms))
