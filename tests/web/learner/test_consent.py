"""The choice about face checks: separate, asked before the first lesson, refusing as easy, provable later."""

from __future__ import annotations

from sqlalchemy import select

from proctor.modules.privacy.tables import consents, evidence
from tests.client import Person
from tests.web.conftest import Site
from tests.world import PASSWORD, people, vault
from web.learner.consent import NOTICE_VERSION, notice_sha256


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
    await person.post("/consent", choice="given", notice_version=NOTICE_VERSION)
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
