"""Inline SVG for the report: lines over time, a heat map of latency, a percentile curve. Pure: numbers in, text out.

Every chart says its unit at the axis and names its series in words; colour is never the only sign (line ends carry
the names). The first colours are told apart by people who see colours differently.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from bench.certify.tally import Tick
from bench.histogram import Histogram, upper_edge

WIDTH, HEIGHT = 900, 260
LEFT, RIGHT, TOP, BOTTOM = 62, 130, 14, 34
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#5d3a9b", "#444444")
DECADE_STEPS = 6  # rows of the heat map in each factor of ten
HEAT_FROM_MS, HEAT_TO_MS = 0.1, 10_000
POINTS_MAX = 600
NINES = (500, 750, 900, 950, 990, 995, 999, 1_000)  # permille on the percentile curve

Point = tuple[float, float]


def lines(
    series: Mapping[str, Sequence[Point]], *, unit: str, marks: Sequence[tuple[str, float, float]] = (),
    limit: float | None = None, x_unit: str = "s",
) -> str:  # fmt: skip
    """Curves over seconds, or over whatever `x_unit` says.

    `marks`: named stretches, shaded; `limit`: a dashed line that must not be passed.
    """
    series = {name: thinned(points) for name, points in series.items() if points}
    if not series:
        return ""
    x_most = max([x for points in series.values() for x, _y in points] + [to for _name, _from, to in marks])
    y_most = nice(max([y for points in series.values() for _x, y in points] + [limit or 0]))
    x_of, y_of = _scales(x_most, y_most)
    parts = [_shade(name, x_of(a), x_of(b), index) for index, (name, a, b) in enumerate(marks)]
    parts += _axes(x_most, y_most, unit, x_of, y_of, x_unit)
    labels = []
    for index, (name, points) in enumerate(series.items()):
        colour = COLOURS[index % len(COLOURS)]
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in points)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.4" points="{path}"/>')
        labels.append((y_of(points[-1][1]), name, colour))
    parts += _labels(labels)
    if limit is not None:
        y = y_of(limit)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="limit"/>')
    return _svg(parts)


def heat(ticks: Mapping[int, Tick], began_s: float) -> str:
    """Seconds from left to right, latency upwards by powers of ten; darker: more beats (by their logarithm)."""
    if not ticks:
        return ""
    rows = round(math.log10(HEAT_TO_MS / HEAT_FROM_MS) * DECADE_STEPS)
    seconds = max(ticks) - int(began_s) + 1
    columns = min(seconds, 300)
    cells: dict[tuple[int, int], int] = {}
    for at, tick in ticks.items():
        column = (at - int(began_s)) * columns // seconds
        for part in (tick.latency, tick.moved):
            for bucket, count in part.buckets.items():
                key = column, heat_row(upper_edge(bucket) / 1_000, rows)
                cells[key] = cells.get(key, 0) + count
    most = math.log1p(max(cells.values(), default=1))
    wide, high = (WIDTH - LEFT - RIGHT) / columns, (HEIGHT - TOP - BOTTOM) / rows
    parts = [
        f'<rect x="{LEFT + column * wide:.1f}" y="{HEIGHT - BOTTOM - (row + 1) * high:.1f}" width="{wide + 0.3:.1f}" '
        f'height="{high + 0.3:.1f}" fill="#0072b2" fill-opacity="{0.08 + 0.92 * math.log1p(count) / most:.2f}"/>'
        for (column, row), count in sorted(cells.items())
        if column >= 0
    ]
    for power in range(-1, 5):
        y = HEIGHT - BOTTOM - (power + 1) * DECADE_STEPS * high
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g} ms</text>')
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
    parts += _below(seconds, lambda x: LEFT + x / seconds * (WIDTH - LEFT - RIGHT))
    return _svg(parts)


def heat_row(ms: float, rows: int) -> int:
    """The row of the heat map that a latency falls into, from the bottom."""
    return max(0, min(rows - 1, int(math.log10(max(ms, HEAT_FROM_MS) / HEAT_FROM_MS) * DECADE_STEPS)))


def percentiles(found: Mapping[str, Histogram]) -> str:
    """Latency (ms, by powers of ten) at each of `NINES`; each step to the right is a rarer beat."""
    curves = {
        name: [(index, math.log10(max(HEAT_FROM_MS, one.percentile(permille) / 1_000)) + 1)
               for index, permille in enumerate(NINES)]
        for name, one in found.items() if one.count
    }  # fmt: skip
    if not curves:
        return ""
    steps, decades = len(NINES) - 1, 5

    def x_of(x: float) -> float:
        return LEFT + x / steps * (WIDTH - LEFT - RIGHT)

    def y_of(y: float) -> float:
        return HEIGHT - BOTTOM - y / decades * (HEIGHT - TOP - BOTTOM)

    parts, labels = [], []
    for power in range(decades + 1):
        y = y_of(power)
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0 ** (power - 1):g} ms</text>')
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
    for index, permille in enumerate(NINES):
        word = "max" if permille == 1_000 else f"p{permille / 10:g}"
        parts.append(f'<text x="{x_of(index):.1f}" y="{HEIGHT - 12}" text-anchor="middle">{word}</text>')
    for index, (name, points) in enumerate(curves.items()):
        colour = COLOURS[index % len(COLOURS)]
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in points)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.8" points="{path}"/>')
        labels.append((y_of(points[-1][1]), name, colour))
    return _svg(parts + _labels(labels))


def nice(value: float) -> float:
    """The next round number above."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 5, 7.5, 10) if step * power >= value * 0.999)


def thinned(points: Sequence[Point]) -> list[Point]:
    """So few points that the file stays small; of each group the highest, so that no peak is lost."""
    size = -(-len(points) // POINTS_MAX)
    groups = (points[start : start + size] for start in range(0, len(points), size))
    return [max(group, key=lambda point: point[1]) for group in groups] if size > 1 else list(points)


def _scales(x_most: float, y_most: float):
    def x_of(x: float) -> float:
        return LEFT + x / (x_most or 1) * (WIDTH - LEFT - RIGHT)

    def y_of(y: float) -> float:
        return HEIGHT - BOTTOM - y / y_most * (HEIGHT - TOP - BOTTOM)

    return x_of, y_of


def _axes(x_most: float, y_most: float, unit: str, x_of, y_of, x_unit: str) -> list[str]:
    parts = []
    for step in range(5):
        value = y_most * step / 4
        y = y_of(value)
        word = f"{value:,.4g}" + (f" {unit}" if step == 4 else "")
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{word}</text>')
    return parts + _below(x_most, x_of, x_unit)


def _below(most: float, x_of, unit: str = "s") -> list[str]:
    step = nice(most / 8)
    return [
        f'<text x="{x_of(step * index):.1f}" y="{HEIGHT - 12}" text-anchor="middle">{step * index:g} {unit}</text>'
        for index in range(int(most / step) + 1)
    ]


def _shade(name: str, from_x: float, to_x: float, index: int) -> str:
    y = TOP + 11 + 12 * (index % 3)
    return (
        f'<rect x="{from_x:.1f}" y="{TOP}" width="{max(1.0, to_x - from_x):.1f}" height="{HEIGHT - TOP - BOTTOM}" '
        f'class="mark"/><text x="{from_x + 3:.1f}" y="{y}" class="name">{escape(name)}</text>'
    )


def _labels(labels: list[tuple[float, str, str]]) -> list[str]:
    """Names at the ends of the lines, moved apart where they would lie on each other."""
    parts, last = [], -100.0
    for y, name, colour in sorted(labels):
        at = max(y, last + 12)
        last = at
        x = WIDTH - RIGHT + 6
        parts.append(f'<text x="{x}" y="{at + 4:.1f}" fill="{colour}">{escape(name)}</text>')
    return parts


def _svg(parts: list[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'
