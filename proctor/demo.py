"""The demonstration institution: made once, from nothing but this program; no invented face, nobody's number."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog
from sqlalchemy import select

from proctor.adapters.sql_database import SqlDatabase
from proctor.modules.accounts.service import create_account, hash_password
from proctor.modules.accounts.tables import institutions
from proctor.modules.catalog import service as catalog
from proctor.modules.codeway.service import add_question
from proctor.modules.identity.numbers import check_character
from proctor.ports import Vault

if TYPE_CHECKING:
    from proctor import media

log = structlog.get_logger("demo")

DAY_MS = 86_400_000
NAME = "真学示范培训学校"
# Words for passwords that can be typed on a phone; two of them and a number are said once, at the end of a start.
WORDS = ("shan", "shui", "yun", "feng", "song", "zhu", "mei", "lan", "he", "qing", "ming", "yue")


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """One demonstration account, as the start prints it."""

    role: str
    login: str
    password: str
    note: str


class _Course(msgspec.Struct, frozen=True):
    title: str
    summary: str
    category: str
    lessons: tuple[tuple[str, int, str | None], ...]  # title, seconds, filing number


COURSES = (
    _Course(
        "职业道德与劳动法基础", "上岗前必须了解的权利、义务与职业规范。", "公共课",
        (("职业道德入门", 180, "备案示范-0001"), ("劳动合同与工时", 120, "备案示范-0002")),
    ),
    _Course(
        "电工安全操作", "停电、验电、接地、挂牌：每一步都关系生命。", "电工",
        (("停电与验电", 150, "备案示范-0003"), ("触电急救（未备案）", 60, None)),
    ),
)  # fmt: skip

# Asked in checks by code; the right answer stands first. A lesson without any asks for its own title.
QUESTIONS = {
    "停电与验电": (
        ("停电之后、检修之前，必须先做哪一步？", "验电", "合闸", "拆线", "清扫"),
        ("验电器使用之前应当怎样确认它完好？", "在有电的设备上试验", "用手触摸", "看外壳颜色", "问同事"),
    ),
    "劳动合同与工时": (("用人单位最迟应在用工之日起多久内订立书面劳动合同？", "一个月", "三个月", "半年", "一年"),),
}

PEOPLE = (
    ("learner", "learner1", "陈小真", "learner; the first check takes the photo from your own camera"),
    ("learner", "learner2", "李小学", "learner; the same"),
    ("reviewer", "reviewer1", "王审核", "reviewer; proposes to void (核减)"),
    ("reviewer", "reviewer2", "赵复核", "reviewer; confirms or dismisses"),
    ("administrator", "admin1", "周管理", "administrator; reads the audit (审计)"),
)


def number_of_nobody(index: int, born: str = "19850312") -> str:
    """An identity number of a region that does not exist (990000): no living person has it."""
    body = f"990000{born}{index:03d}"
    return body + check_character(body)


def phone_of_nobody(index: int) -> str:
    """A number that no carrier has given out (prefix 1400)."""
    return f"1400000{index:04d}"


async def fill(db: SqlDatabase, vault: Vault, data_dir: Path) -> list[Login]:
    """Make the institution once; returns the logins also when it was made before.

    Raises OSError when the data folder cannot be written. What is half-made (a killed start) is made anew.
    """
    path = data_dir / "demo.json"
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=list[Login])
    async with db.read() as conn:
        if (await conn.execute(select(institutions.c.id).limit(1))).first() is not None:
            return []  # a real installation: nothing of ours belongs here
    drawn = await _drawn(data_dir / "media")
    logins = [Login(role=role, login=login, password=_password(), note=note) for role, login, _n, note in PEOPLE]
    host_key = secrets.token_urlsafe(32)
    # Kept before the commit: if the process dies between, the next start finds no institution and repeats.
    temporary = path.with_suffix(".tmp")
    _write(temporary, msgspec.json.format(msgspec.json.encode(logins)))
    _write(data_dir / "demo-host-key.txt", host_key.encode())
    # Hashing is slow on purpose: it must not hold the one write transaction.
    hashes = await asyncio.to_thread(lambda: [hash_password(row.password) for row in logins])
    async with db.write() as conn:
        await _store(conn, vault, hashes, drawn, hashlib.sha256(host_key.encode()).digest())
    os.replace(temporary, path)
    log.info("demo_filled", lessons=len(drawn))
    return logins


def _password() -> str:
    pick = secrets.SystemRandom().choice
    return f"{pick(WORDS)}-{pick(WORDS)}-{secrets.randbelow(900_000) + 100_000}"


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, data)
    finally:
        os.close(handle)


async def _drawn(folder: Path) -> dict[str, media.Media]:
    """In a daemon thread: drawing takes half a minute, and a start that is stopped meanwhile ends at once."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[dict[str, media.Media]] = loop.create_future()

    def tell(outcome: dict[str, media.Media] | BaseException) -> None:
        if done.done():
            return
        if isinstance(outcome, BaseException):
            done.set_exception(outcome)
        else:
            done.set_result(outcome)

    def work() -> None:
        outcome: dict[str, media.Media] | BaseException
        try:
            outcome = _draw(folder)
        except BaseException as error:
            outcome = error
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            loop.call_soon_threadsafe(tell, outcome)

    threading.Thread(target=work, name="draw", daemon=True).start()
    return await done


def _draw(folder: Path) -> dict[str, media.Media]:
    """Draw all lessons, keyed by their folder's name."""
    # Imported here: later starts draw nothing, and the video libraries take their time.
    from proctor import media

    drawn: dict[str, media.Media] = {}
    number = 0
    for course in COURSES:
        for _title, seconds, _filing in course.lessons:
            number += 1
            name = f"demo-{number}"
            wanted = media.Drawn(number=f"{number:02d}", seconds=seconds, tint=(number * 37) % 180)
            drawn[name] = media.draw_lesson(folder / name, wanted)
    return drawn


async def _store(
    conn, vault: Vault, hashes: list[str], drawn: dict[str, media.Media], host_hash: bytes
) -> None:
    now_ms = time.time_ns() // 1_000_000
    institution_id = await catalog.add_institution(conn, name=NAME, now_ms=now_ms, host_key_hash=host_hash)
    learner_ids = []
    for index, ((role, login, name, _note), hashed) in enumerate(zip(PEOPLE, hashes, strict=True)):
        account_id = await create_account(
            conn, vault, institution_id=institution_id, login=login, role=role, name=name,
            password_hash=hashed, id_number=number_of_nobody(index) if role == "learner" else None, now_ms=now_ms,
            phone=phone_of_nobody(index + 1) if role == "learner" else None,
        )  # fmt: skip
        if role == "learner":
            learner_ids.append(account_id)
    course_ids = []
    names = iter(drawn)
    for course in COURSES:
        course_id = await catalog.add_course(
            conn, institution_id=institution_id, title=course.title, summary=course.summary,
            category=course.category, now_ms=now_ms,
        )  # fmt: skip
        course_ids.append(course_id)
        for position, (title, _seconds, filing) in enumerate(course.lessons, 1):
            name = next(names)
            lesson_id = await catalog.add_lesson(
                conn, course_id=course_id, position=position, title=title,
                duration_ms=drawn[name].duration_ms, media=name, content_sha256=drawn[name].sha256,
                filing_no=filing, now_ms=now_ms,
            )  # fmt: skip
            for question, *choices in QUESTIONS.get(title, ()):
                await add_question(
                    conn, lesson_id=lesson_id, question=question, choices=choices, answer=0, now_ms=now_ms
                )
    await catalog.add_class(
        conn, institution_id=institution_id, name="示范班 2026", opens_ms=now_ms - DAY_MS,
        closes_ms=now_ms + 365 * DAY_MS, course_ids=course_ids, learner_ids=learner_ids, now_ms=now_ms,
    )  # fmt: skip


def logins_of(data_dir: Path) -> dict[str, str]:
    """Password by login, for tests and scripts. Raises OSError when nothing was filled."""
    return {row["login"]: row["password"] for row in json.loads((data_dir / "demo.json").read_text("utf-8"))}
