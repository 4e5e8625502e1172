"""What the console reads: the queue, one case, its history. Every query carries the institution's border."""

from __future__ import annotations

import json
from collections import defaultdict

import msgspec
from sqlalchemy import case as sql_case
from sqlalchemy import func, select

from proctor.core.facts import Spans
from proctor.core.intervals import normalise
from proctor.modules.accounts.tables import accounts
from proctor.modules.catalog.tables import courses, lessons
from proctor.modules.privacy.tables import enrolments, evidence
from proctor.modules.reviews.tables import appeals, case_causes, cases, decisions
from proctor.modules.study.tables import bursts, checks, facts, ledger

PAGE_ROWS = 50
CAUSES_MAX = 200
FACTS_MAX = 400


class CaseDecision(msgspec.Struct, frozen=True, kw_only=True):
    """One step people took. `by_name_sealed` is opened by the page that may show it."""

    id: int
    action: str
    by_account_id: int
    by_name_sealed: bytes
    reason: str
    spans: Spans
    at_ms: int


class QueueRow(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    kind: str
    severity: int
    status: str
    outcome: str
    version: int
    opened_ms: int
    updated_ms: int
    learner_id: int
    name_sealed: bytes
    lesson_title: str
    course_title: str
    stake_ms: int  # waiting and withheld milliseconds that this case decides, or those that are appealed
    causes: int


class CauseRow(msgspec.Struct, frozen=True, kw_only=True):
    cause: str
    detail: str
    at_ms: int


class BurstRow(msgspec.Struct, frozen=True, kw_only=True):
    """One try with its pictures' reference ("" when they were deleted)."""

    check_id: str
    check_kind: str
    check_outcome: str
    check_detail: str
    issued_ms: int
    try_number: int
    outcome: str
    detail: str
    score: float
    threshold: float
    model: str
    frames: int
    source: str
    evidence_id: str
    judged_ms: int
    way: str
    cues: str  # words keys with blanks between
    precision: str
    version: str


class SeatRow(msgspec.Struct, frozen=True, kw_only=True):
    """One opening of a seat: which device, when, and whether it took the lease from another."""

    at_ms: int
    fence: int
    device_id: str
    resumed: bool
    taken_over: bool


class SignalRow(msgspec.Struct, frozen=True, kw_only=True):
    at_ms: int
    flag: str
    detail: str
    from_ms: int
    to_ms: int


class AppealRow(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    from_ms: int
    to_ms: int
    words: str
    filed_ms: int


class CaseView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one case page shows besides the lesson's timeline (see study.queries)."""

    row: QueueRow
    lesson_id: int
    duration_ms: int
    spans: dict[int, Spans]  # by lesson: what this case decides
    causes: tuple[CauseRow, ...]
    decisions: tuple[CaseDecision, ...]
    bursts: tuple[BurstRow, ...]
    seats: tuple[SeatRow, ...]
    signals: tuple[SignalRow, ...]
    appeals: tuple[AppealRow, ...]
    enrolment_evidence_id: str
    enrolment_source: str
    next_id: int | None


def _stake(status: tuple[str, ...] = ("waiting", "withheld")):
    """Milliseconds that the checks of a case keep from being final."""
    return (
        select(func.coalesce(func.sum(ledger.c.to_ms - ledger.c.from_ms), 0))
        .select_from(ledger.join(case_causes, ledger.c.settled_by == case_causes.c.cause))
        .where(
            case_causes.c.case_id == cases.c.id,
            ledger.c.learner_id == cases.c.learner_id,
            ledger.c.status.in_(status),
        )
        .correlate(cases)
        .scalar_subquery()
    )


def _appealed():
    """Milliseconds for which the learner appeals: appeals of one case never overlap."""
    return (
        select(func.coalesce(func.sum(appeals.c.to_ms - appeals.c.from_ms), 0))
        .where(appeals.c.case_id == cases.c.id)
        .correlate(cases)
        .scalar_subquery()
    )


def _rows(institution_id: int):
    count = (
        select(func.count())
        .select_from(case_causes)
        .where(case_causes.c.case_id == cases.c.id)
        .correlate(cases)
        .scalar_subquery()
    )
    return (
        select(
            cases.c.id, cases.c.kind, cases.c.severity, cases.c.status, cases.c.outcome, cases.c.version,
            cases.c.opened_ms, cases.c.updated_ms, cases.c.learner_id,
            accounts.c.name_sealed, lessons.c.title.label("lesson_title"),
            courses.c.title.label("course_title"), (_stake() + _appealed()).label("stake_ms"), count.label("causes"),
        )
        .select_from(
            cases.join(accounts, accounts.c.id == cases.c.learner_id)
            .join(lessons, lessons.c.id == cases.c.lesson_id)
            .join(courses, courses.c.id == lessons.c.course_id)
        )
        .where(cases.c.institution_id == institution_id)
    )  # fmt: skip


# Proposed cases stand first: a colleague waits for the second person. Then worst first, oldest first.
_ORDER = (
    sql_case((cases.c.status == "proposed", 0), else_=1),
    cases.c.severity.desc(),
    cases.c.opened_ms,
    cases.c.id,
)


async def queue(
    conn, institution_id: int, *, closed: bool = False, kind: str = "", page: int = 0, rows: int = PAGE_ROWS
) -> tuple[list[QueueRow], bool]:
    """One page of cases, worst first (closed ones: newest first), and whether there are more."""
    statement = _rows(institution_id)
    if closed:
        statement = statement.where(cases.c.status == "closed").order_by(cases.c.updated_ms.desc())
    else:
        statement = statement.where(cases.c.status != "closed").order_by(*_ORDER)
    if kind:
        statement = statement.where(cases.c.kind == kind)
    found = (await conn.execute(statement.limit(rows + 1).offset(page * rows))).mappings().all()
    return [QueueRow(**row) for row in found[:rows]], len(found) > rows


async def open_counts(conn, institution_id: int) -> dict[str, int]:
    """Open cases by kind, for the filter's figures."""
    statement = (
        select(cases.c.kind, func.count())
        .where(cases.c.institution_id == institution_id, cases.c.status != "closed")
        .group_by(cases.c.kind)
    )
    return {kind: count for kind, count in (await conn.execute(statement)).all()}


async def decisions_of(conn, case_id: int) -> tuple[CaseDecision, ...]:
    """The case's history, oldest first."""
    statement = (
        select(decisions, accounts.c.name_sealed.label("by_name_sealed"))
        .join(accounts, accounts.c.id == decisions.c.by_account_id)
        .where(decisions.c.case_id == case_id)
        .order_by(decisions.c.id)
        .limit(CAUSES_MAX)
    )
    return tuple(
        CaseDecision(
            id=row.id, action=row.action, by_account_id=row.by_account_id,
            by_name_sealed=row.by_name_sealed, reason=row.reason,
            spans=tuple((a, b) for a, b in json.loads(row.spans)), at_ms=row.at_ms,
        )
        for row in (await conn.execute(statement)).all()
    )  # fmt: skip


async def case_spans(conn, case_id: int) -> dict[int, Spans]:
    """What the case decides: waiting and withheld spans that its checks settled, by lesson."""
    statement = (
        select(ledger.c.lesson_id, ledger.c.from_ms, ledger.c.to_ms)
        .select_from(
            cases.join(case_causes, case_causes.c.case_id == cases.c.id).join(
                ledger,
                (ledger.c.learner_id == cases.c.learner_id) & (ledger.c.settled_by == case_causes.c.cause),
            )
        )
        .where(cases.c.id == case_id, ledger.c.status.in_(("waiting", "withheld")))
    )
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for lesson_id, from_ms, to_ms in (await conn.execute(statement)).all():
        found[lesson_id].append((from_ms, to_ms))
    return {lesson_id: normalise(spans) for lesson_id, spans in sorted(found.items())}


async def case_view(conn, institution_id: int, case_id: int) -> CaseView | None:
    """One case with all that a decision needs; None when this institution has no such case."""
    statement = _rows(institution_id).add_columns(cases.c.lesson_id, lessons.c.duration_ms)
    found = (await conn.execute(statement.where(cases.c.id == case_id))).mappings().one_or_none()
    if found is None:
        return None
    values = dict(found)
    lesson_id, duration_ms = values.pop("lesson_id"), values.pop("duration_ms")
    row = QueueRow(**values)
    causes = await _causes(conn, case_id)
    photo = (await conn.execute(select(enrolments).where(enrolments.c.learner_id == row.learner_id))).one_or_none()
    return CaseView(
        row=row,
        lesson_id=lesson_id,
        duration_ms=duration_ms,
        spans=await case_spans(conn, case_id),
        causes=causes,
        decisions=await decisions_of(conn, case_id),
        bursts=await _bursts(conn, row.learner_id, lesson_id, causes),
        seats=await _seats(conn, row.learner_id, lesson_id),
        signals=await _signals(conn, row.learner_id, lesson_id),
        appeals=await _appeals(conn, case_id),
        enrolment_evidence_id=photo.evidence_id if photo else "",
        enrolment_source=photo.source if photo else "",
        next_id=await _next_id(conn, institution_id, case_id),
    )


async def _causes(conn, case_id: int) -> tuple[CauseRow, ...]:
    statement = (
        select(case_causes.c.cause, case_causes.c.detail, case_causes.c.at_ms)
        .where(case_causes.c.case_id == case_id)
        .order_by(case_causes.c.id.desc())
        .limit(CAUSES_MAX)
    )
    return tuple(CauseRow(**row) for row in (await conn.execute(statement)).mappings().all())


async def _bursts(conn, learner_id: int, lesson_id: int, causes: tuple[CauseRow, ...]) -> tuple[BurstRow, ...]:
    """Tries of the causing checks and of all other checks of this lesson, newest first."""
    named = [row.cause.removeprefix("check:") for row in causes if row.cause.startswith("check:")]
    statement = (
        select(
            checks.c.id.label("check_id"), checks.c.kind.label("check_kind"),
            checks.c.outcome.label("check_outcome"), checks.c.detail.label("check_detail"),
            checks.c.issued_ms, bursts.c.try_number, bursts.c.outcome, bursts.c.detail, bursts.c.score,
            bursts.c.threshold, bursts.c.model, bursts.c.frames, bursts.c.source, bursts.c.evidence_id,
            bursts.c.judged_ms, bursts.c.way, bursts.c.cues, bursts.c.precision, bursts.c.version,
        )
        .join(bursts, bursts.c.check_id == checks.c.id)
        .where(
            checks.c.learner_id == learner_id,
            (checks.c.lesson_id == lesson_id) | checks.c.id.in_(named),
        )
        .order_by(checks.c.number.desc(), bursts.c.try_number.desc())
        .limit(60)
    )  # fmt: skip
    return tuple(BurstRow(**row) for row in (await conn.execute(statement)).mappings().all())


async def _bodies(conn, learner_id: int, lesson_id: int, kind: str) -> list[dict]:
    statement = (
        select(facts.c.body)
        .where(facts.c.learner_id == learner_id, facts.c.lesson_id == lesson_id, facts.c.kind == kind)
        .order_by(facts.c.id.desc())
        .limit(FACTS_MAX)
    )
    return [msgspec.json.decode(body) for (body,) in (await conn.execute(statement)).all()]


async def _seats(conn, learner_id: int, lesson_id: int) -> tuple[SeatRow, ...]:
    bodies = await _bodies(conn, learner_id, lesson_id, "opened")
    names = SeatRow.__struct_fields__
    return tuple(SeatRow(**{name: body[name] for name in names}) for body in bodies)


async def _signals(conn, learner_id: int, lesson_id: int) -> tuple[SignalRow, ...]:
    bodies = await _bodies(conn, learner_id, lesson_id, "flagged")
    return tuple(
        SignalRow(
            at_ms=body["at_ms"], flag=body["flag"], detail=body["detail"],
            from_ms=body.get("from_ms", 0), to_ms=body.get("to_ms", 0),
        )
        for body in bodies
    )  # fmt: skip


async def _appeals(conn, case_id: int) -> tuple[AppealRow, ...]:
    statement = (
        select(appeals.c.id, appeals.c.from_ms, appeals.c.to_ms, appeals.c.words, appeals.c.filed_ms)
        .where(appeals.c.case_id == case_id)
        .order_by(appeals.c.id)
        .limit(CAUSES_MAX)
    )
    return tuple(AppealRow(**row) for row in (await conn.execute(statement)).mappings().all())


async def _next_id(conn, institution_id: int, case_id: int) -> int | None:
    """The case that the queue would offer after this one."""
    statement = (
        select(cases.c.id)
        .where(cases.c.institution_id == institution_id, cases.c.status != "closed", cases.c.id != case_id)
        .order_by(*_ORDER)
        .limit(1)
    )
    return (await conn.execute(statement)).scalar_one_or_none()


async def evidence_row(conn, institution_id: int, evidence_id: str):
    """The register's row of one evidence object of this institution, or None."""
    statement = select(evidence).where(
        evidence.c.id == evidence_id,
        evidence.c.institution_id == institution_id,
        evidence.c.deleted_ms.is_(None),
    )
    return (await conn.execute(statement)).one_or_none()
