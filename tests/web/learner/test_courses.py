"""学习: what to go on with, today against the cap, progress; a lesson that earns nothing says why."""

from __future__ import annotations

import re

from sqlalchemy import delete, update

from proctor.modules.accounts.tables import institutions
from proctor.modules.catalog.tables import classes, lessons, rosters
from tests.web.conftest import Site
from tests.world import NOW_MS


async def test_the_start_page_says_where_to_go_on_and_what_stands(site: Site) -> None:
    person = await site.person("learner")
    text = await person.page("/learn")
    assert "第 1 课" in text and "继续学习</a>" in text and "还剩 9 分 50 秒" in text
    assert "已完成 0 / 1 课" in text and "已计 10 秒" in text, "only the filed lesson counts for the course"
    assert "每天最多计" in text


async def test_the_cap_has_a_word_on_the_start_page(site: Site) -> None:
    async with site.deps.db.write() as conn:
        mine = institutions.c.id == site.here.world.institution
        await conn.execute(update(institutions).where(mine).values(policy='{"daily_cap_ms": 0}'))
    person = await site.person("learner")
    text = await person.page("/learn")
    assert "已到今天的上限" in text


async def test_an_unfiled_lesson_a_closed_class_and_a_taken_down_lesson_say_so(site: Site) -> None:
    person = await site.person("learner")
    course = f"/courses/{site.here.world.course}"
    text = await person.page(course)
    assert "尚未备案，可观看，不计学时" in text
    text = await person.page(f"/lessons/{site.here.world.unfiled}")
    assert "不计入学时" in text
    async with site.deps.db.write() as conn:
        mine = classes.c.institution_id == site.here.world.institution
        await conn.execute(update(classes).where(mine).values(closes_ms=NOW_MS // 2))
    assert "班级不在开放时间内" in await person.page(course)
    async with site.deps.db.write() as conn:
        mine = lessons.c.id == site.here.world.lesson
        await conn.execute(update(lessons).where(mine).values(taken_down_ms=NOW_MS // 2))
    text = await person.page(course)
    assert "已下架" in text and f'href="/lessons/{site.here.world.lesson}"' not in text
    assert "已下架" in await person.page(f"/lessons/{site.here.world.lesson}", 410)


async def test_a_learner_without_a_class_is_told_what_will_stand_here(site: Site) -> None:
    async with site.deps.db.write() as conn:
        await conn.execute(delete(rosters).where(rosters.c.learner_id == site.here.world.learner))
    person = await site.person("learner")
    text = await person.page("/learn")
    assert "还没有课程" in text and "编入班级后" in text and "继续学习" not in text


async def test_a_menu_shows_only_rooms_that_work(site: Site) -> None:
    person = await site.person("learner")
    text = await person.page("/learn")
    rooms = re.findall(r'class="room" href="([^"]+)"', text)
    assert rooms == ["/learn", "/records", "/me"]
    for room in rooms:
        assert 'aria-current="page"' in await person.page(room)


async def test_courses_lessons_and_records_of_another_institution_are_not_found(site: Site) -> None:
    person, world = await site.person("learner"), site.there.world
    for path in (
        f"/courses/{world.course}", f"/lessons/{world.lesson}", f"/records/lessons/{world.lesson}",
        f"/api/v1/lessons/{world.lesson}/state",
    ):  # fmt: skip
        async with person.http.get(path) as answer:
            assert answer.status == 404, path
