"""The separate choices about one's face: one page for all of them, refusing as easy as agreeing, asked once."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web
from markupsafe import Markup
from multidict import MultiDictProxy

from proctor.errors import Refused
from proctor.modules.accounts.rules import masked_name, masked_phone
from proctor.modules.privacy import erasing, guardians
from proctor.modules.privacy import service as privacy
from proctor.modules.privacy.ages import Band
from proctor.modules.privacy.bands import band_of_learner
from web import context
from web.render import HERE, at, render, translator
from web.security import read_form, safe_next

# Whoever changes a notice gives it a new version: what somebody agreed to stays provable by its hash, and whoever
# agreed to an older one is asked once more. A refusal stays one.
VERSIONS = {privacy.PURPOSE: "2026-11-2", privacy.PROVINCE: "2026-11-2"}
NOTICE_VERSION = VERSIONS[privacy.PURPOSE]
CHOICES = ("given", "refused", "withdrawn")
AGE_VERSION = "2026-11-1"  # of the question about the age


def _n(text: str) -> str:
    """Marks a sentence for extraction; it is translated where it is shown."""
    return text


AGES = {Band.CHILD: _n("未满 14 周岁"), Band.MINOR: _n("14 至 17 周岁"), Band.ADULT: _n("已满 18 周岁")}
RELATIONS = {"father": _n("父亲"), "mother": _n("母亲"), "other": _n("其他监护人")}
CODE_TEXT = _n("【真学】孩子的人脸核验需要您同意。验证码 %(code)s，10 分钟内有效。不同意请忽略。")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceView:
    """The choice of one purpose that holds now; `choice` "" when none was made. `text`: what it was made by."""

    choice: str
    at: str
    text: str
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardianView:
    """A statement that waits, masked. `sent`: a code is out. `province`: passing on was agreed to as well."""

    name: str
    phone: str
    relation: str
    asked: str
    sent: bool
    province: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureView:
    id: int
    at: str
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPage:
    """`asking`: nobody chose yet, or the text changed since. `child`: under 14, so a guardian decides; `grown`: a
    guardian decided, and the learner is old enough by now. `ageless`: nothing tells the age, so whoever agrees states
    it. `handler`, `contact`: who processes, and whom to ask."""

    face: ChoiceView
    province: ChoiceView
    asking: bool
    child: bool
    grown: bool
    ageless: bool
    ages: list[tuple[str, str]]
    handler: str
    contact: str
    guardian: GuardianView | None
    erasures: list[ErasureView]
    relations: list[tuple[str, str]]
    notices: dict[str, Markup]
    versions: dict[str, str]
    next: str
    room: str = "me"


# The texts that are agreed to, read with the module: plain HTML of our own; the Chinese ones are those that bind.
NOTICES = {
    (purpose, lang): Markup((HERE / "templates" / "_parts" / f"notice_{purpose}.{name}.html").read_text("utf-8"))
    for purpose in privacy.PURPOSES
    for lang, name in (("zh-CN", "zh"), ("en", "en"))
}


def notice_of(lang: str, purpose: str = privacy.PURPOSE) -> privacy.Notice:
    lang = lang if lang == "zh-CN" else "en"
    return privacy.Notice(version=VERSIONS[purpose], lang=lang, body=str(NOTICES[purpose, lang]))


def notice_sha256(lang: str) -> str:
    return notice_of(lang).sha256


async def must_ask(request: web.Request, conn) -> bool:
    """Whether the choice about face checks stands open: never made, given to a text that has changed since, or given
    by a guardian for somebody who has turned 14 and now decides alone. A refusal is never asked about again, and
    while a guardian's statement waits nobody is asked."""
    learner_id = context.signed(request).account_id
    newest = await privacy.newest(conn, learner_id)
    if newest is not None and not _changed(newest) and not await _grown(request, conn, newest):
        return False
    return not await privacy.asked_by_guardian(conn, learner_id)


def _changed(newest: privacy.Consent) -> bool:
    return newest.choice == "given" and newest.notice_version != VERSIONS[newest.purpose]


async def _grown(request: web.Request, conn, newest: privacy.Consent | None) -> bool:
    """Whether a guardian agreed for this learner, who is no child any more."""
    if newest is None or newest.choice != "given" or newest.guardian_id is None:
        return False
    return await _band(request, conn) is not Band.CHILD


async def page(request: web.Request) -> web.StreamResponse:
    """GET /consent"""
    person, deps, _ = context.signed(request), context.deps(request), translator(request)
    async with deps.db.read() as conn:
        face = await privacy.newest(conn, person.account_id)
        province = await privacy.newest(conn, person.account_id, privacy.PROVINCE)
        asking, grown = await must_ask(request, conn), await _grown(request, conn, face)
        age = await _band(request, conn)
        statement = await guardians.newest(conn, person.account_id)
        gone = await erasing.erasures_of(conn, institution_id=person.institution_id, learner_id=person.account_id)
    lang, waits = context.lang(request), statement is not None and statement.state == "asked"
    view = ConsentPage(
        face=_view(face, person.zone), province=_view(province, person.zone), asking=asking,
        child=age is Band.CHILD, grown=grown, ageless=age is Band.UNKNOWN,
        ages=[(str(key), _(word)) for key, word in AGES.items()], handler=person.institution,
        contact=deps.settings.privacy_contact, guardian=_guardian(request, statement) if waits else None,
        erasures=[
            ErasureView(id=one.id, at=at(one.done_ms or one.asked_ms, person.zone), done=one.done_ms is not None)
            for one in gone
        ],
        relations=[(key, _(word)) for key, word in RELATIONS.items()],
        notices={purpose: NOTICES[purpose, lang if lang == "zh-CN" else "en"] for purpose in privacy.PURPOSES},
        versions=VERSIONS, next=safe_next(request.query.get("next", "")),
    )  # fmt: skip
    return render(request, "learner/consent.html", view)


def _view(newest: privacy.Consent | None, zone: str) -> ChoiceView:
    if newest is None:
        return ChoiceView(choice="", at="", text="", changed=False)
    return ChoiceView(
        choice=newest.choice, at=at(newest.at_ms, zone), text=newest.notice_sha256, changed=_changed(newest)
    )


def _guardian(request: web.Request, row) -> GuardianView:
    vault, _ = context.deps(request).vault, translator(request)
    return GuardianView(
        name=masked_name(vault.open(row.name_sealed, field="guardian.name")),
        phone=masked_phone(vault.open(row.phone_sealed, field="guardian.phone")),
        relation=_(RELATIONS[row.relation]), asked=at(row.asked_ms, context.signed(request).zone),
        sent=row.code_hash is not None and row.code_expires_ms > context.now_ms(), province=row.province,
    )  # fmt: skip


async def _band(request: web.Request, conn) -> Band:
    """How old the learner who asks is today."""
    learner_id = context.signed(request).account_id
    return await band_of_learner(conn, context.deps(request).vault, learner_id, context.now_ms())


async def choose(request: web.Request) -> web.StreamResponse:
    """POST /consent — given, refused or withdrawn, for one purpose; the newest one holds.

    With `asked=province` the first page's tick box is chosen with it: not ticked is a refusal. Whoever agrees and has
    no identity number registered says how old they are (`age`); refusing needs no age.
    """
    form = await read_form(request)
    choice, purpose = str(form.get("choice", "")), str(form.get("purpose", privacy.PURPOSE))
    if choice not in CHOICES or purpose not in privacy.PURPOSES:
        raise Refused("field_wrong")
    choices = [(purpose, choice)]
    if purpose == privacy.PURPOSE and form.get("asked") == privacy.PROVINCE:
        choices.append((privacy.PROVINCE, "given" if form.get(privacy.PROVINCE) == "given" else "refused"))
    _check_versions(form, choices)
    if any(said == "given" for _what, said in choices):
        async with context.deps(request).db.read() as conn:
            age = await _band(request, conn)
        if age is Band.UNKNOWN and await _state_age(request, str(form.get("age", ""))) is Band.CHILD:
            # The same page now asks for the guardian, who agrees to either purpose, and nobody else.
            back = quote(safe_next(str(form.get("next", ""))))
            raise web.HTTPSeeOther(f"/consent?next={back}#guardian")
    for what, said in choices:
        await _choose(request, what, said)
    raise web.HTTPSeeOther(safe_next(str(form.get("next", ""))) or "/learn")


def _check_versions(form: MultiDictProxy, choices: list[tuple[str, str]]) -> None:
    """The text may have changed while the page stood open: nobody agrees to what they have not read."""
    fields = {privacy.PURPOSE: "notice_version", privacy.PROVINCE: "province_version"}
    if any(said == "given" and form.get(fields[what]) != VERSIONS[what] for what, said in choices):
        raise Refused("stale")


async def _state_age(request: web.Request, said: str) -> Band:
    """Keep what the learner says. Raises Refused: age_first."""
    if said not in [str(key) for key in AGES]:
        raise Refused("age_first")
    person, deps, _, age = context.signed(request), context.deps(request), translator(request), Band(said)
    body = f"<p>{_('您的年龄')}: {_(AGES[age])}</p>"
    await guardians.state_age(
        deps.db, deps.vault, deps.inbox, institution_id=person.institution_id, learner_id=person.account_id, age=age,
        notice=privacy.Notice(version=AGE_VERSION, lang=context.lang(request), body=body), now_ms=context.now_ms(),
        address=context.address(request),
    )  # fmt: skip
    return age


async def _choose(request: web.Request, purpose: str, choice: str) -> None:
    person, deps = context.signed(request), context.deps(request)
    await privacy.choose(
        deps.db, deps.vault, deps.inbox, institution_id=person.institution_id, learner_id=person.account_id,
        purpose=purpose, choice=choice, notice=notice_of(context.lang(request), purpose), now_ms=context.now_ms(),
        address=context.address(request),
    )  # fmt: skip


async def text(request: web.Request) -> web.StreamResponse:
    """GET /consent/texts/{sha256} — a text that this learner once chose by, word for word."""
    person, deps = context.signed(request), context.deps(request)
    sha256 = request.match_info["sha256"]
    async with deps.db.read() as conn:
        mine = {one.notice_sha256 for one in await privacy.consent_history(conn, person.account_id)}
        row = await privacy.notice_text(conn, sha256) if sha256 in mine else None
    if row is None:
        raise Refused("not_found")
    return render(
        request, "learner/consent_text.html", body=Markup(row.body), version=row.version, sha256=row.sha256, room="me"
    )


async def state_guardian(request: web.Request) -> web.StreamResponse:
    """POST /consent/guardian — the guardian's statement; face checks stay off until it is confirmed."""
    person, deps = context.signed(request), context.deps(request)
    form = await read_form(request)
    passes_on = form.get(privacy.PROVINCE) == "given"
    _check_versions(form, [(privacy.PURPOSE, "given"), (privacy.PROVINCE, "given" if passes_on else "refused")])
    async with deps.db.read() as conn:
        if await _band(request, conn) is not Band.CHILD:
            raise Refused("not_found")
    statement = guardians.Statement(
        name=str(form.get("name", "")), phone=str(form.get("phone", "")), relation=str(form.get("relation", "")),
        agreed=form.get("agreed") == "yes", province=passes_on,
    )  # fmt: skip
    await guardians.state(
        deps.db, deps.vault, institution_id=person.institution_id, learner_id=person.account_id, statement=statement,
        notice=notice_of(context.lang(request)), province=notice_of(context.lang(request), privacy.PROVINCE),
        now_ms=context.now_ms(), address=context.address(request),
    )  # fmt: skip
    raise web.HTTPSeeOther("/consent")


async def guardian_code(request: web.Request) -> web.StreamResponse:
    """POST /consent/guardian/code — `send` one to the guardian's phone, or the `code` that came."""
    person, deps = context.signed(request), context.deps(request)
    form = await read_form(request)
    if form.get("send"):
        await guardians.send_code(
            deps.db, deps.vault, deps.messages, learner_id=person.account_id, words=CODE_TEXT, now_ms=context.now_ms()
        )
    else:
        await guardians.enter_code(
            deps.db, deps.vault, deps.inbox, learner_id=person.account_id, code=str(form.get("code", "")),
            now_ms=context.now_ms(), address=context.address(request),
        )  # fmt: skip
    raise web.HTTPSeeOther("/consent")
