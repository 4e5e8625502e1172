"""A WebView host: a lesson by ticket without any cookie, in an Android WebView's clothes, camera by file input."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests import pictures
from tests.browser.cdp import Browser
from tests.browser.conftest import OUT
from tests.browser.steps import counted, state, total_ms
from tests.browser.test_faces import STAGE
from tests.client import Person
from tests.stack import Stack
from tests.world import PASSWORD

pytestmark = pytest.mark.browser

WEBVIEW = (
    "Mozilla/5.0 (Linux; Android 12; HBN-AL00 Build/HUAWEI; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/114.0.5735.196 Mobile Safari/537.36"
)
# What such a WebView lacks: permissions of media, and playing without a tap.
FLAGS = ("--autoplay-policy=document-user-activation-required",)


async def test_a_host_starts_a_lesson_by_ticket_without_a_cookie(stack: Stack, tmp_path) -> None:
    ((account, login),) = await stack.people()
    async with Person(stack.url) as person:
        await person.sign_in(login, PASSWORD)
        await person.consent()
    key = (stack.data / "demo-host-key.txt").read_text()
    async with aiohttp.ClientSession() as http:
        body = {"login": login, "lesson_id": 1}
        headers = {"Authorization": f"Bearer {key}"}
        async with http.post(f"{stack.url}/api/v1/host/tickets", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            url = (await answer.json())["url"]
        async with http.post(f"{stack.url}/api/v1/host/tickets", json=body) as refused:
            assert refused.status == 401
    (tmp_path / "me.jpg").write_bytes(pictures.jpegs(pictures.moving_man())[0])
    async with Browser(flags=FLAGS) as browser:
        page = await browser.page()
        await page.user_agent(WEBVIEW)
        await page.view(360, 780, mobile=True)
        await page.before_load(
            "Object.defineProperty(navigator, 'mediaDevices', {value: undefined});"
            "Object.defineProperty(document, 'cookie', {get: () => '', set: () => true});"
        )
        await page.goto(url)
        assert "ticket" not in await page.js("location.href"), "the ticket leaves the address bar"
        await page.click("[data-act=play]")
        await page.until("!!document.querySelector('[data-sheet=check]')", 20)
        await asyncio.sleep(0.5)
        if await page.js("!!document.querySelector('[data-act=start-check]')"):
            await page.click("[data-act=start-check]")
        await page.until("!!document.querySelector('[data-sheet=check] [data-act=file]')", 20)
        await page.shot(OUT / "host-file-360.png")
        # The first capture enrols, and that takes more than one picture: a person will look at it.
        for _try in range(3):
            await page.upload(".zx-file", tmp_path / "me.jpg")
            await page.until(f"['again', 'result'].includes({STAGE} || 'result')", 30)
            if await page.js(f"{STAGE}") != "again":
                break
            await page.click("[data-act=retry]")
            await page.until("!!document.querySelector('[data-sheet=check] [data-act=file]')", 20)
        if await page.js("!!document.querySelector('[data-sheet=check] [data-act=close]')"):
            await page.click("[data-sheet=check] [data-act=close]")
        await state(page, "counting", seconds=20)
        await counted(page, 2_000)
        assert await total_ms(page) > 0
    await asyncio.sleep(1)
    sums = await stack.totals(account, 1)
    assert sums.provisional_ms + sums.waiting_ms + sums.final_ms > 0
