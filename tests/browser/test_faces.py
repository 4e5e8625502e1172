"""Who sits before the camera, in a real browser: the enrolled man, somebody else, two people, an empty room."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from proctor.modules.privacy.tables import enrolments, evidence
from proctor.modules.study.tables import bursts
from tests import pictures
from tests.browser.cdp import Browser, Page
from tests.browser.conftest import OUT
from tests.browser.steps import answer_check, consent, counted, press_play, sheet, sign_in, state
from tests.client import Person
from tests.stack import Stack
from tests.world import PASSWORD

pytestmark = pytest.mark.browser

# When the pictures left and when the sheet showed what came of them.
WATCH = """
const fetched = window.fetch;
window.fetch = (...given) => {
  if (String(given[0]).includes('/frames') && !window.answered) window.sent = performance.now();
  return fetched(...given);
};
new MutationObserver(() => {
  const sheet = document.querySelector('[data-sheet=check]');
  if (sheet && sheet.dataset.stage === 'result' && !window.answered) window.answered = performance.now();
}).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['data-stage']});
"""


async def enrolled(stack: Stack) -> tuple[int, str]:
    """A learner whose photo is the man's, taken by another device earlier."""
    ((account, login),) = await stack.people()
    async with Person(stack.url) as person:
        await person.sign_in(login, PASSWORD)
        await person.consent()
        study = await person.study(2)
        await person.upload(study.welcome["check"], pictures.jpegs(pictures.moving_man()))
        assert (await study.hear("verdict"))["enrolled"]
        await study.leave()
    return account, login


async def before_camera(page: Page, stack: Stack, login: str) -> None:
    await page.view(360, 780, mobile=True)
    await sign_in(page, stack, login)
    await press_play(page, stack)
    await answer_check(page)


async def stage(page: Page, wanted: str, seconds: float = 20) -> str:
    """Wait for this stage of the check's sheet; returns its words."""
    found = "(document.querySelector('[data-sheet=check]') || {dataset: {}}).dataset.stage"
    await page.until(f"{found} === '{wanted}'", seconds)
    return await page.js("document.querySelector('[data-sheet=check]').innerText")


async def test_another_person_is_stopped_after_two_bursts_and_told_so_without_blame(strict: Stack, cameras) -> None:
    account, login = await enrolled(strict)
    async with Browser(camera=cameras["astronaut"]) as browser:
        page = await browser.page()
        await before_camera(page, strict, login)
        words = await stage(page, "again")
        assert "作弊" not in words
        await page.shot(OUT / "check-again-360.png")
        await page.click("[data-sheet=check] [data-act=retry]")
        await page.until("document.getElementById('status').dataset.state === 'stopped'", 20)
        words = await page.js("document.body.innerText")
        assert "作弊" not in words
        await page.shot(OUT / "stopped-360.png")
    assert (await strict.totals(account, 1)).final_ms == 0


@pytest.mark.parametrize("camera", ["room", "two"])
async def test_an_empty_room_or_two_faces_are_unclear_and_study_goes_on(strict: Stack, cameras, camera: str) -> None:
    _account, login = await enrolled(strict)
    async with Browser(camera=cameras[camera]) as browser:
        page = await browser.page()
        await before_camera(page, strict, login)
        for _try in range(2):
            words = await stage(page, "again")
            assert "不影响学时" in words
            await page.click("[data-sheet=check] [data-act=retry]")
            await asyncio.sleep(0.3)
        words = await stage(page, "result")
        assert "人工" in words
        await page.shot(OUT / f"unclear-{camera}-360.png")
        await page.click("[data-sheet=check] [data-act=close]")
        await state(page, "counting")
        await counted(page, 1_000)


async def test_a_random_check_pauses_the_video_and_a_pass_goes_on_by_itself(strict: Stack, cameras) -> None:
    _account, login = await enrolled(strict)
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await before_camera(page, strict, login)
        await state(page, "counting", seconds=20)
        # The policy of this system asks after two seconds of study.
        await page.until("!document.querySelector('[data-sheet=check]')", 10)
        await page.until("document.querySelector('#stage video').currentTime > 1", 20)
        await page.until("!!document.querySelector('[data-sheet=check]')", 20)
        assert await page.js("document.querySelector('#stage video').paused")
        await state(page, "counting", seconds=25)
        await page.until("!document.querySelector('[data-sheet=check]')", 10)
        assert (await strict.totals(_account, 1)).final_ms >= 2_000


async def test_who_refuses_studies_on_and_the_time_waits_for_a_person(strict: Stack, cameras) -> None:
    ((account, login),) = await strict.people()
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await page.before_load("navigator.mediaDevices.getUserMedia = () => { window.asked = true; throw Error(); };")
        await page.view(360, 780, mobile=True)
        await sign_in(page, strict, login)
        await consent(page, strict, "refused")
        await press_play(page, strict)
        assert "待人工核验" in await page.js("document.body.innerText"), "what refusing means for the time"
        await state(page, "counting", seconds=20)
        await counted(page, 4_000)
        assert not await page.js("window.asked || !!document.querySelector('[data-sheet=check]')")
        await page.shot(OUT / "refused-360.png")
        await page.goto(f"{strict.url}/records/lessons/1")
        assert "待人工核验" in await page.js("document.querySelector('.stretches').innerText")
        assert page.errors == []
    sums = await strict.totals(account, 1)
    assert sums.waiting_ms >= 2_000 and sums.final_ms == sums.withheld_ms == 0
    db = strict.database()
    async with db.read() as conn:
        assert (await conn.execute(select(evidence).where(evidence.c.learner_id == account))).first() is None
        assert (await conn.execute(select(enrolments).where(enrolments.c.learner_id == account))).first() is None
    await db.close()


async def test_the_answer_to_a_check_is_there_within_two_seconds(strict: Stack, cameras) -> None:
    _account, login = await enrolled(strict)
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await page.before_load(WATCH)
        await before_camera(page, strict, login)
        await state(page, "counting", seconds=20)
        took_ms = await page.js("window.answered - window.sent")
        assert 0 < took_ms <= 2_000, f"{took_ms} ms from the upload to the verdict"


async def test_a_missed_check_pauses_until_one_is_taken(strict: Stack, cameras, tmp_path) -> None:
    async with Stack(tmp_path / "missed", policy={"check_window_ms": 4_000, "check_reuse_ms": 0}) as stack:
        _account, login = await enrolled(stack)
        async with Browser(camera=cameras["man"], flags=("--deny-permission-prompts",)) as browser:
            page = await browser.page()
            await page.before_load("navigator.mediaDevices.getUserMedia = () => new Promise(() => {});")
            await sign_in(page, stack, login)
            await press_play(page, stack)
            await page.until("!!document.querySelector('[data-sheet=check]')")
            words = await sheet(page, "pause", 20)
            assert words
            await page.shot(OUT / "missed-1280.png")


async def test_without_a_camera_a_picture_file_answers_and_is_marked(strict: Stack, cameras, tmp_path) -> None:
    account, login = await enrolled(strict)
    for index, picture in enumerate(pictures.jpegs(pictures.moving_man())):
        (tmp_path / f"{index}.jpg").write_bytes(picture)
    async with Browser() as browser:
        page = await browser.page()
        await page.before_load("Object.defineProperty(navigator, 'mediaDevices', {value: undefined});")
        await sign_in(page, strict, login)
        await press_play(page, strict)
        await page.until("!!document.querySelector('[data-sheet=check]')", 20)
        await asyncio.sleep(0.5)
        if await page.js("!!document.querySelector('[data-act=start-check]')"):
            await page.click("[data-act=start-check]")
        await stage(page, "other")
        await page.upload(".zx-file", tmp_path / "0.jpg")
        await state(page, "counting", seconds=20)
    db = strict.database()
    async with db.read() as conn:
        mine = select(bursts).where(bursts.c.learner_id == account, bursts.c.source == "file")
        row = (await conn.execute(mine)).one()
    await db.close()
    assert row.outcome == "passed"
