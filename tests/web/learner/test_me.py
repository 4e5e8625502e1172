"""我的: what is shown of oneself is masked, and only of oneself."""

from __future__ import annotations

from sqlalchemy import update

from proctor.demo import number_of_nobody
from proctor.modules.accounts.tables import accounts
from tests.web.conftest import Site
from tests.world import vault


async def test_the_profile_is_masked_and_names_the_institution(site: Site) -> None:
    number = number_of_nobody(0)
    async with site.deps.db.write() as conn:
        mine = accounts.c.id == site.here.world.learner
        sealed = {
            "name_sealed": vault().seal("欧阳明月", field="account.name"),
            "id_number_sealed": vault().seal(number, field="account.id_number"),
        }
        await conn.execute(update(accounts).where(mine).values(**sealed))
    person = await site.person("learner")
    text = await person.page("/me")
    assert "欧***" in text and f"990***********{number[-4:]}" in text and "测试学校" in text
    assert "欧阳" not in text and number not in text
    for other in ("/learn", "/records", "/records/lessons/1", "/courses/1", "/lessons/1"):
        page = await person.page(other)
        assert "欧阳" not in page and number not in page, other


async def test_the_choices_so_far_stand_there_with_their_date(site: Site) -> None:
    person = await site.person("learner")
    text = await person.page("/me")
    assert "选择记录" in text and "2026-09-21 22:13" in text and "撤回同意" in text
