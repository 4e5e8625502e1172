"""What learners and reviewers do in a page, in words."""

from __future__ import annotations

import asyncio
import json
import time

from tests.browser.cdp import Page
from tests.stack import Stack
from tests.world import PASSWORD

STATUS = "document.getElementById('status').dataset"


async def sign_in(page: Page, stack: Stack, login: str, password: str = PASSWORD) -> None:
    await page.goto(f"{stack.url}/login")
    await page.fill("input[name=login]", login)
    await page.fill("input[name=password]", password)
    await page.click("form button")
    await page.until("!location.pathname.startsWith('/login')")


async def consent(page: Page, stack: Stack, choice: str = "given") -> None:
    await page.goto(f"{stack.url}/consent")
    if choice == "given" and await page.js("!!document.querySelector('input[name=age]')"):
        await page.click("input[name=age][value=adult]")
    await page.click(f"button[value={choice}]")
    await page.until("location.pathname !== '/consent'")


async def new_learner(page: Page, stack: Stack) -> tuple[int, str]:
    """A fresh account, signed in, that agreed to face checks."""
    ((account, login),) = await stack.people()
    await sign_in(page, stack, login)
    await consent(page, stack)
    return account, login


async def press_play(page: Page, stack: Stack, lesson: int = 1) -> None:
    await page.goto(f"{stack.url}/lessons/{lesson}")
    await page.click("[data-act=play]")


async def answer_check(page: Page) -> None:
    """The camera may start by itself once it was allowed; the first time a button asks for it."""
    await page.until("!!document.querySelector('[data-sheet=check]')", 20)
    await asyncio.sleep(0.5)
    if await page.js("!!document.querySelector('[data-sheet=check] [data-act=start-check]')"):
        await page.click("[data-act=start-check]")


async def passed(page: Page, stack: Stack, lesson: int = 1) -> None:
    """Play, pass the start check, and see the time count."""
    await press_play(page, stack, lesson)
    await answer_check(page)
    await state(page, "counting", seconds=20)
    await page.until("!document.querySelector('[data-sheet=check]')", 10)


async def state(page: Page, *wanted: str, seconds: float = 15) -> None:
    """Wait for the status line to say one of these states."""
    await page.until(f"{json.dumps(wanted)}.includes({STATUS}.state)", seconds)


async def total_ms(page: Page) -> int:
    return int(await page.js(f"Number({STATUS}.totalMs)"))


async def counted(page: Page, more_ms: int, seconds: float = 20) -> int:
    """Wait until so much more is counted; returns the new total."""
    before = await total_ms(page)
    await page.until(f"Number({STATUS}.totalMs) >= {before + more_ms}", seconds)
    return await total_ms(page)


async def stands(page: Page, seconds: float = 3) -> int:
    """Nothing more counts and the picture stands still for so long; returns the total."""
    before, at = await total_ms(page), await page.js("document.querySelector('video').currentTime")
    await asyncio.sleep(seconds)
    assert await page.js("document.querySelector('video').paused")
    assert abs(await page.js("document.querySelector('video').currentTime") - at) < 0.3
    after = await total_ms(page)
    assert after - before <= 1_200, "at most the beat that was under way"
    return after


async def sheet(page: Page, name: str, seconds: float = 15) -> str:
    """Wait for this sheet over the video; returns its words."""
    await page.until(f"!!document.querySelector('[data-sheet={name}]')", seconds)
    return await page.js(f"document.querySelector('[data-sheet={name}]').innerText")


async def within(seconds: float, question, what: str) -> None:
    """Poll a coroutine function until it says True."""
    deadline = time.monotonic() + seconds
    while not await question():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.2)
