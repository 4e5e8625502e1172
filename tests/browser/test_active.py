"""Active checks in a real browser: who does what is asked passes; a still, a print, a film, another person do not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from proctor.modules.catalog.tables import classes
from proctor.modules.study.tables import bursts, facts
from tests import pictures
from tests.browser import acting
from tests.browser.cdp import Browser, Page
from tests.browser.steps import STATUS, answer_check, press_play, sign_in, state
from tests.browser.test_faces import GUIDE, STAGE, enrolled
from tests.processes.conftest import running
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]  # three tries of 15 s each, on a busy machine


@pytest.fixture(scope="module")
def exam(tmp_path_factory) -> Iterator[Stack]:
    """No check comes by chance; nothing of earlier captures is kept, for the cameras play the same films again."""
    made = Stack(
        tmp_path_factory.mktemp("exam") / "data", policy={"check_reuse_ms": 0}, env={"ZHENXUE_TRACES_MAX": "0"}
    )
    yield from running(made)


@pytest.fixture(scope="module")
def followers() -> dict[str, str]:
    """Made outside the tests' loops: models are loaded, and heads turned."""
    made = {who: acting.follows(who) for who in ("man", "astronaut")}
    return made | {"man in another light": acting.follows("man", lit=False)}


async def examined(stack: Stack) -> tuple[int, str]:
    """Somebody who is enrolled and whose class is an exam from now on: each check is an active one."""
    await _class_is(stack, {})
    account, login = await enrolled(stack)
    await _class_is(stack, {"exam": True})
    return account, login


async def _class_is(stack: Stack, policy: dict) -> None:
    db = stack.database()
    async with db.write() as conn:
        await conn.execute(update(classes).values(policy=json.dumps(policy)))
    await db.close()


async def tries(stack: Stack, account: int) -> list[tuple[str, str, str]]:
    """Outcome, detail and cues of this learner's active tries."""
    db = stack.database()
    async with db.read() as conn:
        mine = select(bursts).where(bursts.c.learner_id == account, bursts.c.way == "active")
        rows = (await conn.execute(mine.order_by(bursts.c.judged_ms))).all()
    await db.close()
    return [(row.outcome, row.detail, row.cues) for row in rows]


async def flags(stack: Stack, account: int) -> set[str]:
    db = stack.database()
    async with db.read() as conn:
        mine = select(facts.c.body).where(facts.c.learner_id == account, facts.c.kind == "flagged")
        found = {json.loads(body)["flag"] for (body,) in (await conn.execute(mine)).all()}
    await db.close()
    return found


async def begin(page: Page, stack: Stack, login: str) -> None:
    await page.view(360, 780, mobile=True)
    await sign_in(page, stack, login)
    await press_play(page, stack)
    await answer_check(page)


async def test_who_does_what_is_asked_passes_and_a_drawing_board_as_camera_is_only_a_flag(
    exam: Stack, cameras, followers
) -> None:
    account, login = await examined(exam)
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await page.before_load(followers["man"])
        await begin(page, exam, login)
        for _try in range(3):
            await page.until(f"['again', 'result', ''].includes({STAGE} || '')", 45)
            if await page.js(f"{STAGE}") != "again":
                break
            await page.click("[data-sheet=check] [data-act=retry]")
            await page.until(f"{STAGE} !== 'again'")
        await state(page, "counting", seconds=25)
        assert page.errors == []
    found = await tries(exam, account)
    assert found[-1] == ("passed", "", ""), found
    for _moment in range(100):  # the journal writes a moment later
        if "virtual_camera" in await flags(exam, account):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("a drawing board as camera is not flagged")


async def test_somebody_else_who_does_what_is_asked_is_stopped(exam: Stack, cameras, followers) -> None:
    account, login = await examined(exam)
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await page.before_load(followers["astronaut"])
        await begin(page, exam, login)
        for _try in range(3):
            await page.until(f"['again', 'result'].includes({STAGE}) || {STATUS}.state === 'stopped'", 45)
            if await page.js(f"{STAGE}") != "again":
                break
            await page.click("[data-sheet=check] [data-act=retry]")
            await page.until(f"{STAGE} !== 'again'")
    found = await tries(exam, account)
    assert found and "passed" not in {outcome for outcome, _detail, _cues in found}, found
    assert "mismatch" in {outcome for outcome, _detail, _cues in found}, found
    assert (await exam.totals(account, 1)).final_ms == 0


@pytest.mark.parametrize("lit", [True, False], ids=["lit", "unlit"])
async def test_a_face_that_brightens_with_the_screen_passes_and_one_that_does_not_is_doubted(
    exam: Stack, cameras, followers, lit: bool
) -> None:
    account, login = await examined(exam)
    policy = {"exam": True, "active_light": True, "active_turns": 1, "check_tries": 3 if lit else 1}
    await _class_is(exam, policy)
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await page.before_load(followers["man" if lit else "man in another light"])
        await begin(page, exam, login)
        for _try in range(policy["check_tries"]):
            await page.until(f"['again', 'result', ''].includes({STAGE} || '')", 45)
            if await page.js(f"{STAGE}") != "again":
                break
            await page.click("[data-sheet=check] [data-act=retry]")
            await page.until(f"{STAGE} !== 'again'")
        asked = _asked(page)
        assert page.errors == []
    assert asked and all(any(action.startswith("light:") for action in one) for one in asked), asked
    found = await tries(exam, account)
    if lit:
        assert found[-1] == ("passed", "", ""), found
    else:
        assert found and all((outcome, cues) == ("unclear", "light") for outcome, _detail, cues in found), found


def _cameras(folder: Path) -> dict[str, Path]:
    man = pictures.moving_man()
    return {
        "print": pictures.camera(folder / "print.mjpeg", pictures._live(man[0], 60, 7)),
        "astronaut": pictures.camera(folder / "astronaut.mjpeg", pictures.astronaut()),
        "film": acting.film(folder / "film.mjpeg", "man", (40.0, -40.0)),
    }


@pytest.fixture(scope="module")
def attackers(tmp_path_factory) -> dict[str, Path]:
    return _cameras(tmp_path_factory.mktemp("attackers"))


@pytest.mark.parametrize("camera", ["print", "astronaut", "film"])
async def test_a_print_somebody_else_and_a_film_that_is_played_over_and_over_do_not_pass(
    exam: Stack, attackers, camera: str
) -> None:
    account, login = await examined(exam)
    # A film passes where its order is the one that is asked: one in 64 with four turns, the documented guess rate.
    await _class_is(exam, {"exam": True, "active_turns": 4 if camera == "film" else 2, "check_tries": 2})
    async with Browser(camera=attackers[camera]) as browser:
        page = await browser.page()
        await begin(page, exam, login)
        for _try in range(2):
            await page.until(f"['again', 'result'].includes({STAGE} || 'result')", 90)
            if await page.js(f"{STAGE}") != "again":
                break
            assert "作弊" not in await page.js("document.querySelector('[data-sheet=check]').innerText")
            await page.click("[data-sheet=check] [data-act=retry]")
            await page.until(f"{STAGE} !== 'again'")
        asked = _asked(page)
        assert page.errors == []
    found = await tries(exam, account)
    passed = [at for at, (outcome, _detail, _cues) in enumerate(found) if outcome == "passed"]
    if camera == "film" and passed:
        assert asked[passed[0]] in FILMED, (found, asked)
        return
    assert len(found) == 2 and all(outcome in ("unclear", "mismatch") for outcome, _detail, _cues in found), found
    assert (await exam.totals(account, 1)).final_ms == 0


# What a head that turns left and right in turn can be taken for.
FILMED = [["left", "right"] * 2, ["right", "left"] * 2]


def _asked(page: Page) -> list[list[str]]:
    """Actions of each try, in their order."""
    found: dict[tuple[str, int], list[str]] = {}
    for frame in page.frames:
        said = json.loads(frame["data"]) if not frame["sent"] else {}
        for push in (said.get("check"), said.get("next")):
            if isinstance(push, dict) and push.get("way") == "active":
                found[push["id"], push["try_number"]] = push["actions"]
    return list(found.values())


async def test_a_still_as_camera_is_told_that_nothing_moves_and_never_passes(exam: Stack, tmp_path) -> None:
    account, login = await examined(exam)
    still = pictures.camera(tmp_path / "still.mjpeg", pictures.still(pictures.moving_man()[0]))
    async with Browser(camera=still) as browser:
        page = await browser.page()
        await begin(page, exam, login)
        # The page sees itself that its camera stands still, and offers other ways; nothing is sent.
        await page.until(f"['other', 'again', 'result'].includes({STAGE})", 45)
        if await page.js(f"{STAGE}") == "other":
            await page.until("document.querySelector('[data-sheet=check]').innerText.includes('没有变化')")
            assert await page.js("!!document.querySelector('[data-act=other-way]')")
        assert page.errors == []
    assert "passed" not in {outcome for outcome, _detail, _cues in await tries(exam, account)}
    assert (await exam.totals(account, 1)).final_ms == 0


@pytest.mark.parametrize(("light", "word"), [(0.16, "有点暗"), (1.0, "请正对屏幕")])
async def test_the_coach_s_word_is_read_out_before_anything_is_sent(exam: Stack, tmp_path, light, word) -> None:
    _account, login = await examined(exam)
    frames = [(frame * light).astype("uint8") for frame in pictures.moving_man()]
    async with Browser(camera=pictures.camera(tmp_path / "c.mjpeg", frames)) as browser:
        page = await browser.page()
        await page.before_load("""
          window.heard = [];
          new MutationObserver(() => {
            const line = document.querySelector('.zx-line-text');
            const sheet = line && line.closest('[data-sheet]');
            if (sheet && sheet.dataset.stage === 'ready' && line.getAttribute('aria-live') === 'assertive'
              && !line.closest('[aria-hidden=true]')) window.heard.push(line.innerText);
          }).observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
        """)
        await begin(page, exam, login)
        await page.until(f"{STAGE} === 'shooting' && {GUIDE} === 'front'", 30)
        heard = await page.js("window.heard")
        assert any(word in one for one in heard), heard
