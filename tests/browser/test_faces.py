"""Who sits before the camera, in a real browser: the enrolled man, somebody else, two people, an empty room."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from sqlalchemy import select, update

from proctor import compose
from proctor.modules.accounts.tables import accounts
from proctor.modules.privacy.tables import enrolments, evidence
from proctor.modules.study.tables import bursts
from proctor.settings import load
from tests import pictures
from tests.browser.cdp import Browser, Page
from tests.browser.conftest import OUT
from tests.browser.steps import answer_check, consent, counted, press_play, sheet, sign_in, state, within
from tests.client import Person
from tests.stack import Stack
from tests.world import PASSWORD

pytestmark = pytest.mark.browser

STAGE = "(document.querySelector('[data-sheet=check]') || {dataset: {}}).dataset.stage"
GUIDE = "(document.querySelector('.zx-round') || {dataset: {}}).dataset.guide"

# What was said of the pictures, and which instructions stood.
SHOTS = """
const fetched = window.fetch;
window.fetch = (...given) => {
  const body = given[1] && given[1].body;
  if (String(given[0]).includes('/frames')) window.shots = body.get('shots');
  return fetched(...given);
};
window.seen = [];
new MutationObserver(() => {
  const round = document.querySelector('.zx-round');
  if (round && round.dataset.guide) window.seen.push(round.dataset.guide);
}).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['data-guide']});
"""

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
        await person.upload(await study.asked(), pictures.jpegs(pictures.moving_man()))
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
    await page.until(f"{STAGE} === '{wanted}'", seconds)
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
            await stage(page, "again")
            # The words of refusals are fetched when the first one is needed.
            await page.until("document.querySelector('[data-sheet=check]').innerText.includes('不影响学时')")
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


async def phone_of(stack: Stack, account: int) -> None:
    """A phone is registered for this learner; texts go to the outbox of the data folder."""
    sealed = compose.vault_of(load({}, data=str(stack.data))).seal("14000000001", field="account.phone")
    db = stack.database()
    async with db.write() as conn:
        await conn.execute(update(accounts).where(accounts.c.id == account).values(phone_sealed=sealed))
    await db.close()


async def code_in(stack: Stack) -> str:
    """The code of the newest text."""
    log = stack.data / "outbox" / "texts.log"
    await within(10, lambda: asyncio.to_thread(log.exists), "a text in the outbox")
    return re.findall(r"\b\d{6}\b", log.read_text("utf-8"))[-1]


async def test_who_shows_no_face_passes_by_code_with_the_keyboard_alone(strict: Stack, cameras) -> None:
    ((account, login),) = await strict.people()
    await phone_of(strict, account)
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await page.before_load("navigator.mediaDevices.getUserMedia = () => { window.asked = true; throw Error(); };")
        await page.view(360, 780, mobile=True)
        await sign_in(page, strict, login)
        await consent(page, strict, "refused")
        await press_play(page, strict)
        assert "验证码" in await page.js("document.body.innerText"), "what refusing means for the time"
        await page.until("!!document.querySelector('#zx-code')", 20)
        assert "140****0001" in await page.js("document.querySelector('.zx-code').innerText")
        await page.click("[data-act=send-code]")
        await page.until("document.querySelector('[data-act=send-code]').getAttribute('aria-disabled') === 'true'")
        await page.fill("#zx-code", await code_in(strict))
        # One question is about the lesson, the other about the course; the page itself says both.
        right = await page.js("""(() => {
          const known = [document.querySelector('main h1').innerText, document.querySelector('a.back').innerText];
          return [...document.querySelectorAll('.zx-choice')].findIndex(one => known.includes(one.innerText.trim()));
        })()""")
        assert right >= 0
        await page.shot(OUT / "check-code-360.png")
        # Past the button for another code into the choices; space and arrows choose, Enter hands it in.
        for key in ("Tab", "Tab", " ", *("ArrowDown",) * right, "Enter"):
            await page.press(key)
        await state(page, "counting", seconds=20)
        await counted(page, 1_000)
        assert not await page.js("window.asked")
        assert page.errors == []
    db = strict.database()
    async with db.read() as conn:
        row = (await conn.execute(select(bursts).where(bursts.c.learner_id == account))).first()
        assert row is not None and (row.outcome, row.way, row.frames) == ("passed", "code", 0)
        assert (await conn.execute(select(evidence).where(evidence.c.learner_id == account))).first() is None
        assert (await conn.execute(select(enrolments).where(enrolments.c.learner_id == account))).first() is None
    await db.close()


async def test_an_active_check_leads_through_its_actions_and_helps_who_cannot_do_them(cameras, tmp_path) -> None:
    policy = {"active_one_in": 1, "check_every_ms_min": 2_000, "check_every_ms_max": 2_000, "check_reuse_ms": 0}
    async with Stack(tmp_path / "active", policy=policy) as stack:
        account, login = await enrolled(stack)
        async with Browser(camera=cameras["man"]) as browser:
            page = await browser.page()
            await page.before_load(SHOTS)
            await before_camera(page, stack, login)
            await state(page, "counting", seconds=20)
            # The man talks and never turns his head: he is told what was missing, and loses nothing.
            words = await stage(page, "again", 40)
            await page.until("document.querySelector('[data-sheet=check]').innerText.includes('不影响学时')")
            assert "我做不了这个动作" in words and "作弊" not in words
            shots = json.loads(await page.js("window.shots"))
            done = {action for _at, action in shots}
            assert 5 <= len(shots) <= 8 and done in ({-1, 0, 1}, {-1, 0, 1, 2})
            assert [at for at, _action in shots] == sorted(at for at, _action in shots)
            seen = await page.js("window.seen")
            assert "front" in seen and "back" in seen and ("left" in seen or "right" in seen)
            await page.click("[data-sheet=check] [data-act=cannot-act]")
            # The camera stays on: three stills follow by themselves, and a person looks at them.
            await page.until(f"{STAGE} === 'shooting' && {GUIDE} === 'still'", 20)
            await page.until(f"{STAGE} === 'again' || {STAGE} === 'result'", 20)
            while await page.js(f"{STAGE} === 'again'"):
                # A film that is played over and over looks like a replay: then another try follows.
                await page.click("[data-sheet=check] [data-act=retry]")
                await page.until(f"{STAGE} === 'judging'", 20)
                await page.until(f"{STAGE} === 'again' || {STAGE} === 'result'", 20)
            assert "人工" in await stage(page, "result", 30)
            await page.click("[data-sheet=check] [data-act=close]")
            await state(page, "counting", seconds=20)
            assert page.errors == []
        db = stack.database()
        async with db.read() as conn:
            mine = select(bursts.c.check_id, bursts.c.way).where(bursts.c.learner_id == account)
            rows = (await conn.execute(mine.order_by(bursts.c.accepted_ms))).all()
        await db.close()
        # The next check comes two seconds later and may have taken its pictures before the page was closed.
        check = next(row.check_id for row in rows if row.way == "active")
        assert {row.way for row in rows if row.check_id == check} == {"active", "routine"}


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
    # Another moment than the enrolled one: the same picture once more is a replay.
    (tmp_path / "0.jpg").write_bytes(pictures.jpegs(pictures.moving_man()[60:])[0])
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
