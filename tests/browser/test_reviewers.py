"""Two reviewers and a learner at the same time: propose, confirm, conflict; the learner sees it at once."""

from __future__ import annotations

import asyncio

import pytest

from tests import pictures
from tests.browser.cdp import Browser, Page
from tests.browser.conftest import OUT, picture
from tests.browser.steps import counted, passed, sign_in, total_ms
from tests.client import Person
from tests.stack import Stack
from tests.world import PASSWORD

pytestmark = pytest.mark.browser


async def flagged(stack: Stack) -> tuple[int, str]:
    """A learner with a case: studied as the man, then somebody else answered the next check twice."""
    ((account, login),) = await stack.people()
    async with Person(stack.url) as person:
        await person.sign_in(login, PASSWORD)
        await person.consent()
        study = await person.study(1)
        await person.upload(await study.asked(), pictures.jpegs(pictures.moving_man()))
        await study.hear("verdict")
        await study.beat("play")
        for _second in range(2):
            await asyncio.sleep(1.01)
            await study.beat("beat", 1_000)
        push = (await study.hear("check"))["check"]
        for _try in range(2):
            await person.upload(push, pictures.jpegs(pictures.astronaut()))
            push = (await study.hear("verdict"))["next"]
        await study.until_closed()
    return account, login


async def open_case(page: Page, stack: Stack, reviewer: str) -> str:
    """Sign in, take the newest mismatch from the queue, return its address."""
    await sign_in(page, stack, reviewer)
    await page.goto(f"{stack.url}/console/cases?kind=mismatch")
    find = "[...document.querySelectorAll('a[href^=\"/console/cases/\"]')].map(a => a.getAttribute('href'))"
    links = await page.js(find)
    numbers = sorted({int(link.rsplit("/", 1)[1]) for link in links if link.rsplit("/", 1)[1].isdigit()})
    address = f"/console/cases/{numbers[-1]}"
    await page.goto(stack.url + address)
    return address


async def test_one_proposes_another_confirms_and_the_learner_sees_it_at_once(strict: Stack, cameras) -> None:
    account, login = await flagged(strict)
    ((_a, first), (_b, second)) = await strict.people(2, role="reviewer")
    async with Browser(camera=cameras["man"]) as browser:
        learner = await browser.page()
        await sign_in(learner, strict, login)
        one = await browser.page(context=await browser.profile(), new_window=True)
        address = await open_case(one, strict, first)
        await one.view(1280, 900)
        # Pictures are masked until opened, and opening is what the audit remembers.
        assert await one.js("document.querySelectorAll('[data-evidence]').length") >= 2
        await one.click("[data-evidence]")
        await one.until("[...document.querySelectorAll('.viewer img')].some(i => i.naturalWidth > 50)")
        await one.shot(picture("console"))
        await one.fill("textarea[name=reason]", "照片与实名登记照片不是同一人。")
        await one.click("button[value=propose]")
        await one.until("location.search.includes('done=propose')")
        assert (await strict.totals(account, 1)).withheld_ms > 0
        two = await browser.page(context=await browser.profile(), new_window=True)
        await sign_in(two, strict, second)
        await two.goto(strict.url + address)
        await two.fill("textarea[name=reason]", "复核属实，确认核减。")
        await two.click("button[value=confirm]")
        await two.until("location.search.includes('done=confirm')")
        sums = await strict.totals(account, 1)
        assert sums.void_ms > 0 and sums.withheld_ms == 0
        await learner.front()
        await learner.goto(f"{strict.url}/records/lessons/1")
        words = await learner.js("document.body.innerText")
        assert "已核减" in words and "复核属实" in words
        await learner.view(360, 780, mobile=True)
        await learner.shot(OUT / "record-void-360.png", full=True)


async def test_a_void_reaches_the_learner_while_studying(strict: Stack, cameras) -> None:
    account, login = await flagged(strict)
    ((_a, first), (_b, second)) = await strict.people(2, role="reviewer")
    async with Browser(camera=cameras["man"]) as browser:
        learner = await browser.page()
        await sign_in(learner, strict, login)
        await passed(learner, strict, 1)
        # Checks come every two seconds here; each pass makes what was studied final.
        await counted(learner, 4_000, 40)
        one = await browser.page(context=await browser.profile(), new_window=True)
        address = await open_case(one, strict, first)
        await one.js("document.querySelectorAll('input[name=span]').forEach(box => { box.checked = true; })")
        await one.fill("textarea[name=reason]", "照片与实名登记照片不是同一人。")
        await one.click("button[value=propose]")
        await one.until("location.search.includes('done=propose')")
        two = await browser.page(context=await browser.profile(), new_window=True)
        await sign_in(two, strict, second)
        await two.goto(strict.url + address)
        before = await total_ms(learner)
        assert before >= 4_000
        await two.fill("textarea[name=reason]", "复核属实，确认核减。")
        await two.click("button[value=confirm]")
        await two.until("location.search.includes('done=confirm')")
        # Without a reload: the word stands over the video and the total falls.
        await learner.until("document.querySelector('.zx-word').textContent.includes('已核减')", 5)
        await learner.until(f"Number(document.getElementById('status').dataset.totalMs) <= {before - 2_000}", 5)
        assert (await strict.totals(account, 1)).void_ms >= 4_000
        assert learner.errors == []


async def test_a_decision_reaches_the_learner_while_studying(strict: Stack, cameras) -> None:
    account, login = await flagged(strict)
    ((_a, first), (_b, second)) = await strict.people(2, role="reviewer")
    async with Browser(camera=cameras["man"]) as browser:
        learner = await browser.page()
        await sign_in(learner, strict, login)
        await passed(learner, strict, 1)
        before = await total_ms(learner)
        one = await browser.page(context=await browser.profile(), new_window=True)
        address = await open_case(one, strict, first)
        await one.fill("textarea[name=reason]", "确认是本人，不成立。")
        await one.click("button[value=dismiss]")
        await one.until("location.search.includes('done=dismiss')")
        # What was withheld comes back as far as it was not watched again, without a reload.
        await learner.until(f"Number(document.getElementById('status').dataset.totalMs) >= {before}")
        await asyncio.sleep(1.5)
        sums = await strict.totals(account, 1)
        assert sums.withheld_ms <= before and sums.final_ms + sums.provisional_ms + sums.waiting_ms > 0
        two = await browser.page(context=await browser.profile(), new_window=True)
        await sign_in(two, strict, second)
        await two.goto(strict.url + address)
        assert "办结" in await two.js("document.body.innerText")


async def test_two_deciding_together_the_later_one_sees_the_other_s_decision(strict: Stack, cameras) -> None:
    await flagged(strict)
    ((_a, first), (_b, second)) = await strict.people(2, role="reviewer")
    async with Browser(camera=cameras["man"]) as browser:
        one = await browser.page()
        address = await open_case(one, strict, first)
        two = await browser.page(context=await browser.profile(), new_window=True)
        await sign_in(two, strict, second)
        await two.goto(strict.url + address)
        await one.front()
        await one.fill("textarea[name=reason]", "照片清晰可辨，与实名登记照片一致。")
        await one.click("button[value=dismiss]")
        await one.until("location.search.includes('done=dismiss')")
        await two.front()
        await two.fill("textarea[name=reason]", "照片与实名登记照片不是同一人。")
        await two.click("button[value=propose]")
        await two.until("!!document.querySelector('.notice-conflict')")
        words = await two.js("document.body.innerText")
        assert "照片清晰可辨" in words
        await two.shot(OUT / "conflict-1280.png")


async def test_an_appeal_of_the_record_stands_in_the_queue(strict: Stack, cameras) -> None:
    _account, login = await flagged(strict)
    ((_a, reviewer),) = await strict.people(1, role="reviewer")
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await page.view(360, 780, mobile=True)
        await sign_in(page, strict, login)
        await page.goto(f"{strict.url}/records/lessons/1")
        await page.js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        await page.fill("form[action='/appeals'] textarea", "当时是我本人，摄像头角度不好。")
        await page.click("form[action='/appeals'] button")
        await page.until("location.search.includes('filed=1')")
        assert "申诉" in await page.js("document.body.innerText")
        other = await browser.page(context=await browser.profile(), new_window=True)
        await sign_in(other, strict, reviewer)
        await other.goto(f"{strict.url}/console/cases?kind=appeal")
        assert "学员申诉" in await other.js("document.body.innerText")
