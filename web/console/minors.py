"""Minors: guardians' statements that staff confirm, and approvals to look at pictures of somebody under 18."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from proctor.errors import Refused
from proctor.modules.accounts.rules import masked_name, masked_phone
from proctor.modules.audit.service import append_audit
from proctor.modules.privacy import access, guardians
from proctor.modules.privacy.ages import is_young
from proctor.modules.privacy.bands import band_of_learner, bands_of
from web import context
from web.learner.consent import RELATIONS
from web.render import at, render, translator
from web.security import read_form, safe_next


def _n(text: str) -> str:
    """Marks a sentence for extraction; it is translated where it is shown."""
    return text


STATES = {
    "asked": _n("待处理"),
    "confirmed": _n("已确认"),
    "approved": _n("已批准"),
    "refused": _n("未同意"),
    "withdrawn": _n("已撤回"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementView:
    """One guardian's statement. The phone is masked until somebody who is to call opens it. `others`: for how many
    more learners the same phone stands."""

    id: int
    learner: str
    guardian: str
    phone: str
    plain: bool
    province: bool
    others: int
    relation: str
    asked: str
    state: str
    waits: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessView:
    id: int
    learner: str
    asker: str
    reason: str
    asked: str
    state: str
    waits: bool
    own: bool
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MinorsPage:
    statements: list[StatementView]
    requests: list[AccessView]
    room: str = "privacy"
    tab: str = "minors"


async def page(request: web.Request) -> web.StreamResponse:
    """GET /console/privacy/minors"""
    return await _page(request)


async def guardian_phone(request: web.Request) -> web.StreamResponse:
    """POST /console/privacy/guardians/{id}/phone — the page with this guardian's phone in clear; it is audited."""
    person, deps, guardian_id = context.signed(request), context.deps(request), context.path_id(request, "id")
    await read_form(request)
    phone = await guardians.phone_of(
        deps.db, deps.vault, institution_id=person.institution_id, account_id=person.account_id,
        guardian_id=guardian_id, now_ms=context.now_ms(), address=context.address(request),
    )  # fmt: skip
    return await _page(request, guardian_id, phone)


async def _page(request: web.Request, guardian_id: int = 0, phone: str = "") -> web.StreamResponse:
    person, deps = context.signed(request), context.deps(request)
    async with deps.db.read() as conn:
        statements = await guardians.statements_of(conn, person.institution_id)
        requests = await access.requests_of(conn, person.institution_id)
    shown = [one.learner_id for one in statements] + [one.learner_id for one in requests]
    await write_down_list(request, "minors", shown)
    view = MinorsPage(
        statements=[_statement(request, one, phone if one.id == guardian_id else "") for one in statements],
        requests=[_request(request, one) for one in requests],
    )
    return render(request, "console/minors.html", view)


def _statement(request: web.Request, one: guardians.GuardianRow, plain: str) -> StatementView:
    vault, _, zone = context.deps(request).vault, translator(request), context.signed(request).zone
    waits = one.state == "asked"
    name = vault.open(one.name_sealed, field="guardian.name")
    return StatementView(
        id=one.id, learner=masked_name(vault.open(one.learner_sealed, field="account.name")),
        guardian=name if waits else masked_name(name), plain=bool(plain),
        phone=plain or masked_phone(vault.open(one.phone_sealed, field="guardian.phone")),
        relation=_(RELATIONS[one.relation]), asked=at(one.asked_ms, zone), state=_(STATES[one.state]), waits=waits,
        note=one.decided_note, province=one.province, others=one.others,
    )  # fmt: skip


def _request(request: web.Request, one: access.Asked) -> AccessView:
    person, vault, _ = context.signed(request), context.deps(request).vault, translator(request)
    return AccessView(
        id=one.id, learner=masked_name(vault.open(one.learner_sealed, field="account.name")),
        asker=vault.open(one.asker_sealed, field="account.name"), reason=one.reason,
        asked=at(one.asked_ms, person.zone),
        state=_(STATES[one.state]), waits=one.state == "asked", own=one.asked_by == person.account_id,
        until=at(one.until_ms, person.zone) if one.until_ms else "",
    )  # fmt: skip


async def decide_guardian(request: web.Request) -> web.StreamResponse:
    """POST /console/privacy/guardians/{id} — `say`: confirm or refuse; `note`: how the guardian was asked."""
    person, deps = context.signed(request), context.deps(request)
    form = await read_form(request)
    if form.get("say") not in ("confirm", "refuse"):
        raise Refused("field_wrong")
    await guardians.decide(
        deps.db, deps.inbox, institution_id=person.institution_id, account_id=person.account_id,
        guardian_id=context.path_id(request, "id"), confirm=form.get("say") == "confirm",
        note=str(form.get("note", "")).strip(), now_ms=context.now_ms(), address=context.address(request),
    )  # fmt: skip
    raise web.HTTPSeeOther("/console/privacy/minors")


async def ask(request: web.Request) -> web.StreamResponse:
    """POST /console/privacy/access — ask for a look at a minor's pictures; `next`: back to the case."""
    person, deps = context.signed(request), context.deps(request)
    form = await read_form(request)
    learner = str(form.get("learner", ""))
    if not (learner.isascii() and learner.isdigit() and len(learner) <= 18):
        raise Refused("field_wrong")
    await access.ask(
        deps.db, institution_id=person.institution_id, account_id=person.account_id, learner_id=int(learner),
        reason=str(form.get("reason", "")).strip(), now_ms=context.now_ms(), address=context.address(request),
    )  # fmt: skip
    raise web.HTTPSeeOther(safe_next(str(form.get("next", ""))) or "/console/privacy/minors")


async def decide_access(request: web.Request) -> web.StreamResponse:
    """POST /console/privacy/access/{id} — another person's `say`: approve or refuse."""
    person, deps = context.signed(request), context.deps(request)
    form = await read_form(request)
    if form.get("say") not in ("approve", "refuse"):
        raise Refused("field_wrong")
    await access.decide(
        deps.db, institution_id=person.institution_id, account_id=person.account_id,
        access_id=context.path_id(request, "id"), approve=form.get("say") == "approve", now_ms=context.now_ms(),
        address=context.address(request),
    )  # fmt: skip
    raise web.HTTPSeeOther("/console/privacy/minors")


# For whoever shows a learner.


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """`open`: this member of staff may see this learner's pictures and phone now, and decide by them; `waiting`: has
    asked for it."""

    open: bool
    waiting: bool = False
    young: bool = False


async def may_look(request: web.Request, conn, learner_id: int) -> Look:
    """Pictures and phone of somebody under 18 need another person's approval."""
    person, now_ms = context.signed(request), context.now_ms()
    if not is_young(await band_of_learner(conn, context.deps(request).vault, learner_id, now_ms)):
        return Look(open=True)
    if await access.allowed(conn, learner_id=learner_id, account_id=person.account_id, now_ms=now_ms):
        return Look(open=True, young=True)
    waiting = await access.waiting(conn, learner_id=learner_id, account_id=person.account_id)
    return Look(open=False, waiting=waiting, young=True)


async def write_down(request: web.Request, look: Look, what: str, learner_id: int) -> None:
    """Whoever opens a page about somebody under 18, masked as it is, leaves a trace of it."""
    if not look.young:
        return
    person = context.signed(request)
    async with context.deps(request).db.write() as conn:
        await append_audit(
            conn, at_ms=context.now_ms(), institution_id=person.institution_id, account_id=person.account_id,
            action="console:minor:read", object=f"account:{learner_id}", detail={"page": what},
            address=context.address(request),
        )  # fmt: skip


async def write_down_list(request: web.Request, what: str, learner_ids: Iterable[int]) -> None:
    """A list shows people masked; those on it who are under 18 are named in one row."""
    person, deps, now_ms, ids = context.signed(request), context.deps(request), context.now_ms(), set(learner_ids)
    if not ids:
        return
    async with deps.db.read() as conn:
        bands = await bands_of(conn, deps.vault, ids, now_ms)
    young = sorted(one for one, band in bands.items() if is_young(band))
    if not young:
        return
    async with deps.db.write() as conn:
        await append_audit(
            conn, at_ms=now_ms, institution_id=person.institution_id, account_id=person.account_id,
            action="console:minor:listed", object=f"list:{what}", detail={"learners": young},
            address=context.address(request),
        )  # fmt: skip
