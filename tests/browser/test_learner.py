"""A learner in a real browser with a real moving face before its camera."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time

import pytest

from tests.browser.cdp import Browser
from tests.browser.conftest import OUT, picture
from tests.browser.cut import Cut
from tests.browser.steps import (
    answer_check,
    counted,
    new_learner,
    passed,
    press_play,
    sheet,
    sign_in,
    stands,
    state,
    total_ms,
    within,
)  # fmt: skip
from tests.stack import Stack
from tests.world import PASSWORD

pytestmark = pytest.mark.browser


async def test_the_whole_path_from_signing_in_to_the_record(stack: Stack, cameras) -> None:
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await page.view(360, 780, mobile=True)
        account, _login = await new_learner(page, stack)
        await page.goto(f"{stack.url}/learn")
        assert "职业道德入门" in await page.js("document.body.innerText")
        await press_play(page, stack)
        await answer_check(page)
        await page.until("!!document.querySelector('[data-sheet=check] video').videoWidth")
        await page.shot(OUT / "check-360.png")
        await state(page, "counting", seconds=20)
        await counted(page, 4_000)
        await page.shot(picture("player"))
        assert "正在计时" in await page.js("document.getElementById('status').innerText")
        before = await total_ms(page)
        await page.goto(f"{stack.url}/records/lessons/1")
        words = await page.js("document.body.innerText")
        assert "暂计" in words

        async def stored() -> bool:
            return (await stack.totals(account, 1)).provisional_ms >= before

        await within(3, stored, "what was counted is stored a moment after the page was left")
        assert page.errors == []


async def test_a_hidden_tab_pauses_and_resumes_silently(stack: Stack, cameras) -> None:
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await new_learner(page, stack)
        await passed(page, stack)
        await counted(page, 2_000)
        other = await browser.page()
        await other.front()
        await page.until("document.hidden")
        await stands(page, 3)
        await page.front()
        await state(page, "counting")
        await counted(page, 2_000)
        assert not await page.js("!!document.querySelector('[data-sheet]')")


@pytest.mark.skipif(not shutil.which("Xvfb"), reason="needs a display of its own")
async def test_a_covered_window_pauses_until_it_is_in_front_again(stack: Stack, cameras) -> None:
    display = f":{100 + os.getpid() % 800}"
    server = subprocess.Popen(["Xvfb", display, "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    environment = {**os.environ, "DISPLAY": display}
    manager = None
    try:
        await asyncio.sleep(1)
        manager = subprocess.Popen(["openbox"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        async with Browser(camera=cameras["man"], headed=True, display=display) as browser:
            page = await browser.page()
            await new_learner(page, stack)
            await passed(page, stack)
            await counted(page, 2_000)
            cover = await browser.page(new_window=True)
            await cover.front()
            await page.until("!document.hasFocus()")
            words = await sheet(page, "pause")
            assert "学时不会丢失" in words
            await stands(page, 3)
            await cover.close()
            await page.front()
            await state(page, "counting")
            await counted(page, 2_000)
            await page.window("minimized")
            await page.until("document.hidden || !document.hasFocus()")
            await stands(page, 3)
            await page.window("normal")
            await page.front()
            await state(page, "counting")
            await counted(page, 2_000)
    finally:
        for process in (manager, server):
            if process is not None:
                process.terminate()
                process.wait(5)


async def test_picture_in_picture_is_refused_and_a_forced_one_ends_at_once(stack: Stack, cameras) -> None:
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await new_learner(page, stack)
        await passed(page, stack)
        await counted(page, 1_000)
        ask = "document.querySelector('#stage video').requestPictureInPicture().then(() => 'in', error => error.name)"
        assert await page.js(ask) == "InvalidStateError", "the element itself forbids it"
        # Somebody with developer tools takes the attribute away and asks in the same breath.
        await page.js(f"document.querySelector('#stage video').removeAttribute('disablepictureinpicture'), {ask}")
        await page.until("!document.pictureInPictureElement", 5)
        assert await page.js("document.querySelector('#stage video').hasAttribute('disablepictureinpicture')")
        await state(page, "counting")
        await counted(page, 2_000)


async def test_a_second_tab_pauses_the_first(stack: Stack, cameras) -> None:
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await new_learner(page, stack)
        await passed(page, stack)
        await counted(page, 2_000)
        second = await browser.page()
        await press_play(second, stack, 2)
        words = await sheet(second, "tab")
        assert words
        await second.click("[data-sheet=tab] [data-act=take-back]")
        await state(second, "counting", seconds=20)
        await page.front()
        await page.until("document.querySelector('video').paused")
        await stands(page, 2)


async def test_a_second_browser_takes_over_and_one_tap_takes_it_back(stack: Stack, cameras) -> None:
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        _account, login = await new_learner(page, stack)
        await passed(page, stack)
        before = await counted(page, 2_000)
        phone = await browser.page(context=await browser.profile(), new_window=True)
        await sign_in(phone, stack, login, PASSWORD)
        await press_play(phone, stack)
        await state(phone, "counting", seconds=20)
        assert await total_ms(phone) >= before
        words = await sheet(page, "taken")
        assert "开始学习" in words
        await page.front()
        await page.shot(OUT / "taken-1280.png")
        await page.click("[data-sheet=taken] [data-act=take-back]")
        await state(page, "counting", seconds=20)
        await sheet(phone, "taken")


async def test_a_reload_continues_where_it_was(stack: Stack, cameras) -> None:
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await new_learner(page, stack)
        await passed(page, stack)
        before = await counted(page, 3_000)
        await page.reload()
        await state(page, "counting", seconds=20)
        await page.until(f"document.querySelector('video').currentTime * 1000 >= {before - 1_500}")
        await counted(page, 2_000)
        assert await total_ms(page) >= before + 2_000


@pytest.mark.parametrize(("cut_s", "stands_for"), [(1, "5 s"), (4, "20 s"), (36, "3 min")])
async def test_a_lost_network_loses_nothing(fifth: Stack, cameras, cut_s: int, stands_for: str) -> None:
    async with Cut(fifth.gateway_port, fifth.relay_port) as cut, Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        account, _login = await new_learner(page, fifth)
        await passed(page, fifth)
        await counted(page, 2_000)
        cut.cut()
        await page.offline(True)
        started = time.monotonic()
        await asyncio.sleep(cut_s)
        if cut_s > 6:
            # It says why it stands, long before the learner has watched uncounted.
            assert await page.js("document.querySelector('video').paused")
            await sheet(page, "hold")
        cut.mend()
        await page.offline(False)
        await state(page, "counting", seconds=15)
        assert time.monotonic() - started < cut_s + 15
        await counted(page, 2_000)
        at_ms = await page.js("document.querySelector('video').currentTime") * 1_000
        # Everything that was watched is counted, but for the beat that is still to come.
        assert at_ms - await total_ms(page) <= 2_500, stands_for
        totals = await fifth.totals(account, 1)
        assert totals.withheld_ms == totals.void_ms == 0


async def test_seeking_ahead_and_speed_are_refused_politely(stack: Stack, cameras) -> None:
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await new_learner(page, stack)
        await passed(page, stack)
        await counted(page, 1_000)
        await page.js("document.querySelector('video').currentTime = 120")
        await asyncio.sleep(1)
        assert await page.js("document.querySelector('video').currentTime") < 60
        await page.js("document.querySelector('video').playbackRate = 2")
        await asyncio.sleep(1)
        assert await page.js("document.querySelector('video').playbackRate") <= 1
        assert await page.js("document.querySelector('.zx-word').textContent")
        await counted(page, 2_000)


async def test_the_daily_cap_stops_the_count_with_a_word(tmp_path, cameras) -> None:
    async with (
        Stack(tmp_path / "cap", policy={"daily_cap_ms": 4_000}) as stack,
        Browser(camera=cameras["man"]) as browser,
    ):
        page = await browser.page()
        await new_learner(page, stack)
        await passed(page, stack)
        words = await sheet(page, "cap", 20)
        assert words
        assert await total_ms(page) <= 4_000
