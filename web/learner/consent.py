"""The separate choice about face checks: a page of its own, refusing as easy as agreeing, asked once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from aiohttp import web
from markupsafe import Markup

from proctor.errors import Refused
from proctor.modules.privacy import service as privacy
from web import context
from web.render import HERE, render
from web.security import read_form, safe_next

# Whoever changes the notice gives it a new version: what somebody agreed to stays provable by its hash.
NOTICE_VERSION = "2026-11-1"
CHOICES = ("given", "refused", "withdrawn")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPage:
    """`current`: the choice that holds now, "" when none was made."""

    current: str
    next: str
    notice: Markup
    notice_version: str = NOTICE_VERSION
    problem: str = ""
    room: str = "me"


# The text that is agreed to, read with the module: plain HTML of our own; the Chinese one is the one that binds.
NOTICES = {
    lang: Markup((HERE / "templates" / "_parts" / f"notice_face_check.{name}.html").read_text("utf-8"))
    for lang, name in (("zh-CN", "zh"), ("en", "en"))
}


def notice(lang: str) -> Markup:
    return NOTICES.get(lang, NOTICES["en"])


def notice_sha256(lang: str) -> str:
    return hashlib.sha256(notice(lang).encode()).hexdigest()


async def page(request: web.Request) -> web.StreamResponse:
    """GET /consent"""
    async with context.deps(request).db.read() as conn:
        current = await privacy.newest_choice(conn, context.signed(request).account_id)
    view = ConsentPage(
        current=current, next=safe_next(request.query.get("next", "")), notice=notice(context.lang(request))
    )
    return render(request, "learner/consent.html", view)


async def choose(request: web.Request) -> web.StreamResponse:
    """POST /consent — given, refused or withdrawn; the newest one holds."""
    person, deps = context.signed(request), context.deps(request)
    form = await read_form(request)
    choice = str(form.get("choice", ""))
    if choice not in CHOICES:
        raise Refused("field_wrong")
    if choice == "given" and form.get("notice_version") != NOTICE_VERSION:
        # The text changed while the page stood open: nobody agrees to what they have not read.
        raise Refused("stale")
    await privacy.choose(
        deps.db, deps.inbox, institution_id=person.institution_id, learner_id=person.account_id,
        choice=choice, notice_version=NOTICE_VERSION, notice_sha256=notice_sha256(context.lang(request)),
        now_ms=context.now_ms(), address=context.address(request),
    )  # fmt: skip
    raise web.HTTPSeeOther(safe_next(str(form.get("next", ""))) or "/learn")
