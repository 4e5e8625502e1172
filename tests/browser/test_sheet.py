"""The check's sheet as learners see it, on a phone and a PC, light and dark: movements, the next try, the code way.

What can be said in rules is asserted: nothing is cut off, a thumb hits everything, no accessibility violation.
The pictures stay in `out/` for eyes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.browser.cdp import Browser, Page
from tests.browser.conftest import OUT
from tests.browser.steps import answer_check, press_play, sign_in
from tests.browser.test_active import examined
from tests.browser.test_faces import GUIDE, STAGE, phone_of
from tests.browser.test_pages import AXE, RULES, SMALL, run
from tests.processes.conftest import running
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SEEN_S = 100
# The sheet stands in the window, whole, and so does each of its words and buttons.
CUT_OFF = """(() => {
  const sheet = document.querySelector('[data-sheet=check]');
  const found = [];
  const box = sheet.getBoundingClientRect();
  if (box.left < 0 || box.right > innerWidth + 0.5 || box.top < -0.5) found.push(`sheet at ${box.left} ${box.top}`);
  if (box.bottom > innerHeight + 0.5) found.push(`sheet ends at ${box.bottom} of ${innerHeight}`);
  if (document.documentElement.scrollWidth > innerWidth) found.push('the page is wider than the window');
  if (sheet.scrollWidth > sheet.clientWidth + 1) found.push('the sheet is wider than itself');
  sheet.querySelectorAll('h2, p, button, label, legend, input:not([type=file])').forEach(e => {
    const at = e.getBoundingClientRect();
    const out = at.left < box.left || at.right > box.right + 0.5;
    if (out && e.getClientRects().length) found.push(`${e.tagName} ${e.innerText}`);
  });
  return found;
})()"""
VARIANTS = ((360, False), (360, True), (1280, False), (1280, True))


@pytest.fixture(scope="module")
def lit(tmp_path_factory) -> Iterator[Stack]:
    """Checks in which the screen lights the face, too."""
    policy = {"check_reuse_ms": 0, "active_light": True}
    env = {"ZHENXUE_TRACES_MAX": "0"}
    yield from running(Stack(tmp_path_factory.mktemp("lit") / "data", policy=policy, env=env))


async def problems(page: Page, name: str) -> list[str]:
    await page.shot(OUT / f"sheet-{name}.png")
    found = [*await page.js(CUT_OFF), *await page.js(SMALL)]
    return [f"{name}: {one}" for one in found]


async def violations(page: Page, name: str) -> list[str]:
    await page.js(AXE.read_text("utf-8") + "; true")
    return [f"{name}: {one}" for one in await page.js(run(RULES))]


@pytest.mark.parametrize(("width", "dark"), VARIANTS, ids=lambda value: str(value))
async def test_the_sheet_is_whole_and_clear_in_each_of_its_stages(
    lit: Stack, cameras, width: int, dark: bool
) -> None:
    account, login = await examined(lit)
    await phone_of(lit, account)
    name, found, seen = f"{width}-{'dark' if dark else 'light'}", [], set()
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await sign_in(page, lit, login)
        await page.view(width, 780 if width < 720 else 900, dark=dark, mobile=width < 720)
        await press_play(page, lit)
        await answer_check(page)
        async with asyncio.timeout(SEEN_S):
            while await page.js(STAGE) != "again":
                # One question, so that stage and guide belong together.
                stage, guide, shine = await page.js(
                    f"[{STAGE}, {GUIDE}, (document.querySelector('.zx-veil') || {{dataset: {{}}}}).dataset.shine]"
                )
                what = f"{stage}-{guide or ''}{shine or ''}"
                if stage in ("ready", "shooting", "judging") and what not in seen:
                    seen.add(what)
                    found += await problems(page, f"{name}-{what}")
                await asyncio.sleep(0.05)
        await page.until("document.querySelector('[data-sheet=check]').innerText.includes('不影响学时')")
        found += await problems(page, f"{name}-again") + await violations(page, f"{name}-again")
        await page.click("[data-sheet=check] [data-act=other-way]")
        await page.until("!!document.querySelector('#zx-code')", 20)
        found += await problems(page, f"{name}-code") + await violations(page, f"{name}-code")
        assert page.errors == []
    assert {"shooting-front", "shooting-light0", "shooting-light1"} <= seen, seen
    assert seen & {"shooting-left", "shooting-right"}, seen
    assert found == [], "\n".join(found)
