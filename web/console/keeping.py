"""How long what is kept: the clocks, named duties to keep longer, and the certificates of what was deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from proctor.errors import Refused
from proctor.modules.catalog import queries as catalog
from proctor.modules.privacy import erasing, retaining
from proctor.modules.privacy.clocks import CLOCKS, DUTY_DAYS_MAX
from proctor.modules.privacy.clocks import words as numbers
from web import context
from web.console.privacy import times_of
from web.learner import certificates
from web.render import at, render, translator
from web.security import read_form

PAGE_ROWS, PAGE_MAX = 50, 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyView:
    id: int
    whose: str
    basis: str
    reason: str
    span: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureView:
    id: int
    learner: int
    why: str
    asked: str
    done: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepingPage:
    clocks: list[tuple[str, str, str]]
    duties: list[DutyView]
    classes: list[tuple[int, str]]
    last_day: str
    days_max: int
    erasures: list[ErasureView]
    page: int
    more: bool
    room: str = "privacy"
    tab: str = "keeping"


async def page(request: web.Request) -> web.StreamResponse:
    """GET /console/privacy/keeping"""
    person, deps, _ = context.signed(request), context.deps(request), translator(request)
    text = request.query.get("page", "0")
    number = min(PAGE_MAX, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    async with deps.db.read() as conn:
        duties = await retaining.duties_of(conn, person.institution_id)
        classes = await catalog.classes_of(conn, person.institution_id)
        gone = await erasing.erasures_of(
            conn, institution_id=person.institution_id, limit=PAGE_ROWS + 1, offset=number * PAGE_ROWS
        )
    now_ms, values = context.now_ms(), numbers(times_of(request))
    view = KeepingPage(
        clocks=[(_(one.what), _(one.why), _(one.until) % values) for one in CLOCKS],
        duties=[_duty(request, one, now_ms) for one in duties], classes=classes,
        last_day=at(now_ms + DUTY_DAYS_MAX * 86_400_000, person.zone, "%Y-%m-%d"), days_max=DUTY_DAYS_MAX,
        erasures=[
            ErasureView(
                id=one.id, learner=one.learner_id, why=_(certificates.WHY[one.why]),
                asked=at(one.asked_ms, person.zone),
                done=at(one.done_ms, person.zone) if one.done_ms else "",
            )
            for one in gone[:PAGE_ROWS]
        ],
        page=number, more=len(gone) > PAGE_ROWS,
    )  # fmt: skip
    return render(request, "console/keeping.html", view)


def _duty(request: web.Request, one: retaining.Duty, now_ms: int) -> DutyView:
    zone, _ = context.signed(request).zone, translator(request)
    until = at(one.ended_ms or one.until_ms, zone, "%Y-%m-%d")
    return DutyView(
        id=one.id, whose=one.class_name or _("全部班级"), basis=one.basis, reason=one.reason,
        span=f"{at(one.from_ms, zone, '%Y-%m-%d')} – {until}", active=one.ended_ms is None and one.until_ms > now_ms,
    )  # fmt: skip


async def name_duty(request: web.Request) -> web.StreamResponse:
    """POST /console/privacy/duties — from now on pictures of a class are kept until a day, for a named reason."""
    person, deps = context.signed(request), context.deps(request)
    form = await read_form(request)
    whose = str(form.get("class", ""))
    if not (whose == "all" or (whose.isascii() and whose.isdigit() and len(whose) <= 18)):
        raise Refused("field_wrong")
    await retaining.name_duty(
        deps.db, institution_id=person.institution_id, account_id=person.account_id,
        class_id=None if whose == "all" else int(whose), basis=str(form.get("basis", "")).strip(),
        reason=str(form.get("reason", "")).strip(), until_ms=_end_of(str(form.get("until", "")), person.zone),
        now_ms=context.now_ms(), address=context.address(request),
    )  # fmt: skip
    raise web.HTTPSeeOther("/console/privacy/keeping")


def _end_of(day: str, zone: str) -> int:
    """The end of this ISO day in the institution's zone."""
    try:
        begins = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        raise Refused("field_wrong") from None
    if begins.year > 2_999:
        raise Refused("field_wrong")
    return int((begins + timedelta(days=1)).timestamp() * 1_000)


async def end_duty(request: web.Request) -> web.StreamResponse:
    """POST /console/privacy/duties/{id}/end — what it kept is deleted with the next sweep."""
    person, deps = context.signed(request), context.deps(request)
    await read_form(request)
    await retaining.end_duty(
        deps.db, institution_id=person.institution_id, account_id=person.account_id,
        duty_id=context.path_id(request, "id"), now_ms=context.now_ms(), address=context.address(request),
    )  # fmt: skip
    raise web.HTTPSeeOther("/console/privacy/keeping")


async def certificate(request: web.Request) -> web.StreamResponse:
    """GET /console/privacy/certificates/{id}"""
    return await certificates.shown(request, "console/certificate.html", room="privacy")


async def certificate_file(request: web.Request) -> web.StreamResponse:
    """GET /console/privacy/certificates/{id}.json"""
    return certificates.downloaded(await certificates.found(request))
