"""Lengths, positions and times as people read them, in both languages."""

from __future__ import annotations

import json
from pathlib import Path

from web.render import Renderer, at, clock, hours


def test_lengths_read_as_in_the_player_in_both_languages() -> None:
    renderer, vectors = Renderer(), Path(__file__).parents[1] / "vectors" / "length.json"
    for row in json.loads(vectors.read_text("utf-8")):
        assert hours(row["ms"], renderer.translator("zh-CN")) == row["zh"], row
        assert hours(row["ms"], renderer.translator("en")) == row["en"], row


def test_positions_and_times() -> None:
    assert [clock(ms) for ms in (0, 200_000, 3_800_000, -1)] == ["00:00", "03:20", "1:03:20", "00:00"]
    assert at(1_790_000_000_000, "Asia/Shanghai") == "2026-09-21 22:13"
    assert at(1_790_000_000_000, "UTC", "%H:%M:%S") == "14:13:20"


def test_what_people_typed_is_text_and_never_markup() -> None:
    html = Renderer().html("zh-CN", "_parts/language.html", {"csrf": "<b>", "path": '"><script>', "lang": "zh-CN"})
    assert "<script>" not in html and "<b>" not in html
