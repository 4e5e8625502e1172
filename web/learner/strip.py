"""The ledger strip: one lesson as server-drawn SVG, status by pattern and colour, checks as ticks on the axis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from markupsafe import Markup

from proctor.core.intervals import normalise, subtract, total
from proctor.modules.study.queries import LessonRecord
from web.learner import words
from web.render import clock, hours

HEIGHT = 76
_TOP, _TALL, _AXIS = 6, 38, 52
_TICK_STEPS_S = (10, 30, 60, 120, 300, 600, 900, 1_800, 3_600)


class Part(NamedTuple):
    """One stretch of media. `kind`: final, provisional, waiting, withheld, void or uncounted."""

    from_ms: int
    to_ms: int
    kind: str
    words: str
    href: str = ""


class Tick(NamedTuple):
    """A check on the axis: filled when it was passed, hollow otherwise."""

    at_ms: int
    passed: bool
    words: str


# Provisional: diagonal stripes. Waiting: horizontal lines. Withheld: dots. Void: cross-hatch.
PATTERNS = Markup(
    '<svg width="0" height="0" aria-hidden="true" focusable="false" style="position:absolute"><defs>'
    '<pattern id="zx-provisional" width="8" height="8" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect class="s-soft" width="8" height="8" stroke="none"/>'
    '<rect class="s-brand" width="3" height="8" stroke="none"/></pattern>'
    '<pattern id="zx-waiting" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<rect class="s-amber-soft" width="6" height="6" stroke="none"/>'
    '<rect class="s-amber" width="6" height="2" stroke="none"/></pattern>'
    '<pattern id="zx-withheld" width="8" height="8" patternUnits="userSpaceOnUse">'
    '<rect class="s-amber-soft" width="8" height="8" stroke="none"/>'
    '<circle class="s-amber" cx="4" cy="4" r="1.8" stroke="none"/></pattern>'
    '<pattern id="zx-void" width="8" height="8" patternUnits="userSpaceOnUse">'
    '<rect class="s-seal-soft" width="8" height="8" stroke="none"/>'
    '<path class="s-seal" d="M0 0l8 8M8 0l-8 8" stroke-width="1.4" fill="none"/></pattern>'
    "</defs></svg>"
)


def draw(duration_ms: int, parts: Iterable[Part], ticks: Iterable[Tick], label: str) -> Markup:
    """The strip with its patterns. Stretches are links to their details, which stand on the page as text:
    the keyboard walks those, so the links here are for fingers and mice only."""
    out = [
        PATTERNS,
        Markup(
            '<svg class="strip" width="100%" height="{h}" role="group" aria-label="{label}">'
            '<rect class="ground" x="0" y="{top}" width="100%" height="{tall}" rx="4"/>'
        ).format(h=HEIGHT, label=label, top=_TOP, tall=_TALL),
    ]
    for part in parts:
        out.append(_part(part, duration_ms))
    out.append(Markup('<line class="axis" x1="0" x2="100%" y1="{y}" y2="{y}"/>').format(y=_AXIS))
    out.extend(_axis(duration_ms))
    for tick in ticks:
        shape = Markup('<circle class="tick{on}" cx="{x}" cy="{y}" r="5"><title>{words}</title></circle>')
        # A tick at the very edge would be cut in half.
        x = min(98.5, max(1.5, _x(tick.at_ms, duration_ms)))
        out.append(shape.format(on=" passed" if tick.passed else "", x=f"{x:.2f}%", y=_AXIS, words=tick.words))
    out.append(Markup("</svg>"))
    return Markup("").join(out)


def _x(at_ms: int, duration_ms: int) -> float:
    """Percent of the width: the strip fits any screen while its text keeps its size."""
    return 100 * max(0, min(at_ms, duration_ms)) / max(1, duration_ms)


def _part(part: Part, duration_ms: int) -> Markup:
    x = _x(part.from_ms, duration_ms)
    # A stretch of a second must still be seen.
    width = max(0.6, _x(part.to_ms, duration_ms) - x)
    if part.kind == "uncounted":
        fill = Markup('class="uncounted"')
    elif part.kind == "final":
        fill = Markup('class="s-final"')
    else:
        fill = Markup('fill="url(#zx-{kind})"').format(kind=part.kind)
    rect = Markup('<rect {fill} x="{x}" y="{y}" width="{w}" height="{h}"><title>{words}</title></rect>').format(
        fill=fill, x=f"{x:.2f}%", y=_TOP + 1, w=f"{width:.2f}%", h=_TALL - 2, words=part.words
    )
    if not part.href:
        return rect
    return Markup('<a href="{href}" tabindex="-1">{rect}</a>').format(href=part.href, rect=rect)


def _axis(duration_ms: int) -> list[Markup]:
    """Labels of the axis: at most ten, on round times, and none so near the end that they would touch."""
    step_s = next((s for s in _TICK_STEPS_S if duration_ms / 1_000 / s <= 5), _TICK_STEPS_S[-1])
    out = []
    for at_ms in range(0, duration_ms, step_s * 1_000):
        x = _x(at_ms, duration_ms)
        anchor = "start" if at_ms == 0 else "middle"
        if x < 94:
            out.append(
                Markup('<text x="{x}" y="{y}" text-anchor="{a}">{t}</text>').format(
                    x=f"{x:.2f}%", y=HEIGHT - 6, a=anchor, t=clock(at_ms)
                )
            )
    return out


def ticks_of(record: LessonRecord, _) -> list[Tick]:
    """Decided checks, each at the end of the media that it settled; one that settled nothing has no place."""
    return [
        Tick(
            check.settled_to_ms, check.outcome == "passed",
            words.because(
                _, _(words.CHECK_KINDS[check.kind]), words.settled(_, check.outcome, check.detail)
            ),
        )
        for check in record.checks
        if check.settled_to_ms is not None
    ]  # fmt: skip


def strip_svg(record: LessonRecord, _) -> Markup:
    """The strip of a record without links: the console draws it as well."""
    counted = normalise((row.from_ms, row.to_ms) for row in record.ledger)
    parts = [
        Part(a, b, "uncounted", _(words.REASONS.get(run.reason, words.KINDS["uncounted"])))
        for run in record.refused
        for a, b in subtract(normalise([(run.from_ms, run.to_ms)]), counted)
    ]
    for row in record.ledger:
        label = f"{clock(row.from_ms)}-{clock(row.to_ms)} {_(words.KINDS[row.status])}"
        parts.append(Part(row.from_ms, row.to_ms, row.status, label))
    spoken = _("学习时间轴，共 %(time)s") % {"time": hours(total(counted), _)}
    return draw(record.duration_ms, parts, ticks_of(record, _), spoken)
