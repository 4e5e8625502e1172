"""A whole course with no face data at all: every check by code and question, each looked at by a supervisor, all
hours final, and everything that reports it says in which way."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from proctor import compose
from proctor.demo import logins_of
from proctor.modules.accounts.tables import accounts
from proctor.modules.catalog import service as catalog
from proctor.modules.codeway.rules import SPOT_KIND
from proctor.modules.identity.tables import enrolment_history
from proctor.modules.privacy.tables import enrolments, evidence, face_keys, face_traces
from proctor.modules.reviews.tables import cases
from proctor.modules.study.tables import bursts, checks, ledger
from proctor.settings import load
from tests.client import Person
from tests.processes.conftest import running
from tests.processes.test_study import play
from tests.stack import Stack
from tests.world import NOW_MS

pytestmark = pytest.mark.processes

COURSE, LESSONS, MS = "家政服务入门", ("沟通与礼仪", "收纳与清洁"), 4_000
FACES = (enrolments, enrolment_history, evidence, face_traces, face_keys)


@pytest.fixture(scope="module")
def spotted(tmp_path_factory) -> Iterator[Stack]:
    """A supervisor looks at every check that was passed by code, and no pass serves twice."""
    policy = {"code_spot_one_in": 1, "check_reuse_ms": 0}
    yield from running(Stack(tmp_path_factory.mktemp("noface") / "data", policy=policy))


async def course(stack: Stack, learner: int) -> list[int]:
    """Two short lessons in a class of this learner alone, and a phone; returns the lessons."""
    db, keys = stack.database(), compose.vault_of(load({}, data=str(stack.data)))
    phone = f"140{secrets.randbelow(10**8):08d}"
    async with db.write() as conn:
        mine = accounts.update().where(accounts.c.id == learner)
        await conn.execute(mine.values(phone_sealed=keys.seal(phone, field="account.phone")))
        course_id = await catalog.add_course(conn, institution_id=1, title=COURSE, now_ms=NOW_MS)
        made = [
            await catalog.add_lesson(
                conn, course_id=course_id, position=position, title=title, duration_ms=MS, media="none",
                content_sha256="0" * 64, filing_no=f"备案-{position}", now_ms=NOW_MS,
            )
            for position, title in enumerate(LESSONS, 1)
        ]  # fmt: skip
        await catalog.add_class(
            conn, institution_id=1, name="无人脸班", opens_ms=0, closes_ms=9_000_000_000_000, course_ids=[course_id],
            learner_ids=[learner], now_ms=NOW_MS,
        )  # fmt: skip
    await db.close()
    return made


async def answer(stack: Stack, person: Person, check: dict, title: str) -> None:
    """The code from the phone and the answer of somebody who was there."""
    assert check["way"] == "code" and check["upload"].endswith("/code")
    assert (await person.by_code(check, send=True))[0] == 202
    async with person.http.get(check["upload"], headers={"X-Upload-Ticket": check["ticket"]}) as got:
        offer = await got.json()
    log = await asyncio.to_thread((stack.data / "outbox" / "texts.log").read_text, "utf-8")
    code = re.findall(re.escape(offer["phone"]) + r" .*?(\d{6})", log)[-1]
    right = title if title in offer["choices"] else COURSE
    assert (await person.by_code(check, code=code, answer=offer["choices"].index(right)))[0] == 202


async def test_a_whole_course_is_finished_with_no_face_data_and_reported_as_such(spotted: Stack) -> None:
    async with await spotted.learner(consent="refused") as person:
        lessons = await course(spotted, person.account)
        for lesson, title in zip(lessons, LESSONS, strict=True):
            assert 'id="lesson"' in await person.page(f"/lessons/{lesson}"), "asked once, and never again"
            study = await person.study(lesson)
            await answer(spotted, person, await study.asked(), title)
            assert (await study.hear("verdict"))["outcome"] == "passed"
            await play(study, MS // 1_000)
            await study.beat("end")
            check = next((said["check"] for said in study.said if said["t"] == "check"), None)
            check = check or (await study.hear("check"))["check"]
            assert check["kind"] == "end"
            await answer(spotted, person, check, title)
            assert (await study.hear("verdict"))["outcome"] == "passed"
            await study.leave()
            await spotted.stored(person.account, lesson, final_ms=MS, provisional_ms=0, waiting_ms=0)
            await looked_at(spotted, person.account, lesson)
            sums = await spotted.totals(person.account, lesson)
            assert (sums.final_ms, sums.void_ms, sums.withheld_ms) == (MS, 0, 0), "a spot check takes nothing away"
            text = await person.page(f"/records/lessons/{lesson}")
            assert "开始核验（短信码）" in text and "结束核验（短信码）" in text
        assert "不同意人脸" in await person.page("/me")
        await nothing_of_a_face(spotted, person.account)


async def looked_at(stack: Stack, learner: int, lesson: int) -> None:
    """The supervisor finds the spot check in the queue, learns how it went, and finds nothing wrong."""
    db, logins = stack.database(), await asyncio.to_thread(logins_of, stack.data)
    async with db.read() as conn:
        mine = cases.c.learner_id == learner, cases.c.lesson_id == lesson, cases.c.kind == SPOT_KIND
        (case,) = (await conn.execute(select(cases).where(*mine))).all()
    async with Person(stack.url) as reviewer:
        await reviewer.sign_in("reviewer1", logins["reviewer1"])
        assert f"/console/cases/{case.id}" in await reviewer.page("/console/cases")
        text = await reviewer.page(f"/console/cases/{case.id}")
        assert "短信码" in text and "data-evidence" not in text
        form = {"action": "dismiss", "reason": "电话联系过，是本人", "version": str(case.version)}
        status, _text = await reviewer.post(f"/console/cases/{case.id}/decisions", **form)
        assert status == 200
    async with db.read() as conn:
        assert (await conn.execute(select(cases.c.status).where(cases.c.id == case.id))).scalar_one() == "closed"
    await db.close()


async def nothing_of_a_face(stack: Stack, learner: int) -> None:
    db = stack.database()
    async with db.read() as conn:
        for table in FACES:
            mine = select(func.count()).select_from(table).where(table.c.learner_id == learner)
            assert (await conn.execute(mine)).scalar_one() == 0, table.name
        ways = select(checks.c.way, checks.c.outcome).where(checks.c.learner_id == learner)
        assert [tuple(row) for row in (await conn.execute(ways)).all()] == [("code", "passed")] * 4
        tries = select(bursts.c.way, bursts.c.model, bursts.c.frames).where(bursts.c.learner_id == learner)
        assert {tuple(row) for row in (await conn.execute(tries)).all()} == {("code", "code", 0)}
        fates = select(ledger.c.status).where(ledger.c.learner_id == learner)
        assert set((await conn.execute(fates)).scalars()) == {"final"}
    await db.close()
    assert not any(path.is_file() for path in (stack.data / "evidence").rglob("*")), "not one picture on the disk"
