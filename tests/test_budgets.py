"""Ceilings of bytes: what a lesson page loads, Brotli-compressed, against bench/budgets.json."""

from __future__ import annotations

import json
import re
from pathlib import Path

import brotli
import pytest

ROOT = Path(__file__).resolve().parents[1]
BUDGETS = json.loads((ROOT / "bench" / "budgets.json").read_text())
IMPORT = re.compile(r"""(?:from\s*|import\s*\(?\s*|export\s[^;]*?from\s*)["'](\.{1,2}/[^"']+)["']""")


def closure(entry: Path) -> set[Path]:
    """All files that `entry` loads by relative imports, itself included."""
    found: set[Path] = set()
    waiting = [entry.resolve()]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        assert path.exists(), f"{path} is imported but missing"
        found.add(path)
        waiting += [(path.parent / name).resolve() for name in IMPORT.findall(path.read_text("utf-8"))]
    return found


def compressed_bytes(paths: set[Path]) -> int:
    return sum(len(brotli.compress(path.read_bytes(), quality=11)) for path in paths)


def test_our_own_script_of_a_lesson_page_stays_within_its_ceiling() -> None:
    files = closure(ROOT / "player" / "main.js") | set((ROOT / "player" / "src").rglob("*.worker.js"))
    assert compressed_bytes(files) <= BUDGETS["lesson_page_own_script_br_bytes"]


def test_hls_and_media_chrome_stay_within_their_ceiling() -> None:
    vendor = ROOT / "node_modules"
    if not vendor.exists():
        pytest.fail("node_modules is missing: ./scripts/test installs it")
    named = re.findall(r"media-chrome[^\"']*?/dist/([\w\-/.]+\.js)", _lesson_sources())
    media_chrome = vendor / "media-chrome" / "dist"
    files = set().union(*(closure(media_chrome / name) for name in named)) if named else set()
    files |= {vendor / "hls.js" / "dist" / "hls.light.min.mjs"}
    assert len(files) > 10, "the page's media-chrome modules were not found in our sources"
    assert compressed_bytes(files) <= BUDGETS["lesson_page_vendor_script_br_bytes"]


def _lesson_sources() -> str:
    """Everything of ours that may name a media-chrome module for the lesson page."""
    places = [*(ROOT / "player").rglob("*.js"), *(ROOT / "web").rglob("*.py"), *(ROOT / "web").rglob("*.html")]
    return "\n".join(path.read_text("utf-8") for path in places)
