"""Lengths, positions and times as people read them, in both languages."""

from __future__ import annotations

import pytest

from web.render import Renderer, at, clock, hours


@pytest.mark.parametrize(
    ("ms", "chinese", "english"),
    [
        (0, "0 秒", "0 s"), (999, "0 秒", "0 s"), (45_000, "45 秒", "45 s"), (760_999, "12 分 40 秒", "12 min 40 s"),
        (3_900_000, "1 小时 05 分", "1 h 05 min"), (-5, "0 秒", "0 s"),
    ],
)  # fmt: skip
def test_lengths_round_down(ms: int, chinese: str, english: str) -> None:
    renderer = Renderer()
    assert hours(ms, renderer.translator("zh-CN")) == chinese
    assert hours(ms, renderer.translator("en")) == english


def test_positions_and_times() -> None:
    assert [clock(ms) for ms in (0, 200_000, 3_800_000, -1)] == ["00:00", "03:20", "1:03:20", "00:00"]
    assert at(1_790_000_000_000, "Asia/Shanghai") == "2026-09-21 22:13"
    assert at(1_790_000_000_000, "UTC", "%H:%M:%S") == "14:13:20"


def test_what_people_typed_is_text_and_never_markup() -> None:
    html = Renderer().html("zh-CN", "_parts/language.html", {"csrf": "<b>", "path": '"><script>', "lang": "zh-CN"})
    assert "<script>" not in html and "<b>" not in html
