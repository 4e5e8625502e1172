"""我的: the masked profile, consents with date and withdrawal, language, sign-out."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from proctor.modules.accounts import queries as accounts
from proctor.modules.accounts.rules import masked_id_number, masked_name, masked_phone
from proctor.modules.privacy import service as privacy
from web import context
from web.render import at, render, translator


def _n(text: str) -> str:
    """Marks a sentence for extraction; it is translated where it is shown."""
    return text


CHOICES = {
    "given": _n("同意人脸核验"),
    "refused": _n("不同意人脸核验"),
    "withdrawn": _n("撤回同意"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MePage:
    name: str
    login: str
    id_number: str
    phone: str
    institution: str
    consent: str
    history: list[tuple[str, str, str]]  # when, what, version of the notice
    room: str = "me"


async def page(request: web.Request) -> web.StreamResponse:
    """GET /me"""
    person, deps, _ = context.signed(request), context.deps(request), translator(request)
    async with deps.db.read() as conn:
        row = await accounts.profile(conn, person.account_id)
        history = await privacy.consent_history(conn, person.account_id, privacy.PURPOSE)
    sealed = row.id_number_sealed
    number = deps.vault.open(sealed, field="account.id_number") if sealed else ""
    phone = deps.vault.open(row.phone_sealed, field="account.phone") if row.phone_sealed else ""
    view = MePage(
        name=masked_name(person.name), login=row.login, id_number=masked_id_number(number),
        phone=masked_phone(phone),
        institution=row.institution, consent=history[0].choice if history else "",
        history=[(at(c.at_ms, person.zone), _(CHOICES[c.choice]), c.notice_version) for c in history],
    )  # fmt: skip
    return render(request, "learner/me.html", view)
