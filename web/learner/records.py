"""记录: what was studied by day, one lesson as a timeline with totals that add up, and appeals."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web
from markupsafe import Markup

from proctor.core.facts import Spans
from proctor.core.inputs import Totals
from proctor.core.intervals import normalise, subtract
from proctor.errors import Refused
from proctor.modules.catalog import queries as catalog
from proctor.modules.catalog.queries import LessonRow
from proctor.modules.reviews import appeals
from proctor.modules.reviews.appeals import Filed
from proctor.modules.study import queries as study
from proctor.modules.study.queries import LessonRecord
from web import context
from web.errors import status_of
from web.errors import words as refused_words
from web.learner import words
from web.learner.chart import bars
from web.learner.strip import PATTERNS, Part, draw, ticks_of
from web.render import at, clock, render, translator
from web.security import read_form

DAYS_SHOWN = 60
ORDER = ("final", "provisional", "waiting", "withheld", "void")
COUNTED = ("final", "provisional", "waiting")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One run of media with one fate. `since`: when it became so; "" while nothing was decided."""

    id: str
    from_ms: int
    to_ms: int
    kind: str
    title: str
    meaning: str
    why: str
    since: str
    appealable: bool
    appeal: Filed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage:
    lesson_id: int
    title: str
    course_id: int
    course_title: str
    duration_ms: int
    strip: Markup
    totals: list[tuple[str, str, int]]
    counted_ms: int
    stretches: list[Stretch]
    checks: list[tuple[str, str, str]]
    decisions: list[tuple[str, str, str]]
    completed: bool
    playable: bool
    filed: bool = False
    problem: str = ""
    problem_at: str = ""
    kept: str = ""
    room: str = "records"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayView:
    day: str
    counted_ms: int
    rows: list[tuple[int, str, str, int, int]]  # lesson id, lesson, course, counted, not counting


@dataclass(frozen=True, slots=True, kw_only=True)
class DaysPage:
    days: list[DayView]
    totals: list[tuple[str, str, int]]
    counted_ms: int
    chart: Markup
    chart_rows: list[tuple[str, int]]
    room: str = field(default="records")


def totals_of(sums: Totals) -> dict[str, int]:
    return {kind: getattr(sums, f"{kind}_ms") for kind in ORDER}


async def days(request: web.Request) -> web.StreamResponse:
    """GET /records — every day with its lessons, newest first, and what all of it comes to."""
    person, deps, _ = context.signed(request), context.deps(request), translator(request)

    async def work(conn):
        rows = await study.days(conn, person.account_id, person.institution_id, days=DAYS_SHOWN)
        return rows, totals_of(await study.totals(conn, person.account_id))

    rows, sums = await deps.db.read_in_one(work)
    by_day: dict[str, list] = {}
    for row in rows:
        by_day.setdefault(row.day, []).append(row)
    views = []
    for day, items in by_day.items():
        counted = [(item, sum(totals_of(item.totals)[kind] for kind in COUNTED)) for item in items]
        views.append(
            DayView(
                day=day,
                counted_ms=sum(ms for _item, ms in counted),
                rows=[
                    (i.lesson_id, i.lesson_title, i.course_title, ms, i.totals.withheld_ms + i.totals.void_ms)
                    for i, ms in counted
                ],
            )
        )
    shown = [(view.day, view.counted_ms) for view in reversed(views[:14])]
    page = DaysPage(
        days=views, totals=[(kind, _(words.KINDS[kind]), sums[kind]) for kind in ORDER],
        counted_ms=sum(sums[kind] for kind in COUNTED), chart=bars(shown, _("每天计入的学时"), _),
        chart_rows=shown,
    )  # fmt: skip
    return render(request, "learner/records.html", page, patterns=PATTERNS)


async def lesson(request: web.Request) -> web.StreamResponse:
    """GET /records/lessons/{id}"""
    page = await _record(request, context.path_id(request, "id"), filed=request.query.get("filed") == "1")
    return render(request, "learner/record.html", page)


async def appeal(request: web.Request) -> web.StreamResponse:
    """POST /appeals — for one stretch of the record as it stands now; what was typed is kept on refusal."""
    person, deps = context.signed(request), context.deps(request)
    form = await read_form(request)
    lesson_id, from_ms, to_ms = (_number(form.get(name)) for name in ("lesson_id", "from_ms", "to_ms"))
    text = str(form.get("words", ""))
    page = await _record(request, lesson_id)
    stretch = next((s for s in page.stretches if (s.from_ms, s.to_ms) == (from_ms, to_ms)), None)
    try:
        if stretch is None or not stretch.appealable:
            raise Refused("no_stretch")
        await appeals.file_appeal(
            deps.db, institution_id=person.institution_id, learner_id=person.account_id,
            lesson_id=lesson_id, from_ms=from_ms, to_ms=to_ms, words=text, now_ms=context.now_ms(),
            address=context.address(request),
        )  # fmt: skip
    except Refused as refused:
        page = await _record(
            request, lesson_id, problem=refused_words(request, refused),
            problem_at=stretch.id if stretch else "", kept=text[: 2 * appeals.WORDS_CHARS_MAX],
        )  # fmt: skip
        return render(request, "learner/record.html", page, status=status_of(refused.code))
    raise web.HTTPSeeOther(f"/records/lessons/{lesson_id}?filed=1#s{from_ms}")


def _number(text: object) -> int:
    """A number of the form. Raises Refused("field_wrong") for anything that is not one."""
    value = str(text or "")
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise Refused("field_wrong")
    return int(value)


async def _record(request: web.Request, lesson_id: int, **extra) -> RecordPage:
    person, deps, _ = context.signed(request), context.deps(request), translator(request)
    async with deps.db.read() as conn:
        row = await catalog.lesson_of_learner(
            conn, person.institution_id, person.account_id, lesson_id, context.now_ms()
        )
        if row is None:
            raise Refused("no_lesson")
        record = await study.lesson_record(conn, person.account_id, lesson_id)
        filed = await appeals.appeals_of(conn, person.account_id, lesson_id)
        decided = {decision.decision_id for decision in record.decisions}
        reasons = await appeals.reasons_of(conn, person.account_id, decided)
    stretches = _stretches(record, filed, reasons, _, person.zone)
    sums = totals_of(record.totals)
    return RecordPage(
        lesson_id=row.id, title=row.title, course_id=row.course_id, course_title=row.course_title,
        duration_ms=row.duration_ms, strip=_strip(row, record, stretches, _),
        totals=[(kind, _(words.KINDS[kind]), sums[kind]) for kind in ORDER],
        counted_ms=sum(sums[kind] for kind in COUNTED), stretches=stretches,
        checks=[
            (at(c.issued_ms, person.zone), words.check(_, c.kind, c.way), words.settled(_, c.outcome, c.detail))
            for c in record.checks
        ],
        decisions=[
            (at(d.at_ms, person.zone), _(words.ACTIONS[d.action]), _reason(reasons, d.decision_id, d.action))
            for d in record.decisions
        ],
        completed=record.completed, playable=row.standing.playable, **extra,
    )  # fmt: skip


Reasons = dict[int, tuple[str, str]]


def _reason(reasons: Reasons, decision_id: int, action: str) -> str:
    """Why people decided so. One decision may void a part and accept the rest of what waited: its reason speaks of
    the part that was voided, and beside what was accepted it would say the opposite."""
    step, reason = reasons.get(decision_id, ("", ""))
    return "" if action == "accept" and step != "dismiss" else reason


def _stretches(record: LessonRecord, filed: list[Filed], reasons: Reasons, _, zone: str):
    """The ledger's rows, joined where nothing tells them apart, with what was seen and not counted between."""
    checks = {f"check:{check.id}": check for check in record.checks}
    joined: list[list] = []  # from, to, kind, settled_by, settled_ms
    for row in sorted(record.ledger, key=lambda item: (item.from_ms, item.to_ms)):
        last = joined[-1] if joined else None
        if last and last[1] == row.from_ms and last[2:4] == [row.status, row.settled_by]:
            last[1] = row.to_ms
        else:
            joined.append([row.from_ms, row.to_ms, row.status, row.settled_by, row.settled_ms])
    found = []
    for from_ms, to_ms, kind, settled_by, settled_ms in joined:
        why = ""
        if settled_by in checks:
            check = checks[settled_by]
            word = words.settled(_, check.outcome, check.detail)
            why = words.because(_, _(words.CHECK_KINDS[check.kind]), word)
        elif settled_by.startswith("decision:"):
            action = "void" if kind == "void" else "accept"
            why = _reason(reasons, int(settled_by.removeprefix("decision:")), action) or _(words.ACTIONS[action])
        since = at(settled_ms, zone) if settled_ms else ""
        found.append(_stretch(from_ms, to_ms, kind, why, since, filed, _))
    counted: Spans = normalise((row.from_ms, row.to_ms) for row in record.ledger)
    for run in record.refused:
        why = _(words.REASONS.get(run.reason, words.KINDS["uncounted"]))
        for from_ms, to_ms in subtract(normalise([(run.from_ms, run.to_ms)]), counted):
            # Runs of less than a second are edges of pauses, not something that anybody missed.
            if to_ms - from_ms >= 1_000:
                found.append(_stretch(from_ms, to_ms, "uncounted", why, at(run.at_ms, zone), filed, _))
                counted = normalise([*counted, (from_ms, to_ms)])
    return sorted(found, key=lambda item: item.from_ms)


def _stretch(from_ms: int, to_ms: int, kind: str, why: str, since: str, filed: list[Filed], _) -> Stretch:
    mine = [one for one in filed if one.from_ms < to_ms and one.to_ms > from_ms]
    is_open = any(one.is_open for one in mine)
    return Stretch(
        id=f"s{from_ms}", from_ms=from_ms, to_ms=to_ms, kind=kind, title=_(words.KINDS[kind]),
        meaning=_(words.MEANINGS[kind]), why=why, since=since,
        appealable=kind in words.APPEALABLE and not is_open, appeal=mine[-1] if mine else None,
    )  # fmt: skip


def _strip(row: LessonRow, record: LessonRecord, stretches: list[Stretch], _) -> Markup:
    parts = [
        Part(s.from_ms, s.to_ms, s.kind, f"{clock(s.from_ms)}-{clock(s.to_ms)} {s.title}", f"#{s.id}")
        for s in stretches
    ]
    label = _("%(title)s 的学习时间轴，逐段说明见下方列表") % {"title": row.title}
    return draw(row.duration_ms, parts, ticks_of(record, _), label)
