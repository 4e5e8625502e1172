"""Every page of the route table, on a phone and a PC, light and dark: without accessibility violations.

The list comes from the table, so a new page is looked at without anybody remembering. Pictures stay in `out/`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from proctor.demo import logins_of
from tests.browser.cdp import Browser, Page
from tests.browser.conftest import OUT
from tests.browser.steps import consent, sign_in
from tests.browser.test_reviewers import flagged
from tests.processes.conftest import STRICT, running
from tests.stack import ROOT, Stack
from web.routes import PAGES

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
SHADED = ("color-contrast", "link-in-text-block")  # the rules that another shade can break
SIZES = ((360, 780, True), (1280, 900, False))
# What a thumb must hit: at least 44 px high, by itself, by its label, or by the row whose link fills it.
SMALL = """[...document.querySelectorAll('button, summary, select, textarea, input:not([type=hidden]), a[href]')]
  .filter(e => !e.closest('svg, .skip, .zx-file') && e.getClientRects().length)
  .filter(e => !(e.matches('a') && e.closest('p, dd, td') && getComputedStyle(e).display === 'inline'))
  .map(e => [e, getComputedStyle(e, '::after').position === 'absolute' && e.closest('li, tr')])
  .map(([e, row]) => [e, (e.closest('label') || row || e).getBoundingClientRect().height])
  .filter(([e, high]) => high < 43.5)
  .map(([e, high]) => `${e.tagName} "${(e.innerText || e.name || '').slice(0, 20)}" ${high}`)"""
# Pages that are no route of their own: refusals and what a form answers.
STATES: dict[str, tuple[str, ...]] = {
    "anyone": ("/nowhere",),
    "learner": ("/console", "/lessons/999999"),
    "staff": ("/console/cases?closed=1", "/learn"),
    "administrator": (),
}


@pytest.fixture(scope="module")
def furnished(tmp_path_factory) -> Iterator[Stack]:
    """A system with a case in it: empty pages say little about how full ones look."""
    yield from running(Stack(tmp_path_factory.mktemp("pages"), policy={**STRICT, "check_window_ms": 20_000}))


def pages(role: str) -> list[str]:
    """Paths of this role's pages, with ids of the demonstration."""
    return [route.example for route in PAGES if route.role == role]


def run(rules: tuple[str, ...]) -> str:
    return (
        f"axe.run(document, {{runOnly: {list(rules)}}}).then(r => r.violations.map(v => v.id + ': ' + "
        "v.nodes.slice(0, 3).map(n => n.target.join(' ') + ' ' + n.failureSummary).join(' | ')))"
    )


async def look(page: Page, stack: Stack, path: str, name: str) -> list[str]:
    """Open it in both sizes and look at it in both shades; returns violations in words."""
    problems = []
    for width, height, mobile in SIZES:
        await page.view(width, height, dark=False, mobile=mobile)
        await page.goto(stack.url + path)
        await page.until("document.readyState === 'complete'")
        await page.js(AXE.read_text("utf-8") + "; 0")
        for dark in (False, True):
            await page.view(width, height, dark=dark, mobile=mobile)
            found = await page.js(run(SHADED if dark else RULES))
            shade = "dark" if dark else "light"
            problems += [f"{path} {width} {shade} {one}" for one in found]
            wide = await page.js("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wide > 1:
                problems.append(f"{path} {width}: scrolls sideways by {wide} px")
            if mobile:
                problems += [f"{path}: too small for a thumb: {one}" for one in await page.js(SMALL)]
            await page.shot(OUT / f"page-{name}-{width}-{shade}.png", full=True)
    return problems


def name_of(path: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", path.strip("/")) or "start"


@pytest.fixture(scope="module")
def case(furnished: Stack) -> str:
    """The login of a learner who has a case."""
    return asyncio.run(flagged(furnished))[1]


def test_every_page_of_the_table_is_looked_at() -> None:
    assert {route.role for route in PAGES} <= STATES.keys()


@pytest.mark.parametrize("role", STATES)
async def test_pages_are_accessible_in_all_sizes_and_shades(furnished: Stack, cameras, case: str, role: str) -> None:
    logins = await asyncio.to_thread(logins_of, Path(furnished.data))
    problems: list[str] = []
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        if role == "learner":
            await sign_in(page, furnished, case)
            await consent(page, furnished)
        elif role != "anyone":
            who = {"staff": "reviewer1", "administrator": "admin1"}[role]
            await sign_in(page, furnished, who, logins[who])
        for path in (*pages(role), *STATES[role]):
            problems += await look(page, furnished, path, name_of(path))
        assert page.errors == []
    assert problems == [], "\n".join(problems)
