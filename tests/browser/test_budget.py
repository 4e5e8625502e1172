"""What a lesson page really loads, measured in the browser against bench/budgets.json. Never loosened here."""

from __future__ import annotations

import json
import re

import aiohttp
import pytest

from tests.browser.cdp import Browser
from tests.browser.steps import new_learner, passed
from tests.stack import ROOT, Stack

pytestmark = pytest.mark.browser

LOADED = """performance.getEntriesByType('resource')
  .map(e => new URL(e.name).pathname).filter(path => /\\.m?js$/.test(path))"""


def rooms() -> set[str]:
    """Modules that a check loads when it needs them: they have a ceiling of their own (player/size.js)."""
    listed = re.search(r"const ROOMS = \[(.*?)\]", (ROOT / "player" / "size.js").read_text("utf-8"), re.DOTALL)
    assert listed
    return {f"/player/{name}" for name in re.findall(r"'([^']+)'", listed.group(1))}


async def brotli_bytes(stack: Stack, path: str) -> int:
    """As it travels to a browser over HTTPS (Chromium takes Brotli over nothing else)."""
    async with (
        aiohttp.ClientSession(auto_decompress=False) as http,
        http.get(stack.url + path, headers={"Accept-Encoding": "br"}) as answer,
    ):
        assert answer.status == 200, path
        return len(await answer.read())


async def test_scripts_of_a_lesson_page_stay_within_their_budgets(stack: Stack, cameras) -> None:
    budgets = json.loads((ROOT / "bench" / "budgets.json").read_text("utf-8"))
    async with Browser(camera=cameras["man"]) as browser:
        page = await browser.page()
        await new_learner(page, stack)
        await passed(page, stack)
        loaded = {path: await brotli_bytes(stack, path) for path in set(await page.js(LOADED))}
    more = {path: loaded[path] for path in rooms() & loaded.keys()}
    own = sum(size for path, size in loaded.items() if path.startswith("/player/"))
    vendor = sum(size for path, size in loaded.items() if path.startswith("/vendor/"))
    assert any("hls" in path for path in loaded) and any("media-chrome" in path for path in loaded)
    # Rooms that this learner's check opened count as the page's own, too: there is one account for everything.
    assert own <= budgets["lesson_page_own_script_br_bytes"], (own, more)
    assert sum(more.values()) <= budgets["check_rooms_own_script_br_bytes"], more
    assert own + vendor <= budgets["lesson_page_vendor_script_br_bytes"], (own, vendor)
