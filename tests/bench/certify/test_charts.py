"""Charts are whole SVG, keep their peaks, and put latencies into the right row."""

from __future__ import annotations

from xml.etree import ElementTree

from bench.certify import charts
from bench.certify.tally import Tick
from bench.histogram import Histogram


def test_lines_are_svg_with_names_and_limit() -> None:
    svg = charts.lines({"a<b": [(0, 1), (10, 5)]}, unit="ms", marks=[("S2 hold", 2, 8)], limit=6)
    tree = ElementTree.fromstring(svg)
    words = {node.text for node in tree.iter("text")}
    assert {"a<b", "S2 hold"} <= words and any(word.endswith("ms") for word in words)
    assert len(list(tree.iter("polyline"))) == 1 and tree.find("line[@class='limit']") is not None


def test_nothing_to_draw_is_nothing() -> None:
    assert charts.lines({"a": []}, unit="ms") == "" == charts.heat({}, 0.0) == charts.percentiles({"a": Histogram()})


def test_a_long_curve_keeps_its_peak() -> None:
    points = [(float(x), 99.0 if x == 777 else 1.0) for x in range(5_000)]
    kept = charts.thinned(points)
    assert len(kept) <= charts.POINTS_MAX and (777.0, 99.0) in kept


def test_rows_of_the_heat_map_are_powers_of_ten() -> None:
    rows = 5 * charts.DECADE_STEPS
    assert charts.heat_row(0.01, rows) == 0 and charts.heat_row(99_999, rows) == rows - 1
    assert (
        charts.heat_row(1.01, rows) == charts.DECADE_STEPS and charts.heat_row(101, rows) == 3 * charts.DECADE_STEPS
    )


def test_heat_and_percentiles_are_svg() -> None:
    tick = Tick()
    for us in (900, 1_100, 2_000_000):
        tick.latency.add(us)
    tree = ElementTree.fromstring(charts.heat({5: tick, 6: tick}, 5.0))
    assert len(list(tree.iter("rect"))) == 6
    tree = ElementTree.fromstring(charts.percentiles({"all": tick.latency}))
    assert "p99.9" in {node.text for node in tree.iter("text")}


def test_round_numbers() -> None:
    assert [charts.nice(value) for value in (0, 0.9, 11, 100, 101)] == [1.0, 1.0, 15.0, 100.0, 150.0]
