"""The choice about face checks: separate, asked before the first lesson, refusing as easy, provable later."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import select, update

from proctor.modules.accounts.tables import accounts
from proctor.modules.privacy.tables import consents, evidence
from tests.client import Person
from tests.modules.test_privacy_minors import number
from tests.web.conftest import Site
from tests.world import PASSWORD, people, vault
from web.learner.consent import NOTICE_VERSION, VERSIONS, notice_sha256


async def undecided(site: Site) -> Person:
    """A signed-in learner who has not chosen yet."""
    ((_account, login),) = await people(site.deps.db, site.here.world.institution, vault(), 1)
    person = await site.person()
    await person.sign_in(login, PASSWORD)
    return person


async def test_a_lesson_asks_first_and_comes_back_after_the_choice(site: Site) -> None:
    person = await undecided(site)
    async with person.http.get("/lessons/1", allow_redirects=False) as answer:
        assert answer.status == 303 and answer.headers["Location"] == "/consent?next=/lessons/1"
    text = await person.page("/consent?next=/lessons/1")
    buttons = text.split('class="choices"')[1].split("</div>")[0]
    # Both choices look the same and refusing stands first.
    assert buttons.index("不同意") < buttons.index(">同意") and buttons.count('<button class="button"') == 2
    status, text = await person.post("/consent", choice="refused", notice_version=NOTICE_VERSION, next="/lessons/1")
    assert status == 200 and 'id="lesson"' in text
    assert "您选择了不使用人脸" in text, "what it means for the time stands beside the player"
    assert '"consent":false' in text.replace("&#34;", '"')


async def test_a_choice_is_stored_with_the_very_text_that_was_read(site: Site) -> None:
    person = await undecided(site)
    await person.page("/consent")
    await person.post("/consent", choice="given", notice_version=NOTICE_VERSION, age="adult")
    async with site.deps.db.read() as conn:
        newest = select(consents).order_by(consents.c.id.desc()).limit(1)
        row = (await conn.execute(newest)).one()
    assert (row.choice, row.notice_version, row.notice_sha256) == ("given", NOTICE_VERSION, notice_sha256("zh-CN"))
    assert notice_sha256("zh-CN") != notice_sha256("en")


async def test_nobody_agrees_to_a_text_that_changed_meanwhile(site: Site) -> None:
    person = await undecided(site)
    await person.page("/consent")
    before = await site.dump()
    for form, status in (({"choice": "given", "notice_version": "1999-1"}, 409), ({"choice": "given"}, 409),
                         ({"choice": "perhaps"}, 400), ({}, 400)):  # fmt: skip
        answered, _text = await person.post("/consent", **form)
        assert answered == status
    assert await site.dump() == before


async def test_withdrawing_makes_the_pictures_overdue_at_once_and_shows_on_the_page(site: Site) -> None:
    person = await site.person("learner")
    await person.page("/me")
    status, text = await person.post("/consent", choice="withdrawn", next="/me")
    assert status == 200 and "您选择了不使用人脸" in text and "撤回同意" in text
    audit = await (await site.person("administrator")).page("/console/audit")
    assert "撤回人脸核验同意" in audit and "web:consent" not in audit
    async with site.deps.db.read() as conn:
        mine = select(evidence.c.id).where(evidence.c.learner_id == site.here.world.learner)
        assert (await conn.execute(mine)).scalars().all() == [site.here.evidence], "an open case still needs it"


async def newest(site: Site, purpose: str) -> str:
    async with site.deps.db.read() as conn:
        mine = select(consents.c.choice).where(consents.c.purpose == purpose).order_by(consents.c.id.desc()).limit(1)
        return (await conn.execute(mine)).scalar_one_or_none() or ""


async def test_two_purposes_are_two_choices_and_not_ticked_is_a_refusal(site: Site) -> None:
    for ticked, holds in (({}, "refused"), ({"province": "given", "age": "adult"}, "given")):
        person = await undecided(site)
        text = await person.page("/consent")
        assert 'name="province" value="given"' in text and "checked" not in text, "nothing is chosen beforehand"
        more = {"asked": "province", "province_version": VERSIONS["province"], **ticked}
        await person.post("/consent", choice="refused", notice_version=NOTICE_VERSION, **more)
        assert await newest(site, "province") == holds and await newest(site, "face_check") == "refused"
    text = await person.page("/consent")
    assert "您目前的选择：不使用人脸" in text and "您目前的选择：同意提供" in text
    status, text = await person.post("/consent", purpose="province", choice="withdrawn", next="/consent")
    assert status == 200 and "您目前的选择：不提供" in text and await newest(site, "face_check") == "refused"
    audit = await (await site.person("administrator")).page("/console/audit")
    assert "撤回提供给省级平台的同意" in audit


async def test_who_refused_is_never_asked_again_and_a_new_text_asks_only_who_agreed(site: Site, monkeypatch) -> None:
    both = [await undecided(site) for _n in range(2)]
    for person, choice in zip(both, ("refused", "given"), strict=True):
        await person.page("/consent")
        await person.post("/consent", choice=choice, notice_version=NOTICE_VERSION, age="adult")
    monkeypatch.setitem(VERSIONS, "face_check", "2099-1")
    locations = []
    for person in both:
        async with person.http.get("/lessons/1", allow_redirects=False) as answer:
            locations.append(answer.headers.get("Location", ""))
    assert locations == ["", "/consent?next=/lessons/1"]
    assert "告知内容有更新" in await both[1].page("/consent")
    status, _text = await both[1].post("/consent", choice="given", notice_version="2099-1", next="/lessons/1")
    async with both[1].http.get("/lessons/1", allow_redirects=False) as answer:
        assert status == 200 and answer.status == 200


async def test_the_text_that_was_read_can_be_read_again_by_who_chose_by_it(site: Site) -> None:
    person, other = await undecided(site), await undecided(site)
    await person.page("/consent")
    await person.post("/consent", choice="refused", notice_version=NOTICE_VERSION)
    path = f"/consent/texts/{notice_sha256('zh-CN')}"
    assert path in await person.page("/consent") and "用您专属的密钥加密保存" in await person.page(path)
    await other.page(path, 404)
    await person.page(f"/consent/texts/{'f' * 64}", 404)


# Of unknown age.


async def test_whoever_agrees_without_a_number_says_once_how_old_they_are(site: Site) -> None:
    """Nobody ever asked: a child without an identity number agreed like an adult."""
    person, other = await undecided(site), await undecided(site)
    text = await person.page("/consent?next=/lessons/1")
    assert text.count('type="radio" name="age"') == 3 and "checked" not in text
    form = {"notice_version": NOTICE_VERSION, "province_version": VERSIONS["province"], "next": "/lessons/1"}
    before = await site.dump()
    for age in ({}, {"age": "unknown"}, {"age": "9"}):
        status, text = await person.post("/consent", choice="given", **form, **age)
        assert status == 422 and "请先选择您的年龄" in text
        assert (await person.post("/consent", purpose="province", choice="given", **form, **age))[0] == 422
    assert await site.dump() == before
    status, text = await person.post("/consent", choice="given", **form, age="minor")
    assert status == 200 and 'id="lesson"' in text and await newest(site, "age") == "minor"
    text = await person.page("/consent")
    assert "您目前的选择：同意人脸核验" in text and 'name="age"' not in text, "asked once"
    await other.page("/consent")
    status, _text = await other.post("/consent", choice="refused", **form)
    assert status == 200 and await newest(site, "face_check") == "refused", "refusing needs no age"


async def test_who_says_to_be_under_fourteen_meets_the_guardians_form_and_cannot_take_it_back(site: Site) -> None:
    person = await undecided(site)
    await person.page("/consent")
    form = {"notice_version": NOTICE_VERSION, "next": "/lessons/1"}
    status, text = await person.post("/consent", choice="given", **form, age="child")
    assert status == 200 and "监护人的决定" in text and 'name="next" value="/lessons/1"' in text
    assert (await person.post("/consent", choice="given", **form, age="adult"))[0] == 403
    status, text = await person.post("/consent/guardian", **guardian_form())
    assert status == 200 and "等待监护人确认" in text


# Under 14.


async def child(site: Site) -> Person:
    """A signed-in learner of ten years."""
    ((account, login),) = await people(site.deps.db, site.here.world.institution, vault(), 1)
    year = datetime.now(UTC).year - 10
    async with site.deps.db.write() as conn:
        sealed = vault().seal(number(f"{year}0101"), field="account.id_number")
        await conn.execute(update(accounts).where(accounts.c.id == account).values(id_number_sealed=sealed))
    person = await site.person()
    await person.sign_in(login, PASSWORD)
    return person


def guardian_form(**more: str) -> dict[str, str]:
    return {
        "name": "张家长", "phone": "14000000001", "relation": "mother", "agreed": "yes",
        "notice_version": NOTICE_VERSION, "province_version": VERSIONS["province"], **more,
    }  # fmt: skip


async def test_a_child_cannot_agree_and_studies_by_code_until_the_guardian_does(site: Site) -> None:
    person = await child(site)
    text = await person.page("/consent")
    assert "请监护人来决定" in text and 'name="choice" value="given"' not in text
    for purpose in VERSIONS:
        form = {"notice_version": NOTICE_VERSION, "province_version": VERSIONS["province"]}
        before = await site.dump()
        assert (await person.post("/consent", choice="given", purpose=purpose, **form))[0] == 403
        assert await site.dump() == before, purpose
    status, text = await person.post("/consent/guardian", **guardian_form())
    assert status == 200 and "等待监护人确认" in text and "140****0001" in text and "张家长" not in text
    text = await person.page("/lessons/1")
    assert '"consent":false' in text.replace("&#34;", '"'), "nobody waits for the guardian"
    await person.page("/consent")
    status, text = await person.post("/consent/guardian/code", send="1")
    assert status == 200 and "one-time-code" in text
    (phone, words) = site.deps.messages.sent[-1]
    assert phone == "14000000001" and "10 分钟" in words
    assert (await person.post("/consent/guardian/code", code="abc"))[0] == 422
    code = re.search(r"\d{6}", words)
    assert code
    status, text = await person.post("/consent/guardian/code", code=code.group())
    assert status == 200 and "您目前的选择：同意人脸核验" in text and await newest(site, "face_check") == "given"
    assert await newest(site, "province") == "refused", "its box was not ticked"
    status, text = await person.post("/consent", choice="withdrawn", next="/consent")
    assert status == 200 and "监护人的决定" in text, "withdrawing needs no guardian"


async def test_passing_on_is_the_guardians_second_tick(site: Site) -> None:
    person = await child(site)
    await person.page("/consent")
    assert (await person.post("/consent/guardian", **guardian_form(province="given", province_version="1")))[0] == 409
    await person.post("/consent/guardian", **guardian_form(province="given"))
    await person.post("/consent/guardian/code", send="1")
    code = re.search(r"\d{6}", site.deps.messages.sent[-1][1])
    assert code
    await person.post("/consent/guardian/code", code=code.group())
    assert (await newest(site, "face_check"), await newest(site, "province")) == ("given", "given")


async def test_the_fourteenth_birthday_asks_once_for_the_learners_own_word(site: Site) -> None:
    person = await child(site)
    await person.page("/consent")
    await person.post("/consent/guardian", **guardian_form())
    await person.post("/consent/guardian/code", send="1")
    code = re.search(r"\d{6}", site.deps.messages.sent[-1][1])
    assert code
    await person.post("/consent/guardian/code", code=code.group())
    assert 'id="lesson"' in await person.page("/lessons/1")
    async with site.deps.db.write() as conn:
        newest_account = select(consents.c.learner_id).order_by(consents.c.id.desc()).limit(1)
        year = datetime.now(UTC).year - 15
        sealed = vault().seal(number(f"{year}0101"), field="account.id_number")
        mine = accounts.c.id == newest_account.scalar_subquery()
        await conn.execute(update(accounts).where(mine).values(id_number_sealed=sealed))
    async with person.http.get("/lessons/1", allow_redirects=False) as answer:
        assert answer.status == 303
    assert "现在由您自己决定" in await person.page("/consent")
    await person.post("/consent", choice="given", notice_version=NOTICE_VERSION)
    assert 'id="lesson"' in await person.page("/lessons/1")


async def test_a_newer_text_asks_a_childs_guardian_once_and_study_goes_on(site: Site, monkeypatch) -> None:
    person = await child(site)
    await person.page("/consent")
    await person.post("/consent/guardian", **guardian_form())
    await person.post("/consent/guardian/code", send="1")
    code = re.search(r"\d{6}", site.deps.messages.sent[-1][1])
    assert code
    await person.post("/consent/guardian/code", code=code.group())
    monkeypatch.setitem(VERSIONS, "face_check", "2099-1")
    monkeypatch.setattr("web.learner.consent.NOTICE_VERSION", "2099-1")
    async with person.http.get("/lessons/1", allow_redirects=False) as answer:
        assert answer.status == 303
    await person.page("/consent")
    await person.post("/consent/guardian", **guardian_form(notice_version="2099-1"))
    assert 'id="lesson"' in await person.page("/lessons/1"), "asked once, and it lies with the guardian"


async def test_the_page_names_who_processes_and_whom_to_ask(site: Site) -> None:
    person = await undecided(site)
    assert "个人信息处理者：" in await person.page("/consent")


async def test_a_child_who_refuses_goes_straight_to_the_lesson(site: Site) -> None:
    person = await child(site)
    await person.page("/consent")
    status, text = await person.post("/consent", choice="refused", asked="province", next="/lessons/1")
    assert status == 200 and 'id="lesson"' in text and await newest(site, "province") == "refused"


async def test_grown_ups_need_no_guardian_and_wrong_statements_change_nothing(site: Site) -> None:
    grown, young = await undecided(site), await child(site)
    await grown.page("/consent")
    await young.page("/consent")
    before = await site.dump()
    assert (await grown.post("/consent/guardian", **guardian_form()))[0] == 404
    assert (await young.post("/consent/guardian", **guardian_form(notice_version="1")))[0] == 409
    for wrong in ({"name": ""}, {"phone": "1"}, {"relation": "x"}, {"agreed": ""}):
        assert (await young.post("/consent/guardian", **guardian_form(**wrong)))[0] == 422
    assert (await young.post("/consent/guardian/code", send="1"))[0] == 409
    assert await site.dump() == before
