"""Minors in the console: a guardian is confirmed by staff, and a minor's picture opens after another person's yes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, update

from proctor.modules.accounts.tables import accounts
from proctor.modules.audit.tables import audit
from proctor.modules.study.tables import bursts
from tests.modules.test_privacy_minors import number
from tests.web.conftest import JPEG, Site
from tests.web.console.test_enrolments import measured, upload
from tests.web.learner.test_consent import child, guardian_form
from tests.world import NOW_MS, vault
from web.learner.consent import NOTICE_VERSION


async def born(site: Site, day: str) -> None:
    """The learner of the case was born on that day."""
    async with site.deps.db.write() as conn:
        sealed = vault().seal(number(day), field="account.id_number")
        mine = update(accounts).where(accounts.c.id == site.here.world.learner)
        await conn.execute(mine.values(id_number_sealed=sealed))
        burst = {
            "check_id": site.here.study.check, "try_number": 1, "learner_id": site.here.world.learner, "frames": 2,
            "outcome": "unclear", "detail": "dark", "score": 0.0, "threshold": 0.45, "model": "m", "source": "camera",
            "evidence_id": site.here.evidence, "accepted_ms": NOW_MS, "judged_ms": NOW_MS,
        }  # fmt: skip
        await conn.execute(insert(bursts).values(**burst))


@pytest.mark.parametrize("day", ["20990101", "19900101"])
async def test_pictures_of_adults_open_without_asking(site: Site, day: str) -> None:
    await born(site, day)
    person = await site.person("reviewer")
    assert "申请查看" not in await person.page(f"/console/cases/{site.here.study.case}")
    async with person.http.get(f"/console/evidence/{site.here.evidence}") as answer:
        assert answer.status == 200


async def test_a_minors_picture_needs_another_person_and_every_step_is_in_the_audit(site: Site) -> None:
    await born(site, "20150601")
    case, picture = f"/console/cases/{site.here.study.case}", f"/console/evidence/{site.here.evidence}"
    person, other = await site.person("reviewer"), await site.person("second_reviewer")
    before = await site.dump()
    async with person.http.get(picture) as answer:
        assert answer.status == 403 and (await answer.json())["error"]["code"] == "minor_access"
    assert await site.dump() == before
    text = await person.page(case)
    assert "申请查看" in text and "disabled data-evidence" in text
    learner = str(site.here.world.learner)
    status, text = await person.post("/console/privacy/access", learner=learner, reason="核实不符", next=case)
    assert status == 200 and "已申请，等待批准" in text
    mine = await person.page("/console/privacy/minors")
    assert "等待另一位工作人员决定" in mine
    theirs = await other.page("/console/privacy/minors")
    path = theirs.split('action="/console/privacy/access/')[1].split('"')[0]
    assert (await person.post(f"/console/privacy/access/{path}", say="approve"))[0] == 403
    assert (await other.post(f"/console/privacy/access/{path}", say="perhaps"))[0] == 400
    assert (await other.post(f"/console/privacy/access/{path}", say="approve"))[0] == 200
    async with person.http.get(picture) as answer:
        assert answer.status == 200 and await answer.read() == JPEG
    async with other.http.get(picture) as answer:
        assert answer.status == 403, "an approval is for who asked"
    audit = await (await site.person("administrator")).page("/console/audit")
    for words in ("申请查看未成年人照片", "批准查看未成年人照片", "打开核验照片"):
        assert words in audit, words


async def test_nobody_asks_about_or_decides_for_another_institution(site: Site) -> None:
    await born(site, "20150601")
    stranger = await site.person("reviewer", site.there)
    await stranger.page("/console")
    learner = str(site.here.world.learner)
    assert (await stranger.post("/console/privacy/access", learner=learner, reason="核实不符"))[0] == 404
    assert (await stranger.post("/console/privacy/access", learner="x", reason="核实不符"))[0] == 400
    person = await site.person("reviewer")
    await person.post("/console/privacy/access", learner=learner, reason="核实不符")
    assert (await stranger.post("/console/privacy/access/1", say="approve"))[0] == 404


@pytest.mark.parametrize(("say", "holds"), [("confirm", "given"), ("refuse", "refused")])
async def test_staff_confirm_a_guardian_whom_they_asked(site: Site, say: str, holds: str) -> None:
    learner = await child(site)
    await learner.page("/consent")
    await learner.post("/consent/guardian", **guardian_form())
    staff = await site.person("reviewer")
    text = await staff.page("/console/privacy/minors")
    assert "张家长" in text and "140****0001" in text and "14000000001" not in text
    one = text.split('action="/console/privacy/guardians/')[1].split("/")[0]
    status, text = await staff.post(f"/console/privacy/guardians/{one}/phone")
    assert status == 200 and 'href="tel:14000000001"' in text, "staff are to call"
    assert (await staff.post(f"/console/privacy/guardians/{one}", say=say, note="x"))[0] == 422
    status, text = await staff.post(f"/console/privacy/guardians/{one}", say=say, note="电话核实过")
    assert status == 200 and "电话核实过" in text and "14000000001" not in text
    words = {"given": "您目前的选择：同意人脸核验", "refused": "您目前的选择：不使用人脸"}[holds]
    assert words in await learner.page("/consent")
    stranger = await site.person("reviewer", site.there)
    assert "张家长" not in await stranger.page("/console/privacy/minors")
    assert (await stranger.post(f"/console/privacy/guardians/{one}/phone"))[0] == 404
    assert "查看监护人手机号" in await (await site.person("administrator")).page("/console/audit")


async def test_whoever_opens_a_minors_page_stands_in_the_audit_and_the_phone_needs_the_approval(site: Site) -> None:
    await born(site, "20100601")
    learner, person = site.here.world.learner, await site.person("reviewer")
    async with site.deps.db.write() as conn:
        mine = update(accounts).where(accounts.c.id == learner)
        await conn.execute(mine.values(phone_sealed=vault().seal("14000000009", field="account.phone")))
    page = f"/console/learners/{learner}"
    text = await person.page(page)
    assert "申请查看" in text and f'action="{page}/phone"' not in text and "140****0009" in text
    assert (await person.post(f"{page}/phone"))[0] == 403
    await person.page(f"/console/cases/{site.here.study.case}")
    status, text = await person.post("/console/privacy/access", learner=str(learner), reason="电话抽查", next=page)
    assert status == 200 and "已申请，等待批准" in text
    other = await site.person("second_reviewer")
    path = (await other.page("/console/privacy/minors")).split('action="/console/privacy/access/')[1].split('"')[0]
    assert (await other.post(f"/console/privacy/access/{path}", say="approve"))[0] == 200
    status, text = await person.post(f"{page}/phone")
    assert status == 200 and 'href="tel:14000000009"' in text
    async with site.deps.db.read() as conn:
        wanted = select(audit.c.account_id, audit.c.detail).where(audit.c.action == "console:minor:read")
        rows = (await conn.execute(wanted.order_by(audit.c.id))).all()
    assert {row.account_id for row in rows} == {site.here.world.reviewer} and len(rows) >= 4
    assert '"case"' in rows[1].detail


async def test_a_number_that_makes_a_child_ends_what_the_child_agreed_to_alone(site: Site) -> None:
    learner, staff = await site.person("learner"), await site.person("reviewer")
    page = f"/console/learners/{site.here.world.learner}"
    await staff.page(page)
    await learner.page("/consent")
    form = {"notice_version": NOTICE_VERSION, "choice": "given", "age": "adult"}
    assert "您目前的选择：同意人脸核验" in (await learner.post("/consent", **form, next="/consent"))[1]
    born_in = datetime.now(UTC).year - 10
    assert (await staff.post(page, number=number(f"{born_in}0101")))[0] == 200
    text = await learner.page("/consent")
    assert "您目前的选择：同意人脸核验" not in text and "监护人的决定" in text


async def test_one_person_alone_opens_no_minors_picture_by_an_adults_number(site: Site) -> None:
    await born(site, "20150601")
    person, learner = await site.person("reviewer"), site.here.world.learner
    page, picture = f"/console/learners/{learner}", f"/console/evidence/{site.here.evidence}"
    await person.page(page)
    status, text = await person.post(page, number=number("19850312"))
    assert status == 422 and "须另一位工作人员批准" in text and 'id="contact-error"' in text
    async with person.http.get(picture) as answer:
        assert answer.status == 403
    await approved(site, person, page)
    assert (await person.post(page, number=number("19850312")))[0] == 200
    async with site.deps.db.read() as conn:
        wanted = select(audit.c.detail).where(audit.c.action == "console:learner:changed")
        (detail,) = (await conn.execute(wanted)).scalars().all()
    assert '"age_before": "child"' in detail and '"age_after": "adult"' in detail
    assert f'"approved_by": {site.here.world.second_reviewer}' in detail


async def approved(site: Site, person, back: str) -> None:
    """The reviewer asks for a look, another person approves."""
    learner = str(site.here.world.learner)
    await person.post("/console/privacy/access", learner=learner, reason="证件号码登记有误", next=back)
    other = await site.person("second_reviewer")
    path = (await other.page("/console/privacy/minors")).split('action="/console/privacy/access/')[1].split('"')[0]
    assert (await other.post(f"/console/privacy/access/{path}", say="approve"))[0] == 200


async def test_a_minors_photo_is_approved_only_by_who_may_see_it(site: Site) -> None:
    await born(site, "20100601")
    person, learner = await site.person("reviewer"), site.here.world.learner
    page = f"/console/learners/{learner}"
    await person.page(page)
    assert await upload(person, f"/api/v1/enrolments/{learner}") == (202, "")
    decisions = f"/console/enrolments/{await measured(site)}/decisions"
    text = await person.page(page)
    assert 'value="approve"' not in text and 'value="reject"' in text
    before = await site.dump()
    status, text = await person.post(decisions, learner=str(learner), action="approve", reason="")
    assert status == 409 and "须另一位工作人员批准后才能查看" in text
    assert (await site.dump())["enrolment_history"] == before["enrolment_history"]
    await approved(site, person, page)
    assert 'value="approve"' in await person.page(page)
    status, text = await person.post(decisions, learner=str(learner), action="approve", reason="")
    assert status == 200 and "已通过" in text


async def test_lists_that_show_minors_name_them_in_the_audit_and_others_leave_nothing(site: Site) -> None:
    person, login = await site.person("reviewer"), site.here.logins["learner"]
    lists = ["/console/cases", f"/console/enrolments?find={login}", "/console/enrolments?show=learners"]

    async def listed() -> list[tuple[str, str]]:
        for path in lists:
            await person.page(path)
        async with site.deps.db.read() as conn:
            wanted = select(audit.c.object, audit.c.detail).where(audit.c.action == "console:minor:listed")
            return [tuple(row) for row in (await conn.execute(wanted.order_by(audit.c.id))).all()]

    assert await listed() == []
    await born(site, "20100601")
    who = f'{{"learners": [{site.here.world.learner}]}}'
    assert await listed() == [("list:cases", who), ("list:learners", who), ("list:learners", who)]
    text = await (await site.person("administrator")).page("/console/audit")
    assert "打开列有未成年人的列表" in text


async def test_learners_of_unknown_age_have_a_list_of_their_own(site: Site) -> None:
    person, login = await site.person("reviewer"), site.here.logins["learner"]
    text = await person.page("/console/enrolments?show=ageless")
    assert login in text and "年龄未知" in text and "暂按成年人处理" in text
    await born(site, "19900101")
    assert login not in await person.page("/console/enrolments?show=ageless")
