"""隐私: persons with stored faces and the duty to file, consents, keys, and the documents that the law asks for."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from aiohttp import web
from markupsafe import Markup

from proctor.errors import Refused
from proctor.modules.accounts import queries as accounts
from proctor.modules.audit.service import append_audit
from proctor.modules.catalog.queries import persons_to_void
from proctor.modules.privacy import assessment, counting, register, retaining
from proctor.modules.privacy.clocks import DAY_MS, Times
from proctor.settings import Settings
from web import context
from web.console.documents import document, plain
from web.render import at, render
from web.security import read_form

if TYPE_CHECKING:
    from proctor.faces.models import Thresholds

CIPHERS = {"aes": "AES-256-GCM", "sm4": "SM4-GCM"}
DOCUMENTS = ("register", "assessment")


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelView:
    """A level that was reached. `left_days`: until the filing is due; None where none is."""

    id: int
    level: int
    persons: int
    reached: str
    due: str
    left_days: int | None
    state: str  # reached, cleared, filed
    filed: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyPage:
    here: int
    total: int
    share: int  # percent of the last level
    levels: tuple[int, ...]
    level: int
    filings: list[LevelView]
    choices: counting.Choices
    cipher: str
    key_version: int
    files: bool  # this institution files for the whole installation
    room: str = "privacy"
    tab: str = "overview"


def times_of(request: web.Request) -> Times:
    settings = context.deps(request).settings
    return Times(
        keep_ms=settings.evidence_keep_ms, case_ms=settings.evidence_case_days * DAY_MS,
        trace_ms=settings.traces_days * DAY_MS,
    )  # fmt: skip


async def page(request: web.Request) -> web.StreamResponse:
    """GET /console/privacy"""
    person, deps = context.signed(request), context.deps(request)
    async with deps.db.read() as conn:
        stored = await counting.stored_persons(conn)
        filings = await counting.filings_of(conn)
        choices = await counting.choices_of(conn, person.institution_id)
    total = sum(stored.values())
    view = PrivacyPage(
        here=stored.get(person.institution_id, 0), total=total, share=min(100, total * 100 // counting.LEVELS[-1]),
        levels=counting.LEVELS, level=counting.level_of(total),
        filings=[_level(one, person.zone) for one in filings], choices=choices,
        cipher=CIPHERS[deps.vault.ring.cipher], key_version=deps.vault.ring.current,
        files=_files(request),
    )  # fmt: skip
    return render(request, "console/privacy.html", view)


def _files(request: web.Request) -> bool:
    """Faces are counted and filed for all institutions together, by the one that operates the installation."""
    return context.signed(request).institution_id == context.deps(request).settings.operator_institution


def _level(one: counting.Filing, zone: str) -> LevelView:
    today = datetime.fromtimestamp(context.now_ms() / 1_000, UTC).date()
    waits = one.due_day and one.filed_ms is None and one.cleared_ms is None
    return LevelView(
        id=one.id, level=one.level, persons=one.persons, reached=at(one.reached_ms, zone), due=one.due_day,
        left_days=(date.fromisoformat(one.due_day) - today).days if waits else None,
        state="filed" if one.filed_ms else "cleared" if one.cleared_ms else "reached",
        filed=at(one.filed_ms, zone) if one.filed_ms else "", reference=one.reference,
    )  # fmt: skip


async def file(request: web.Request) -> web.StreamResponse:
    """POST /console/privacy/filings/{id} — the filing was handed in."""
    person, deps = context.signed(request), context.deps(request)
    form = await read_form(request)
    if not _files(request):
        raise Refused("not_found")
    await counting.filed(
        deps.db, institution_id=person.institution_id, account_id=person.account_id,
        filing_id=context.path_id(request, "id"), reference=str(form.get("reference", "")).strip(),
        now_ms=context.now_ms(), address=context.address(request),
    )  # fmt: skip
    raise web.HTTPSeeOther("/console/privacy")


# Documents.


async def register_file(request: web.Request) -> web.StreamResponse:
    """GET /console/privacy/register.{html|md|json} — what is processed, from the tables of this database."""
    person, deps = context.signed(request), context.deps(request)
    async with deps.db.read() as conn:
        entries = await register.entries(conn, times_of(request), person.institution_id)
        institution = (await accounts.profile(conn, person.account_id)).institution
    day = at(context.now_ms(), person.zone, "%Y-%m-%d")
    return await _sent(request, "register", register.markdown(institution, day, entries), register.as_json(entries))


async def assessment_file(request: web.Request) -> web.StreamResponse:
    """GET /console/privacy/assessment.{html|md} — the draft for the person in charge."""
    person, deps = context.signed(request), context.deps(request)
    settings, now_ms = deps.settings, context.now_ms()
    model, limits = await asyncio.to_thread(_judge, settings)
    async with deps.db.read() as conn:
        stored = await counting.stored_persons(conn)
        duties = await retaining.duties_of(conn, person.institution_id)
        facts = assessment.Facts(
            institution=(await accounts.profile(conn, person.account_id)).institution,
            day=at(now_ms, person.zone, "%Y-%m-%d"), stored_here=stored.get(person.institution_id, 0),
            stored_total=sum(stored.values()), choices=await counting.choices_of(conn, person.institution_id),
            cipher=CIPHERS[deps.vault.ring.cipher], key_version=deps.vault.ring.current,
            model=model, accept=limits.accept, grey=limits.grey, measured=(model, limits) == _judge(Settings()),
            persons_to_void=await persons_to_void(conn, person.institution_id, settings.policy),
            duties=sum(one.ended_ms is None and one.until_ms > now_ms for one in duties),
            entries=await register.entries(conn, times_of(request), person.institution_id), times=times_of(request),
        )  # fmt: skip
    return await _sent(request, "assessment", assessment.markdown(facts), b"")


def _judge(settings: Settings) -> tuple[str, Thresholds]:
    """Name and thresholds of the model that judges here, which may be others than the settings' own numbers."""
    from proctor.faces import backends  # OpenCV comes with it, and only this document needs it here

    return backends.judged_by(
        settings.face_backend, settings.face_recipe, settings.match_accept, settings.match_grey
    )


async def _sent(request: web.Request, name: str, text: str, data: bytes) -> web.Response:
    """The document in the wanted form; the audit keeps the hash of what was handed out."""
    person, deps, kind = context.signed(request), context.deps(request), request.match_info["kind"]
    async with deps.db.write() as conn:
        await append_audit(
            conn, at_ms=context.now_ms(), institution_id=person.institution_id, account_id=person.account_id,
            action=f"console:{name}:made", object=f"document:{name}.{kind}",
            detail={"sha256": hashlib.sha256(text.encode()).hexdigest()}, address=context.address(request),
        )  # fmt: skip
    if kind == "html":
        return document(request, Markup(plain(text)), title=text.partition("\n")[0].removeprefix("# "))
    body, media = (data, "application/json") if kind == "json" else (text.encode(), "text/markdown")
    return web.Response(
        body=body, content_type=media, charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"', "Cache-Control": "no-store"},
    )  # fmt: skip
