"""A video file becomes a lesson: converted, measured, hashed, then entered."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from pathlib import Path

from sqlalchemy import func, select

from proctor import compose, media
from proctor.errors import Refused
from proctor.modules.catalog import service as catalog
from proctor.modules.catalog.tables import courses, lessons
from proctor.settings import Settings


async def ingest(
    settings: Settings, course_id: int, video: Path, title: str, filing_no: str | None
) -> tuple[int, media.Media]:
    """Returns the new lesson's id and what was measured.

    Raises Refused: no_course, and what `media.convert` raises; FileNotFoundError when there is no such file.
    """
    if not video.is_file():
        raise FileNotFoundError(2, "there is no such file", str(video))
    async with compose.database(settings) as db:
        await db.migrate()
        async with db.read() as conn:
            if (await conn.execute(select(courses.c.id).where(courses.c.id == course_id))).first() is None:
                raise Refused("no_course")
        name = f"lesson-{secrets.token_hex(8)}"
        folder = settings.data_dir / "media" / name
        made = await asyncio.to_thread(media.convert, video, folder)
        try:
            async with db.write() as conn:
                newest = func.coalesce(func.max(lessons.c.position), 0)
                last = select(newest).where(lessons.c.course_id == course_id)
                lesson_id = await catalog.add_lesson(
                    conn, course_id=course_id, position=(await conn.execute(last)).scalar_one() + 1,
                    title=title[:200],
                    duration_ms=made.duration_ms, media=name, content_sha256=made.sha256, filing_no=filing_no,
                    now_ms=time.time_ns() // 1_000_000,
                )  # fmt: skip
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return lesson_id, made
