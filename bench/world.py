"""Learners prepared in SQL: real rows of every table that a seat reads, and a past that makes them heavy.

Each learner has `LESSONS` lessons, `SPANS` granted spans over them and `CHECKS` decided checks, as somebody
weeks into a course has. Rows go in by the thousand: this is preparation, nothing of it is measured.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from sqlalchemy import insert

from proctor import compose
from proctor.gateway.tickets import StartTicket, Tickets
from proctor.modules.accounts.tables import accounts
from proctor.modules.catalog import service as catalog
from proctor.modules.catalog.tables import rosters
from proctor.modules.privacy.tables import consents, enrolments
from proctor.modules.study.tables import checks, ledger, lesson_states, rollups
from proctor.settings import Settings

LESSONS = 8
SPANS = 60
CHECKS = 33
LESSON_MS = 6 * 3_600_000
SPAN_MS = 40_000
GAP_MS = 1_000  # between two spans: they must not melt into one
DAY_MS = 86_400_000
ROWS = 5_000  # of one statement
TICKET_MS = 1_800_000  # the bench opens many seats, one after the other


@dataclass(frozen=True)
class World:
    """Ids of what was prepared. Learner `first + n` studies lesson `lessons[n % LESSONS]`."""

    institution: int
    class_id: int
    lessons: tuple[int, ...]
    first: int
    count: int

    def lesson_of(self, number: int) -> int:
        return self.lessons[number % len(self.lessons)]


async def fill(settings: Settings, count: int, *, past: bool) -> World:
    """A migrated database with `count` learners in one class; `past` gives each the state described above."""
    now_ms = time.time_ns() // 1_000_000
    vault = compose.vault_of(settings)
    name = vault.seal("测试学员", field="account.name")
    async with compose.database(settings) as db:
        await db.migrate()
        async with db.write() as conn:
            institution = await catalog.add_institution(conn, name="性能测试学校", now_ms=now_ms)
            course = await catalog.add_course(conn, institution_id=institution, title="课程", now_ms=now_ms)
            lessons = [
                await catalog.add_lesson(
                    conn, course_id=course, position=position, title=f"第 {position} 课", duration_ms=LESSON_MS,
                    media="none", content_sha256="0" * 64, filing_no=f"备案-{position}", now_ms=now_ms,
                )
                for position in range(1, LESSONS + 1)
            ]  # fmt: skip
            class_id = await catalog.add_class(
                conn, institution_id=institution, name="班", opens_ms=0, closes_ms=now_ms + 365 * DAY_MS,
                course_ids=[course], learner_ids=[], now_ms=now_ms,
            )  # fmt: skip
        world = World(institution, class_id, tuple(lessons), first=1_000, count=count)
        for start in range(0, count, ROWS):
            async with db.write() as conn:
                await _learners(conn, world, range(start, min(count, start + ROWS)), name, now_ms, past)
    return world


async def _learners(conn, world: World, numbers: range, name: bytes, now_ms: int, past: bool) -> None:
    ids = [world.first + number for number in numbers]
    await conn.execute(insert(accounts), [
        {"id": one, "institution_id": world.institution, "login": f"bench{one}", "role": "learner",
         "name_sealed": name, "password_hash": "!", "created_ms": now_ms}
        for one in ids
    ])  # fmt: skip
    await conn.execute(
        insert(rosters), [{"class_id": world.class_id, "learner_id": one, "enrolled_ms": now_ms} for one in ids]
    )
    await conn.execute(insert(consents), [
        {"learner_id": one, "purpose": "face_check", "choice": "given", "notice_version": "1",
         "notice_sha256": "0" * 64, "at_ms": now_ms}
        for one in ids
    ])  # fmt: skip
    await conn.execute(insert(enrolments), [
        {"learner_id": one, "model": "sface", "template_sealed": b"\0" * 540, "evidence_id": "none",
         "source": "id_photo", "created_ms": now_ms}
        for one in ids
    ])  # fmt: skip
    if past:
        await _past(conn, world, ids, now_ms)


async def _past(conn, world: World, ids: list[int], now_ms: int) -> None:
    """Yesterday's study: final where a check passed, the newest still waiting for a person."""
    day = time.strftime("%Y-%m-%d", time.gmtime((now_ms - DAY_MS) / 1_000))
    spans, sums, states, taken = [], [], [], []
    for one in ids:
        for index in range(SPANS):
            lesson_id, turn = world.lessons[index % LESSONS], index // LESSONS
            from_ms = turn * (SPAN_MS + GAP_MS)
            spans.append({
                "learner_id": one, "lesson_id": lesson_id, "stretch": 0, "from_ms": from_ms,
                "to_ms": from_ms + SPAN_MS, "day": day, "status": "final", "granted_ms": now_ms - DAY_MS,
                "settled_ms": now_ms - DAY_MS, "settled_by": "check:bench", "rule_version": "default-1",
            })  # fmt: skip
        for place, lesson_id in enumerate(world.lessons):
            final_ms = len(range(place, SPANS, LESSONS)) * SPAN_MS
            sums.append({"learner_id": one, "lesson_id": lesson_id, "day": day, "final_ms": final_ms})
            states.append({
                "learner_id": one, "lesson_id": lesson_id, "first_ms": now_ms - DAY_MS, "last_ms": now_ms - DAY_MS,
            })  # fmt: skip
        taken += [
            {"id": f"{one}-{number}", "learner_id": one, "lesson_id": world.lessons[number % LESSONS],
             "number": number, "kind": "random", "issued_ms": now_ms - DAY_MS, "outcome": "passed", "tries": 1,
             "decided_ms": now_ms - DAY_MS}
            for number in range(CHECKS)
        ]  # fmt: skip
    for table, rows in ((ledger, spans), (rollups, sums), (lesson_states, states), (checks, taken)):
        await conn.execute(insert(table), rows)


def tickets(settings: Settings, world: World) -> list[str]:
    """One signed start ticket for each learner, as the web would hand it to a page."""
    press = Tickets(compose.keys_of(settings).ticket)
    expires_ms = time.time_ns() // 1_000_000 + TICKET_MS
    return [
        press.mint_start(
            StartTicket(
                learner_id=world.first + number, lesson_id=world.lesson_of(number), class_id=world.class_id,
                institution_id=world.institution, login_id="", account_version=1, device_id=secrets.token_hex(8),
                page_id=secrets.token_hex(8), device_kind="pc", host=True, jti=secrets.token_hex(12),
                expires_ms=expires_ms,
            )
        )
        for number in range(world.count)
    ]  # fmt: skip
