"""A small bar chart as server-drawn SVG; the page shows the same figures as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from web.render import hours

WIDTH, HEIGHT, FLOOR = 640, 168, 136


def bars(rows: Sequence[tuple[str, int]], label: str, translate: Callable[[str], str]) -> Markup:
    """One bar per (day, milliseconds), oldest first. Empty text when there is nothing to draw."""
    top_ms = max((ms for _day, ms in rows), default=0)
    if not top_ms:
        return Markup("")
    step = WIDTH / max(7, len(rows))
    out = [
        Markup('<svg class="week" viewBox="0 0 {w} {h}" role="img" aria-label="{label}">').format(
            w=WIDTH, h=HEIGHT, label=label
        )
    ]
    for index, (day, ms) in enumerate(rows):
        tall = max(2 if ms else 0, round((FLOOR - 24) * ms / top_ms))
        x, middle = step * index + step * 0.22, step * (index + 0.5)
        out.append(
            Markup(
                '<rect x="{x:.1f}" y="{y}" width="{w:.1f}" height="{t}" rx="4" fill="var(--brand)">'
                "<title>{day} {words}</title></rect>"
            ).format(x=x, y=FLOOR - tall, w=step * 0.56, t=tall, day=day, words=hours(ms, translate))
        )
        out.append(
            Markup(
                '<text x="{x:.1f}" y="{y}" text-anchor="middle" font-size="13" fill="var(--ink-2)">{t}</text>'
            ).format(x=middle, y=HEIGHT - 10, t=f"{int(day[5:7])}/{int(day[8:10])}")
        )
        if ms == top_ms:
            out.append(
                Markup(
                    '<text x="{x:.1f}" y="{y}" text-anchor="middle" font-size="13" fill="var(--ink)">{t}</text>'
                ).format(x=max(middle, 44), y=FLOOR - tall - 8, t=hours(ms, translate))
            )
    out.append(
        Markup('<line x1="0" x2="{w}" y1="{y}" y2="{y}" stroke="var(--line-strong)"/></svg>').format(
            w=WIDTH, y=FLOOR + 0.5
        )
    )
    return Markup("").join(out)
