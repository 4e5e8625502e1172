"""The reviewer's queue, one case, and its decisions."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from aiohttp import web

from proctor.core.facts import Spans
from proctor.core.intervals import total
from proctor.errors import Refused
from proctor.modules.accounts.rules import masked_name
from proctor.modules.catalog.queries import policy_of_lesson
from proctor.modules.reviews import queries
from proctor.modules.reviews.service import Decision, DecisionResult, Reviews
from proctor.modules.study import queries as study
from web import context
from web.console import words
from web.console.minors import Look, may_look, write_down, write_down_list
from web.console.timeline import timeline_rows
from web.errors import words as refused_words
from web.learner.strip import strip_svg
from web.learner.words import because
from web.render import at, hours, render, translator
from web.security import read_form

PAGE_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """One row of the queue in words."""

    id: int
    what: str
    learner: str
    learner_id: int
    lesson: str
    course: str
    stake: str
    state: str
    tone: str
    age: str
    causes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePage:
    rows: list[QueueView]
    more: bool
    page: int
    query: str
    kind: str
    closed: bool
    kinds: dict[str, str]
    counts: dict[str, int]
    room: str = "cases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of the lesson that may be chosen for a void. `value`: from-to in milliseconds."""

    value: str
    range: str
    status: str
    length: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage:
    """All of one case. `mode`: open, proposed, closed or appeal."""

    id: int
    version: int
    head: QueueView
    mode: str
    persons: int
    causes: list[dict]
    appeals: list[dict]
    stretches: list[Stretch]
    proposal: dict | None
    history: list[dict]
    templates: list[str]
    strip: str
    timeline: list[dict]
    seats: list[dict]
    signals: list[dict]
    enrolment: dict | None
    bursts: list[dict]
    next_id: int | None
    learner_id: int
    look: Look
    notice: dict | None = None
    error_field: str = ""
    error_words: str = ""
    kept_reason: str = ""
    room: str = field(default="cases")


async def cases_page(request: web.Request) -> web.StreamResponse:
    """GET /console/cases — worst first; `kind`, `closed`, `page` narrow it."""
    person, deps = context.signed(request), context.deps(request)
    kind = request.query.get("kind", "")
    if kind not in words.KINDS:
        kind = ""
    closed = request.query.get("closed") == "1"
    page = _page(request)
    async with deps.db.read() as conn:
        rows, more = await queries.queue(conn, person.institution_id, closed=closed, kind=kind, page=page)
        counts = await queries.open_counts(conn, person.institution_id)
    await write_down_list(request, "cases", [row.learner_id for row in rows])
    _ = translator(request)
    query = f"&kind={kind}" if kind else "&closed=1" if closed else ""
    view = QueuePage(
        rows=[_head(request, row) for row in rows], more=more, page=page, query=query, kind=kind,
        closed=closed, kinds={key: _(text) for key, text in words.KINDS.items()}, counts=counts,
    )  # fmt: skip
    return render(request, "console/cases.html", view)


async def case_page(request: web.Request) -> web.StreamResponse:
    """GET /console/cases/{id}"""
    view = await _case(request, context.path_id(request, "id"))
    return render(request, "console/case.html", view)


async def decide(request: web.Request) -> web.StreamResponse:
    """POST /console/cases/{id}/decisions — the answer is the next case, or why it was not possible."""
    person, case_id = context.signed(request), context.path_id(request, "id")
    form = await read_form(request)
    reason = str(form.get("reason", ""))
    decision = Decision(
        case_id=case_id,
        action=str(form.get("action", "")),
        reason=reason,
        version=_int(form.get("version")),
        spans=_spans([str(value) for value in form.getall("span", [])]),
    )
    try:
        result = await _reviews(request).decide(
            institution_id=person.institution_id,
            account_id=person.account_id,
            decision=decision,
            address=context.address(request),
        )
    except Refused as refused:
        if refused.code == "no_case":
            raise
        sentence = refused_words(request, refused)
        on_reason = refused.code.startswith("reason_")
        view = await _case(
            request, case_id, kept_reason=reason,
            error_field="reason" if on_reason else "", error_words=sentence,
            notice=None if on_reason else {"kind": "notice-conflict", "words": sentence, "more": ""},
        )  # fmt: skip
        return render(request, "console/case.html", view, status=422)
    if not result.done:
        view = await _case(request, case_id, kept_reason=reason, notice=_conflict(request, result))
        return render(request, "console/case.html", view, status=409)
    raise web.HTTPSeeOther(f"/console/cases/{case_id}?done={decision.action}")


def _reviews(request: web.Request) -> Reviews:
    deps = context.deps(request)
    return Reviews(deps.db, deps.inbox, policy=deps.settings.policy)


def _page(request: web.Request) -> int:
    return min(PAGE_MAX, max(0, _int(request.query.get("page"))))


def _int(text: object) -> int:
    """A small number of a form; anything else is 0, which matches no version and no page."""
    value = str(text or "")
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 9 else 0


def _spans(values: list[str]) -> Spans:
    found = []
    for value in values[:100]:
        from_text, _dash, to_text = value.partition("-")
        found.append((_int(from_text), _int(to_text)))
    return tuple(found)


def _head(request: web.Request, row: queries.QueueRow) -> QueueView:
    _ = translator(request)
    name = context.deps(request).vault.open(row.name_sealed, field="account.name")
    return QueueView(
        id=row.id, what=_(words.KINDS.get(row.kind, row.kind)), learner=masked_name(name),
        learner_id=row.learner_id,
        lesson=row.lesson_title, course=row.course_title, stake=hours(row.stake_ms, _),
        state=_(words.STATES[(row.status, row.outcome)]), tone=words.tone(row),
        age=words.age(_, time.time_ns() // 1_000_000 - row.opened_ms), causes=row.causes,
    )  # fmt: skip


def _conflict(request: web.Request, result: DecisionResult) -> dict:
    """The other reviewer was faster: what they decided, in words."""
    _ = translator(request)
    newest = result.history[-1] if result.history else None
    more = ""
    if newest:
        name = context.deps(request).vault.open(newest.by_name_sealed, field="account.name")
        more = because(_, words.step(_, newest, name), newest.reason)
    sentence = _("另一位审核员刚刚处理了这个案件，您的决定没有提交。请看下面的最新情况。")
    return {"kind": "notice-conflict", "words": sentence, "more": more}


DONE = {
    "propose": words._n("建议已提交，等待另一位审核员确认。"),
    "confirm": words._n("已核减，学员马上可以看到。"),
    "dismiss": words._n("已认定不成立，学时恢复有效。"),
    "withdraw": words._n("建议已撤回。"),
}


async def _case(request: web.Request, case_id: int, **extra) -> CasePage:
    person, deps, _ = context.signed(request), context.deps(request), translator(request)
    async with deps.db.read() as conn:
        case = await queries.case_view(conn, person.institution_id, case_id)
        if case is None:
            raise Refused("no_case")
        record = await study.lesson_record(conn, case.row.learner_id, case.lesson_id)
        rules = await policy_of_lesson(
            conn, person.institution_id, case.row.learner_id, case.lesson_id, context.now_ms(), deps.settings.policy
        )
        look = await may_look(request, conn, case.row.learner_id)
    await write_down(request, look, "case", case.row.learner_id)
    done = request.query.get("done", "")
    if done in DONE and "notice" not in extra:
        extra["notice"] = {"kind": "notice-done", "words": _(DONE[done]), "more": ""}
    mode = "appeal" if case.row.kind == "appeal" else case.row.status
    return CasePage(
        id=case_id, version=case.row.version, head=_head(request, case.row), mode=mode, persons=rules.review_persons,
        causes=[{"words": words.cause(_, c), "at": at(c.at_ms, person.zone)} for c in case.causes],
        appeals=[
            {"range": words.appeal(a), "words": a.words, "at": at(a.filed_ms, person.zone)} for a in case.appeals
        ],
        stretches=_stretches(request, record, case), proposal=_proposal(request, case),
        history=_history(request, case), templates=[_(text) for text in words.templates(case.row.kind)],
        strip=strip_svg(record, _), timeline=timeline_rows(record, _, person.zone),
        seats=[{"words": words.seat(_, s), "at": at(s.at_ms, person.zone)} for s in case.seats],
        signals=[{"words": words.signal(_, s), "at": at(s.at_ms, person.zone)} for s in case.signals],
        enrolment=_enrolment(request, case), bursts=_bursts(request, case), next_id=case.next_id,
        learner_id=case.row.learner_id, look=look, **extra,
    )  # fmt: skip


def _stretches(request: web.Request, record, case: queries.CaseView) -> list[Stretch]:
    """Counted or withheld stretches of the lesson; those of this case are chosen already. What is being studied at
    this moment is not in the ledger yet and cannot be decided on."""
    _ = translator(request)
    concerned = case.spans.get(case.lesson_id, ())
    found = []
    for row in record.ledger:
        if row.status == "void" or not row.stored:
            continue
        inside = any(from_ms <= row.from_ms and row.to_ms <= to_ms for from_ms, to_ms in concerned)
        found.append(
            Stretch(
                value=f"{row.from_ms}-{row.to_ms}", range=words.between(row.from_ms, row.to_ms),
                status=_(words.STATUSES[row.status]), length=hours(row.to_ms - row.from_ms, _),
                chosen=inside,
            )
        )  # fmt: skip
    return found


def _name(request: web.Request, sealed: bytes) -> str:
    return context.deps(request).vault.open(sealed, field="account.name")


def _proposal(request: web.Request, case: queries.CaseView) -> dict | None:
    if case.row.status != "proposed":
        return None
    _ = translator(request)
    newest = [step for step in case.decisions if step.action == "propose"][-1]
    return {
        "name": _name(request, newest.by_name_sealed),
        "ranges": _("%(ranges)s（%(length)s）")
        % {"ranges": words.ranges(_, newest.spans), "length": hours(total(newest.spans), _)},
        "reason": newest.reason,
        "own": newest.by_account_id == context.signed(request).account_id,
    }


def _history(request: web.Request, case: queries.CaseView) -> list[dict]:
    _, zone = translator(request), context.signed(request).zone
    return [
        {
            "words": words.step(_, step, _name(request, step.by_name_sealed)),
            "reason": step.reason,
            "at": at(step.at_ms, zone),
        }
        for step in case.decisions
    ]


def _enrolment(request: web.Request, case: queries.CaseView) -> dict | None:
    if not case.enrolment_evidence_id:
        return None
    _ = translator(request)
    first = case.enrolment_source == "first_capture"
    return {
        "src": f"/console/evidence/{case.enrolment_evidence_id}",
        "words": _("实名照片（首次拍摄登记）") if first else _("实名照片"),
    }


def _bursts(request: web.Request, case: queries.CaseView) -> list[dict]:
    _, zone = translator(request), context.signed(request).zone
    return [
        {
            "words": f"{words.burst(_, burst)} · {at(burst.judged_ms, zone)}",
            "score": words.score(_, burst),
            "cues": words.cues(_, burst),
            "images": [
                f"/console/evidence/{burst.evidence_id}?frame={index}" for index in range(min(burst.frames, 8))
            ]
            if burst.evidence_id
            else [],
        }
        for burst in case.bursts
    ]
