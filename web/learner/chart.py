"""A small bar chart as server-drawn SVG; the page shows the same figures as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from web.render import hours

HEIGHT, FLOOR = 168, 136
LABELS_MAX = 7


def bars(rows: Sequence[tuple[str, int]], label: str, translate: Callable[[str], str]) -> Markup:
    """One bar per (day, milliseconds), oldest first. Empty text when there is nothing to draw.

    Places are percent of the width and letters are pixels: on a phone the chart is narrow, its words are not small.
    """
    top_ms = max((ms for _day, ms in rows), default=0)
    if not top_ms:
        return Markup("")
    step = 100 / max(LABELS_MAX, len(rows))
    every = -(-len(rows) // LABELS_MAX)
    highest = [ms for _day, ms in rows].index(top_ms)
    out = [
        Markup('<svg class="week" width="100%" height="{h}" role="img" aria-label="{label}">').format(
            h=HEIGHT, label=label
        )
    ]
    for index, (day, ms) in enumerate(rows):
        tall = max(2 if ms else 0, round((FLOOR - 24) * ms / top_ms))
        middle = step * (index + 0.5)
        out.append(
            Markup(
                '<rect x="{x:.2f}%" y="{y}" width="{w:.2f}%" height="{t}" rx="4" fill="var(--brand)">'
                "<title>{day} {words}</title></rect>"
            ).format(
                x=step * (index + 0.22), y=FLOOR - tall, w=step * 0.56, t=tall, day=day, words=hours(ms, translate)
            )
        )
        # Counted from the end: the newest day has its label whatever the number of days.
        if (len(rows) - 1 - index) % every == 0:
            out.append(_text(middle, HEIGHT - 10, "middle", "ink-2", f"{int(day[5:7])}/{int(day[8:10])}"))
        if index == highest:
            # Words above a bar near an edge would be cut.
            anchor, x = ("start", step * index) if middle < 15 else ("end", step * (index + 1))
            if 15 <= middle <= 85:
                anchor, x = "middle", middle
            out.append(_text(x, FLOOR - tall - 8, anchor, "ink", hours(ms, translate)))
    out.append(
        Markup('<line x1="0" x2="100%" y1="{y}" y2="{y}" stroke="var(--line-strong)"/></svg>').format(y=FLOOR + 0.5)
    )
    return Markup("").join(out)


def _text(x: float, y: float, anchor: str, colour: str, words: str) -> Markup:
    return Markup(
        '<text x="{x:.2f}%" y="{y}" text-anchor="{anchor}" font-size="13" fill="var(--{colour})">{words}</text>'
    ).format(x=x, y=y, anchor=anchor, colour=colour, words=words)
