"""Photos that wait for a person, and one learner's identity: masked, with the story of its photos."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from proctor.errors import Refused
from proctor.modules.accounts import contact
from proctor.modules.accounts.rules import masked_id_number, masked_name, masked_phone, normal_phone
from proctor.modules.audit.service import append_audit
from proctor.modules.identity import queries
from proctor.modules.identity.numbers import IdNumber, age_on, normal_number, read_number
from proctor.modules.identity.service import Enrolling
from proctor.modules.privacy import service as privacy
from web import context
from web.console import identity_words as words
from web.console.minors import Look, may_look, write_down, write_down_list
from web.console.words import age
from web.errors import words as refused_words
from web.render import at, render, translator
from web.security import read_form

PAGE_MAX = 1_000
FIND_CHARS_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentsPage:
    """`show`: waiting, unusable, decided, alike, learners, or ageless."""

    show: str
    rows: list[dict]
    more: bool
    page: int
    find: str
    counts: dict[str, int]
    shows: dict[str, str]
    room: str = "enrolments"


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerPage:
    """All about one learner's identity that a member of staff may see."""

    id: int
    name: str
    login: str
    facts: list[tuple[str, str]]
    hints: list[str]
    consent: str
    state: str
    tone: str
    used: dict | None
    entry: dict | None
    beside: dict | None
    story: list[dict]
    alike: list[dict]
    templates: list[str]
    has_phone: bool
    look: Look
    phone: str = ""  # in clear, for whoever asked for it just now
    notice: dict | None = None
    error_field: str = ""
    error_words: str = ""
    kept_reason: str = ""
    room: str = field(default="enrolments")


async def enrolments_page(request: web.Request) -> web.StreamResponse:
    """GET /console/enrolments?show=&find=&page="""
    person, deps, _ = context.signed(request), context.deps(request), translator(request)
    show = request.query.get("show", "waiting")
    find = request.query.get("find", "").strip()[:FIND_CHARS_MAX]
    show = "learners" if find else show if show in words.SHOWS else "waiting"
    page = _page(request)
    async with deps.db.read() as conn:
        counts = await queries.counts(conn, person.institution_id)
        rows, more = await _rows(request, conn, show, find, page)
    await write_down_list(request, show, [row["learner_id"] for row in rows])
    view = EnrolmentsPage(
        show=show, rows=rows, more=more, page=page, find=find, counts=counts,
        shows={key: _(text) for key, text in words.SHOWS.items()},
    )  # fmt: skip
    return render(request, "console/enrolments.html", view)


def _page(request: web.Request) -> int:
    text = request.query.get("page", "0")
    return min(PAGE_MAX, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 0


async def _rows(request: web.Request, conn, show: str, find: str, page: int) -> tuple[list[dict], bool]:
    person = context.signed(request)
    if show == "alike":
        flags = await queries.alike_of(conn, person.institution_id)
        return [_alike(request, flag, None) for flag in flags], False
    if show in ("learners", "ageless"):
        index = _index(request, find)
        login = "" if index else find.lower()
        found, more = await queries.learners(
            conn, person.institution_id, login=login, index=index, unknown_age=show == "ageless", page=page
        )
        return [_learner_row(request, row) for row in found], more
    queued, more = await queries.queue(conn, person.institution_id, show=show, page=page)
    return [_queue_row(request, row) for row in queued], more


def _index(request: web.Request, find: str) -> bytes | None:
    """What was typed as a phone or an identity number, for the blind index."""
    vault, phone = context.deps(request).vault, normal_phone(find)
    if phone:
        return vault.index(phone, field="account.phone")
    number = normal_number(find)
    return vault.index(number, field="account.id_number") if len(number) == 18 and number[:17].isdigit() else None


def _name(request: web.Request, sealed: bytes) -> str:
    return masked_name(context.deps(request).vault.open(sealed, field="account.name"))


def _queue_row(request: web.Request, row: queries.QueueRow) -> dict:
    _ = translator(request)
    return {
        "learner_id": row.learner_id, "name": _name(request, row.name_sealed), "login": row.login,
        "source": _(words.SOURCES[row.source]), "state": _(words.STATES[row.state]), "tone": words.tone(row.state),
        "age": age(_, context.now_ms() - row.submitted_ms), "remarks": words.remarks(_, row),
    }  # fmt: skip


def _learner_row(request: web.Request, row: queries.LearnerRow) -> dict:
    _, vault = translator(request), context.deps(request).vault
    number = vault.open(row.id_number_sealed, field="account.id_number") if row.id_number_sealed else ""
    phone = vault.open(row.phone_sealed, field="account.phone") if row.phone_sealed else ""
    return {
        "learner_id": row.id, "name": _name(request, row.name_sealed), "login": row.login,
        "number": masked_id_number(number), "phone": masked_phone(phone),
        "state": _(words.STATES[row.enrolled]), "tone": words.tone(row.enrolled),
    }  # fmt: skip


def _alike(request: web.Request, flag: queries.Alike, number_index: bytes | None) -> dict:
    _ = translator(request)
    same = number_index is not None and flag.number_index == number_index
    return {
        "id": flag.id, "learner_id": flag.other_id, "name": _name(request, flag.name_sealed), "login": flag.login,
        "score": f"{flag.score:.2f}", "state": _(words.FLAGS[flag.state]), "open": flag.state == "open",
        "age": age(_, context.now_ms() - flag.opened_ms), "same_number": same, "reason": flag.reason,
        "src": f"/console/evidence/{flag.evidence_id}" if flag.evidence_id else "",
    }  # fmt: skip


async def learner_page(request: web.Request) -> web.StreamResponse:
    """GET /console/learners/{id}"""
    return render(request, "console/learner.html", await _view(request, context.path_id(request, "id")))


DONE = {
    "approve": words._n("已通过。之后的核验都与这张照片比对。"),
    "reject": words._n("已退回，学员会看到原因。已记录的学时不受影响。"),
    "changed": words._n("已保存。"),
    "submitted": words._n("照片已收到，几秒钟后显示检测结果。"),
    "settled": words._n("已记录您的判断。"),
}


async def _view(request: web.Request, learner_id: int, **extra) -> LearnerPage:
    person, deps, _ = context.signed(request), context.deps(request), translator(request)
    async with deps.db.read() as conn:
        row = await queries.learner(conn, person.institution_id, learner_id)
        if row is None:
            raise Refused("no_learner")
        story = await queries.story(conn, learner_id)
        used = await queries.in_use(conn, learner_id)
        alike = await queries.alike_of(conn, person.institution_id, learner_id)
        consent = await privacy.newest_choice(conn, learner_id)
        look = await may_look(request, conn, learner_id)
    await write_down(request, look, "learner", learner_id)
    await write_down_list(request, "alike", [flag.other_id for flag in alike])
    done = request.query.get("done", "")
    if done in DONE and "notice" not in extra:
        extra["notice"] = {"kind": "notice-done", "words": _(DONE[done])}
    facts, hints = _identity(request, row)
    # What a check took by itself comes first: its hours hang on it. The newest other one stands beside it.
    waits = [one for one in story if one.state in ("received", "pending", "unusable")]
    waits.sort(key=lambda one: one.evidence_id != used)
    entry, beside = (*waits, None, None)[:2]
    return LearnerPage(
        id=learner_id, name=_name(request, row.name_sealed), login=row.login, facts=facts, hints=hints,
        consent=consent, state=_(words.STATES[row.enrolled]), tone=words.tone(row.enrolled),
        used=_used(request, story, used), entry=_entry(request, entry, used) if entry else None,
        beside=_entry(request, beside, used) if entry and beside and entry.evidence_id == used else None,
        story=[_told(request, one) for one in story],
        alike=[_alike(request, flag, row.id_number_index) for flag in alike],
        templates=[_(text) for text in words.REASONS], has_phone=row.phone_sealed is not None, look=look,
        **extra,
    )  # fmt: skip


def _identity(request: web.Request, row: queries.LearnerRow) -> tuple[list[tuple[str, str]], list[str]]:
    """Masked facts, and hints for whoever decides."""
    _, vault = translator(request), context.deps(request).vault
    number = vault.open(row.id_number_sealed, field="account.id_number") if row.id_number_sealed else ""
    phone = vault.open(row.phone_sealed, field="account.phone") if row.phone_sealed else ""
    facts = [
        (_("证件号码"), masked_id_number(number) or _("未登记")),
        (_("手机号"), masked_phone(phone) or _("未登记")),
    ]
    hints = [] if phone else [_("没有登记手机号，无法用短信码核验。")]
    if not number:
        return facts, [*hints, _("没有登记证件号码，无法核对身份。")]
    today = words.today(context.now_ms())
    read = read_number(number, today)
    if not isinstance(read, IdNumber):
        return facts, [*hints, _("登记的证件号码不符合规则，请与学员核对。")]
    facts.append((_("年龄"), _("%(n)s 岁") % {"n": age_on(read.born, today)}))
    facts.append((_("性别"), _("男") if read.male else _("女")))
    return facts, hints if read.plausible else [*hints, _("号码前六位不是现行的行政区划，可能是旧证，请留意。")]


def _used(request: web.Request, story: list[queries.Entry], used: str) -> dict | None:
    if not used:
        return None
    _ = translator(request)
    entry = next((one for one in story if one.evidence_id == used), None)
    said = _(words.SOURCES[entry.source]) if entry else _("实名照片")
    return {"src": f"/console/evidence/{used}", "words": said}


def _entry(request: web.Request, entry: queries.Entry, used: str) -> dict:
    _ = translator(request)
    return {
        "id": entry.id, "src": f"/console/evidence/{entry.evidence_id}", "source": _(words.SOURCES[entry.source]),
        "state": entry.state, "state_words": _(words.STATES[entry.state]), "in_use": entry.evidence_id == used,
        "problem": words.problem(_, entry.problem), "quality": words.quality(_, entry.quality),
        "authority": words.authority(_, entry.authority, entry.authority_name),
        "at": at(entry.submitted_ms, context.signed(request).zone),
    }  # fmt: skip


def _told(request: web.Request, entry: queries.Entry) -> dict:
    _, zone = translator(request), context.signed(request).zone
    vault = context.deps(request).vault
    by = vault.open(entry.by_sealed, field="account.name") if entry.by_sealed else entry.authority_name
    ended = entry.ended_ms or entry.decided_ms
    return {
        "words": " · ".join((_(words.SOURCES[entry.source]), _(words.STATES[entry.state]))),
        "by": by if entry.decided_ms else "", "reason": entry.reason, "at": at(entry.submitted_ms, zone),
        "ended": at(ended, zone) if ended else "",
    }  # fmt: skip


async def decide(request: web.Request) -> web.StreamResponse:
    """POST /console/enrolments/{id}/decisions {learner, action, reason}"""
    person, deps = context.signed(request), context.deps(request)
    form = await read_form(request)
    reason, learner_id = str(form.get("reason", "")), _int(form.get("learner"))
    action = str(form.get("action", ""))
    try:
        await Enrolling(deps.db, deps.evidence, deps.vault).decide(
            institution_id=person.institution_id, number=context.path_id(request, "id"), action=action, reason=reason,
            by=person.account_id, address=context.address(request),
        )  # fmt: skip
    except Refused as refused:
        return await _again(request, learner_id, refused, reason)
    raise web.HTTPSeeOther(f"/console/learners/{learner_id}?done={action}")


async def settle(request: web.Request) -> web.StreamResponse:
    """POST /console/duplicates/{id} {learner, word, reason}"""
    person, deps = context.signed(request), context.deps(request)
    form = await read_form(request)
    reason, learner_id = str(form.get("reason", "")), _int(form.get("learner"))
    try:
        await Enrolling(deps.db, deps.evidence, deps.vault).settle_duplicate(
            institution_id=person.institution_id, flag_id=context.path_id(request, "id"),
            word=str(form.get("word", "")), reason=reason, by=person.account_id, address=context.address(request),
        )  # fmt: skip
    except Refused as refused:
        return await _again(request, learner_id, refused, reason, where="alike")
    raise web.HTTPSeeOther(f"/console/learners/{learner_id}?done=settled")


async def change(request: web.Request) -> web.StreamResponse:
    """POST /console/learners/{id} {number, phone}"""
    person, deps, learner_id = context.signed(request), context.deps(request), context.path_id(request, "id")
    form = await read_form(request)
    try:
        await contact.change(
            deps.db, deps.vault, deps.inbox, institution_id=person.institution_id, learner_id=learner_id,
            number=str(form.get("number", "")), phone=str(form.get("phone", "")), by=person.account_id,
            now_ms=context.now_ms(), address=context.address(request),
        )  # fmt: skip
    except Refused as refused:
        return await _again(request, learner_id, refused, "", where="contact")
    raise web.HTTPSeeOther(f"/console/learners/{learner_id}?done=changed")


async def phone(request: web.Request) -> web.StreamResponse:
    """POST /console/learners/{id}/phone — the page with the phone in clear: a spot check by phone needs it."""
    person, deps, learner_id = context.signed(request), context.deps(request), context.path_id(request, "id")
    async with deps.db.write() as conn:
        row = await queries.learner(conn, person.institution_id, learner_id)
        if row is None or row.phone_sealed is None:
            raise Refused("no_learner")
        if not (await may_look(request, conn, learner_id)).open:
            raise Refused("minor_access")
        await append_audit(
            conn, at_ms=context.now_ms(), institution_id=person.institution_id, account_id=person.account_id,
            action="console:phone:opened", object=f"account:{learner_id}", address=context.address(request),
        )  # fmt: skip
    plain = deps.vault.open(row.phone_sealed, field="account.phone")
    return render(request, "console/learner.html", await _view(request, learner_id, phone=plain))


async def _again(
    request: web.Request, learner_id: int, refused: Refused, reason: str, where: str = "reason"
) -> web.StreamResponse:
    """The page once more with what was typed; a learner of somebody else stays a refusal."""
    if refused.code in ("no_enrolment", "no_flag", "no_learner"):
        raise refused
    sentence = refused_words(request, refused)
    on_field = refused.code in (
        "reason_short", "reason_long", "id_number_wrong", "phone_wrong", "number_taken", "minor_older"
    )  # fmt: skip
    view = await _view(
        request, learner_id, kept_reason=reason, error_field=where if on_field else "", error_words=sentence,
        notice=None if on_field else {"kind": "notice-conflict", "words": sentence},
    )  # fmt: skip
    return render(request, "console/learner.html", view, status=422 if on_field else 409)


def _int(value: object) -> int:
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
