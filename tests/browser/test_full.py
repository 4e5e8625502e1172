"""Pages as full as a year of work leaves them: a record of every fate, long titles, many courses, many cases."""

from __future__ import annotations

import asyncio
import re

import pytest
from sqlalchemy import select, update

from proctor.modules.accounts.tables import accounts
from proctor.modules.reviews.tables import cases
from proctor.tls import local_certificate
from tests.browser import full
from tests.browser.cdp import Browser, Page
from tests.browser.conftest import OUT
from tests.browser.steps import sign_in
from tests.browser.test_pages import SIZES, look
from tests.web.conftest import Site, master, site
from tests.world import PASSWORD

pytestmark = pytest.mark.browser

__all__ = ["master", "site"]
FATES = ("final", "provisional", "waiting", "withheld", "void", "uncounted")
FILLS = """[...document.querySelectorAll('svg.strip rect')]
  .map(rect => rect.getAttribute('fill') || rect.getAttribute('class'))"""
COURSES = """new Set([...document.querySelectorAll('a[href^="/courses/"]')].map(link => link.href)).size"""


async def case_of(site: Site, learner: int, kind: str) -> int:
    async with site.deps.db.read() as conn:
        found = select(cases.c.id).where(cases.c.learner_id == learner, cases.c.kind == kind)
        return (await conn.execute(found)).scalar_one()


async def test_a_record_with_every_fate_and_many_days_is_readable_in_all_sizes(site: Site) -> None:
    learner = site.here.world.other_learner
    await full.long_titles(site)
    await full.study_everything(site, learner)
    await full.void_a_part(site, await case_of(site, learner, "mismatch"))
    await full.study_many_days(site, learner, 12)
    login = site.here.logins["learner"][:-1] + "1"
    async with Browser() as browser:
        page = await browser.page()
        await sign_in(page, site, login)
        problems = await look(page, site, "/records/lessons/1", "full-record")
        fills = set(await page.js(FILLS))
        assert {f"url(#zx-{fate})" for fate in FATES[1:-1]} | {"s-final", "uncounted"} <= fills
        ticks = await page.js("[...document.querySelectorAll('svg.strip .tick')].map(t => t.classList.length)")
        assert sorted(ticks) == [1, 1, 1, 2, 2], "three hollow and two filled ticks, the decided one among them"
        text = await page.js("document.body.innerText")
        for words in (full.REASON, "已到当天上限", "画面没有播放出来", "跳过了还没学的部分", "网络中断较久"):
            assert words in text, words
        assert text.count(full.REASON) == 2, "beside what was voided, not beside the rest that was accepted"
        problems += await look(page, site, "/records", "full-days")
        assert await page.js("document.querySelectorAll('svg.week rect').length") == 13
        labels = await page.js("[...document.querySelectorAll('svg.week text')].map(t => t.textContent)")
        assert len([one for one in labels if "秒" in one or "分" in one]) == 1, "only one bar is named"
        assert page.errors == []
    assert problems == [], "\n".join(problems)


async def test_twenty_courses_with_long_titles_are_all_there(site: Site) -> None:
    await full.long_titles(site)
    await full.many_courses(site, 20)
    async with Browser() as browser:
        page = await browser.page()
        await sign_in(page, site, site.here.logins["learner"])
        problems = await look(page, site, "/learn", "full-learn")
        problems += await look(page, site, "/courses/1", "full-course")
        await page.goto(f"{site.url}/learn")
        assert await page.js(COURSES) == 21
        assert page.errors == []
    assert problems == [], "\n".join(problems)


async def keys(page: Page, *pressed: str) -> str:
    for key in pressed:
        await page.press(key)
    return await page.js("document.activeElement.getAttribute('href')")


async def test_two_hundred_cases_are_walked_by_keys_and_pages(site: Site) -> None:
    await full.many_cases(site, 200)
    async with Browser() as browser:
        page = await browser.page()
        await sign_in(page, site, site.here.logins["reviewer"])
        problems = await look(page, site, "/console/cases", "full-queue")
        seen: list[str] = []
        for number in range(5):
            await page.goto(f"{site.url}/console/cases?page={number}")
            seen += await page.js("[...document.querySelectorAll('tr.row a')].map(a => a.getAttribute('href'))")
        assert len(seen) == len(set(seen)) == 201
        await page.goto(f"{site.url}/console/cases")
        assert [await keys(page, "j"), await keys(page, "j"), await keys(page, "k")] == [seen[0], seen[1], seen[0]]
        assert await keys(page, *"jjjj") == seen[4]
        bottom = await page.js("document.activeElement.getBoundingClientRect().bottom <= innerHeight")
        assert bottom, "the row that has the focus is in sight"
        await page.press("Enter")
        await page.until(f"location.pathname === '{seen[4]}'")
        ahead = await page.js("document.querySelector('link[rel=prefetch]').getAttribute('href')")
        assert re.fullmatch(r"/console/cases/\d+", ahead) and ahead != seen[4]
        await asyncio.sleep(0.5)
        loaded = await page.js("performance.getEntriesByType('resource').map(e => new URL(e.name).pathname)")
        assert ahead in loaded, "the next case is there before anybody asks for it"
        assert page.errors == []
    assert problems == [], "\n".join(problems)


async def test_the_page_that_hands_out_the_local_certificate(site: Site) -> None:
    await asyncio.to_thread(local_certificate, site.deps.settings.data_dir)
    async with Browser() as browser:
        page = await browser.page()
        assert await look(page, site, "/tls", "full-tls") == []
        assert "下载证书" in await page.js("document.body.innerText")


async def test_too_many_tries_and_a_page_that_broke_are_said_in_words(site: Site) -> None:
    async with Browser() as browser:
        page = await browser.page()
        for _try in range(6):  # five wrong ones lock it
            await page.goto(f"{site.url}/login")
            await page.fill("input[name=login]", "nobody-at-all")
            await page.fill("input[name=password]", PASSWORD)
            await page.click("form button")
            await page.until("!!document.querySelector('[role=alert]')")
        assert "已暂时锁定" in await page.js("document.body.innerText")
        for width, height, mobile in SIZES:
            await page.view(width, height, mobile=mobile)
            await page.shot(OUT / f"page-full-429-{width}.png", full=True)
        await sign_in(page, site, site.here.logins["learner"])
        async with site.deps.db.write() as conn:
            await conn.execute(update(accounts).values(name_sealed=b"not what was sealed"))
        problems = await look(page, site, "/me", "full-500")
        text = await page.js("document.body.innerText")
        assert "已经记录的学时不会丢失" in text and "再试一次" in text and "Traceback" not in text
    assert problems == [], "\n".join(problems)
