"""The page of a run: every figure with its interval, curves within the picture, and nothing of the data as markup."""

from __future__ import annotations

import re
from pathlib import Path

from bench.faces import paper
from bench.faces.scores import Rate
from bench.faces.trials import Tally
from bench.report import row


def test_figures_intervals_curves_and_limits_stand_on_the_page(tmp_path: Path) -> None:
    rate = Rate(0.988, 0.98, 0.992, 988, 1_000)
    rows = [row("sface", "TAR at FMR 0.001", 98.8, "%", "faces_tar_1e3_min"), row("cost", "CPU per still", 7.0, "ms")]
    found = {"TAR at FMR 0.001": rate, "genuine": 1_000, "impostor": 9_000, "equal error": 0.006}
    raw = {
        "pictures": 20, "people": 4, "data": "<folder>",
        "accuracy": {"sface": {**found, "det": [(0.1, 0.001), (1e-4, 0.02)]}},
        "attacks": [Tally("still", "active", tries=150, accepted=0)],
    }
    path = tmp_path / "deep" / "report.html"
    paper.write(path, rows, raw, {"cpu": "x"}, "python -m bench faces", "abc")
    text = path.read_text("utf-8")
    assert "98.00 – 99.20 (n = 1,000)" in text and "达标" in text and "&lt;folder&gt;" in text
    assert "0.0 – 2.5 %" in text, "none of 150 may still be two in a hundred"
    assert all(words in text for words in ("ISO/IEC 30107-3", "ageing", "synthetic"))


def test_a_run_of_one_part_has_a_page_too(tmp_path: Path) -> None:
    raw = {"pictures": 20, "people": 4, "data": "folder"}
    rows = [row("cost", "CPU per still", 7.0, "ms")]
    paper.write(tmp_path / "r.html", rows, raw, {}, "python -m bench faces", "abc")
    assert "7" in (tmp_path / "r.html").read_text("utf-8")


def test_a_curve_stays_within_its_axes() -> None:
    svg = paper.det({"a": [(0.1, 0.0), (1e-3, 0.02), (1e-9, 1.0)]})
    (points,) = re.findall(r'points="([^"]+)"', svg)
    places = [tuple(map(float, one.split(","))) for one in points.split()]
    assert len(places) == 2, "what is rarer than the axis shows is left out"
    assert all(paper.LEFT <= x <= paper.WIDTH - paper.RIGHT for x, _y in places)
    assert all(paper.TOP <= y <= paper.HEIGHT - paper.BOTTOM for _x, y in places)
    assert places[0][0] > places[1][0], "rarer false matches stand to the left"
    assert paper.det({}) == ""
