"""Photos before a person: the queue, one learner, decisions, flags; all of it inside the institution and masked."""

from __future__ import annotations

import re
from collections.abc import Sequence

import aiohttp
import numpy as np
from sqlalchemy import select, update

from proctor.adapters.sql_enrolments import SqlEnrolments
from proctor.adapters.sql_faces import SqlFaces
from proctor.demo import number_of_nobody
from proctor.faces.enrolling import Measured
from proctor.modules.accounts.tables import accounts
from proctor.modules.audit.tables import audit
from proctor.modules.identity.rules import Quality
from proctor.modules.identity.tables import duplicate_flags, enrolment_history
from proctor.modules.privacy.tables import consents
from proctor.ports import FaceJob
from tests.client import Person
from tests.web.conftest import JPEG, Site
from tests.world import NOW_MS, vault

GOOD = Quality(width=600, height=800, face_px=210, yaw=0.03, score=0.93, luma=120.0, sharpness=90.0)


async def upload(person: Person, path: str, photo: bytes = JPEG, csrf: str = "", **fields: str) -> tuple[int, str]:
    """Status and code of the refusal ("" when it was taken)."""
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in {"source": "id_photo", **fields}.items():
        form.add_field(name, value)
    if photo:
        form.add_field("photo", photo, filename="p.jpg", content_type="image/jpeg")
    headers = {"X-CSRF": csrf or person.csrf}
    async with person.http.post(path, data=form, headers=headers) as answer:
        return answer.status, (await answer.json()).get("error", {}).get("code", "")


async def measured(site: Site, problem: str = "") -> int:
    """What the worker's desk does with the newest photo; returns its number."""
    records = SqlEnrolments(site.deps.db, site.deps.face_keys, vault())
    waiting = await records.waiting()
    assert waiting is not None
    template = None if problem else np.eye(1, 128, 3, dtype=np.float32)[0]
    await records.looked(waiting, Measured(problem=problem, quality=GOOD, template=template), "m")
    await records.done(waiting)
    return waiting.number


async def rows(site: Site, table) -> Sequence:
    async with site.deps.db.read() as conn:
        return (await conn.execute(select(table).order_by(table.c.id))).all()


async def test_staff_upload_look_and_approve(site: Site) -> None:
    world, person = site.here.world, await site.person("reviewer")
    page = f"/console/learners/{world.learner}"
    assert "现在没有要看的照片" in await person.page("/console/enrolments")
    await person.page(page)
    assert await upload(person, f"/api/v1/enrolments/{world.learner}") == (202, "")
    assert "检测中" in await person.page("/console/enrolments") and "正在检测" in await person.page(page)
    number = await measured(site)
    text = await person.page(page)
    assert "210 像素（至少 60）" in text and "待审核的照片" in text and "<h1>测**</h1>" in text
    decisions = f"/console/enrolments/{number}/decisions"
    status, text = await person.post(decisions, learner=str(world.learner), action="reject", reason="不")
    assert status == 422 and "至少 4 个字" in text
    status, text = await person.post(decisions, learner=str(world.learner), action="approve", reason="")
    assert status == 200 and "已通过。之后的核验都与这张照片比对" in text and "打开在用的照片" in text
    status, text = await person.post(decisions, learner=str(world.learner), action="approve", reason="")
    assert status == 409 and "刚刚有变化" in text
    (row,) = await rows(site, enrolment_history)
    assert (row.state, row.decided_by, row.source) == ("approved", world.reviewer, "id_photo")
    actions = [one.action for one in await rows(site, audit)]
    assert "web:enrolment:submitted" in actions and "console:enrolment:approve" in actions
    assert "已通过" in await person.page("/console/enrolments?show=decided")
    async with person.http.get(f"/console/evidence/{row.evidence_id}") as answer:
        assert answer.status == 200 and await answer.read() == JPEG


async def test_the_photo_that_a_check_took_is_decided_first_beside_the_one_that_staff_handed_in(site: Site) -> None:
    world, person = site.here.world, await site.person("reviewer")
    page = f"/console/learners/{world.learner}"
    await person.page(page)
    await upload(person, f"/api/v1/enrolments/{world.learner}")
    staffs = await measured(site)
    job = FaceJob(
        check_id="first", try_number=1, learner_id=world.learner, institution_id=world.institution,
        lesson_id=world.lesson, evidence_id="", enrol=True, source="camera", accepted_redis_ms=1,
    )  # fmt: skip
    faces = SqlFaces(site.deps.db, site.deps.face_keys, site.deps.evidence)
    assert await faces.enrol(job, np.eye(1, 128, 7, dtype=np.float32)[0], "m", JPEG)
    await upload(person, f"/api/v1/enrolments/{world.learner}", JPEG + b"2")
    first = (await rows(site, enrolment_history))[1]
    assert first.source == "first_capture"
    text = await person.page(page)
    assert f"/console/enrolments/{first.id}/decisions" in text and text.count("打开待审核的照片") == 2
    assert "它核验过的学时转人工复核" in text
    decisions = f"/console/enrolments/{first.id}/decisions"
    await person.post(decisions, learner=str(world.learner), action="reject", reason="画面上不是本人。")
    newest = (await rows(site, enrolment_history))[2]
    text = await person.page(page)
    assert f"/console/enrolments/{newest.id}/decisions" in text and text.count("打开待审核的照片") == 1
    assert (await rows(site, enrolment_history))[0].id == staffs


async def test_nothing_of_another_institution_can_be_seen_or_done(site: Site) -> None:
    here, there = site.here.world, await site.person("reviewer", site.there)
    mine = await site.person("reviewer")
    await mine.page("/console/enrolments")
    await upload(mine, f"/api/v1/enrolments/{here.learner}")
    number = await measured(site)
    before = await site.dump()
    await there.page("/console/enrolments")
    await there.page(f"/console/learners/{here.learner}", status=404)
    assert await upload(there, f"/api/v1/enrolments/{here.learner}") == (404, "no_learner")
    for path, form in (
        (f"/console/enrolments/{number}/decisions", {"action": "approve", "learner": str(here.learner)}),
        (f"/console/learners/{here.learner}", {"phone": "14000000002"}),
    ):
        assert (await there.post(path, **form))[0] == 404
    login = site.here.logins["learner"]
    assert "没有找到这样的学员" in await there.page(f"/console/enrolments?find={login}")
    assert await site.dump() == before


async def test_who_may_not_is_refused_and_leaves_nothing(site: Site) -> None:
    world, learner, staff = site.here.world, await site.person("learner"), await site.person("reviewer")
    await learner.page("/enrolment")
    await staff.page("/console/enrolments")
    before = await site.dump()
    assert await upload(learner, f"/api/v1/enrolments/{world.other_learner}") == (403, "not_your_room")
    assert await upload(staff, "/api/v1/enrolments") == (403, "not_your_room")
    assert await upload(learner, "/api/v1/enrolments", csrf="wrong") == (403, "csrf")
    assert await upload(staff, f"/api/v1/enrolments/{world.other_learner}") == (403, "no_consent")
    for photo, fields, code in (
        (b"", {}, "no_frames"), (b"GIF89a", {}, "not_jpeg"), (JPEG, {"source": "mirror"}, "upload_wrong"),
        (JPEG, {"other": "x"}, "upload_wrong"), (JPEG + bytes(2_000_000), {}, "too_large"),
    ):  # fmt: skip
        assert (await upload(learner, "/api/v1/enrolments", photo, **fields))[1] == code
    assert await site.dump() == before


async def test_a_learner_is_found_by_number_or_phone_and_both_stay_masked(site: Site) -> None:
    world, person = site.here.world, await site.person("reviewer")
    page, number = f"/console/learners/{world.learner}", number_of_nobody(5)
    await person.page(page)
    for form, words in (({"number": number[:-1]}, "身份证件号码不正确"), ({"phone": "123"}, "手机号不正确")):
        status, text = await person.post(page, **{"number": "", "phone": "", **form})
        assert status == 422 and words in text
    status, text = await person.post(page, number=number.lower(), phone="140 0000 0009")
    assert status == 200 and "已保存" in text and "140****0009" in text
    for find in (number, "14000000009", "+86 14000000009"):
        text = await person.page(f"/console/enrolments?find={find.replace('+', '%2B').replace(' ', '%20')}")
        assert site.here.logins["learner"] in text and "140****0009" in text, find
    assert "没有找到这样的学员" in await person.page("/console/enrolments?find=14000000008")
    other = f"/console/learners/{world.other_learner}"
    await person.page(other)
    status, text = await person.post(other, number=number, phone="")
    assert status == 422 and "另一个账号" in text
    for path in (page, "/console/enrolments?show=learners", "/console/audit"):
        async with person.http.get(path) as answer:
            text = await answer.text()
            assert number not in text and "14000000009" not in text
    dumped = repr(await site.dump())
    assert number not in dumped and "14000000009" not in dumped, "sealed where it lies"


async def test_a_number_that_breaks_the_rules_is_told_to_whoever_decides(site: Site) -> None:
    world, person = site.here.world, await site.person("reviewer")
    for stored, words in (("110101299901010001", "不符合规则"), (number_of_nobody(1), "不是现行的行政区划")):
        async with site.deps.db.write() as conn:
            mine = update(accounts).where(accounts.c.id == world.learner)
            await conn.execute(mine.values(id_number_sealed=vault().seal(stored, field="account.id_number")))
        assert words in await person.page(f"/console/learners/{world.learner}")


async def test_a_phone_is_opened_on_purpose_and_that_is_written_down(site: Site) -> None:
    """A spot check by phone needs the number; whoever saw it stands in the audit."""
    world, person, there = site.here.world, await site.person("reviewer"), await site.person("reviewer", site.there)
    page = f"/console/learners/{world.learner}"
    assert (await person.post(f"{page}/phone"))[0] == 404, "none is registered"
    async with site.deps.db.write() as conn:
        mine = update(accounts).where(accounts.c.id == world.learner)
        await conn.execute(mine.values(phone_sealed=vault().seal("14000000001", field="account.phone")))
    case = await person.page(f"/console/cases/{site.here.study.case}")
    assert f'href="{page}"' in case
    assert "14000000001" not in await person.page(page)
    status, text = await person.post(f"{page}/phone")
    assert status == 200 and 'href="tel:14000000001"' in text
    assert (await there.post(f"{page}/phone"))[0] == 404
    opened = [row for row in await rows(site, audit) if row.action == "console:phone:opened"]
    assert [(row.account_id, row.object) for row in opened] == [(world.reviewer, f"account:{world.learner}")]


async def test_accounts_that_look_alike_are_settled_by_a_person(site: Site) -> None:
    world, person = site.here.world, await site.person("reviewer")
    one, two = sorted((world.learner, world.other_learner))
    async with site.deps.db.write() as conn:
        await conn.execute(
            duplicate_flags.insert().values(
                institution_id=world.institution,
                learner_id=one,
                other_id=two,
                score=0.71,
                model="m",
                opened_ms=NOW_MS,
            )
        )
    assert "0.71" in await person.page("/console/enrolments?show=alike")
    page = f"/console/learners/{world.learner}"
    text = await person.page(page)
    found = re.search(r'action="(/console/duplicates/\d+)"', text)
    assert found and "相似度 0.71" in text and "双胞胎" in text
    status, text = await person.post(found.group(1), learner=str(world.learner), word="different", reason="")
    assert status == 422
    status, text = await person.post(
        found.group(1), learner=str(world.learner), word="different", reason="当面核实。"
    )
    assert status == 200 and "已记录您的判断" in text and "不是同一人" in text
    (flag,) = await rows(site, duplicate_flags)
    assert (flag.state, flag.decided_by, flag.reason) == ("different", world.reviewer, "当面核实。")


async def test_the_learner_reads_what_stands_and_what_to_do(site: Site) -> None:
    world, person, staff = site.here.world, await site.person("learner"), await site.person("reviewer")
    assert "还没有照片" in await person.page("/enrolment")
    assert await upload(person, "/api/v1/enrolments", source="capture") == (202, "")
    assert "已收到，正在检测" in await person.page("/enrolment")
    await measured(site, "blurred")
    text = await person.page("/enrolment")
    assert "照片无法使用" in text and "画面模糊" in text
    await upload(person, "/api/v1/enrolments", JPEG + b"2")
    number = await measured(site)
    assert "等待审核" in await person.page("/enrolment")
    await staff.page("/console/enrolments")
    reason = "照片不是本人，请上传本人照片。"
    await staff.post(
        f"/console/enrolments/{number}/decisions", learner=str(world.learner), action="reject", reason=reason
    )
    text = await person.page("/enrolment")
    assert "已退回" in text and reason in text and "学时不受影响" in text


async def test_without_consent_the_page_asks_for_nothing(site: Site) -> None:
    async with site.deps.db.write() as conn:
        await conn.execute(update(consents).values(choice="withdrawn"))
    person = await site.person("learner")
    text = await person.page("/enrolment")
    assert "短信码和课程问题，效力相同" in text and 'type="file"' not in text
