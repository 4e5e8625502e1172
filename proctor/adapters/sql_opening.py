"""Opening a seat in SQL: strictly newer fences only, settle what is not stored yet, say what the session needs."""

from __future__ import annotations

import msgspec
from sqlalchemy import func, insert, select, update

from proctor.adapters.sql_store import read_coverage, store_items
from proctor.core.facts import BeatSummary, Credited, Spans
from proctor.core.inputs import Licence, Snapshot
from proctor.core.intervals import subtract, total
from proctor.core.snapshot import decode_snapshot, encode_snapshot, newer
from proctor.modules.accounts.tables import accounts, institutions, login_sessions
from proctor.modules.catalog.tables import class_courses, classes, lessons, rosters
from proctor.modules.privacy.tables import consents, enrolments
from proctor.modules.study.rules import policy_of
from proctor.modules.study.tables import ledger, seats
from proctor.ports import OpenSeat, SeatOpened, SeatRefused, SeatWrite


class Openings:
    """Opens seats inside the caller's write transaction. `policy`: values of this installation."""

    def __init__(self, policy: str) -> None:
        self._policy = policy

    async def open(self, conn, request: OpenSeat) -> SeatOpened | SeatRefused:
        refused = await _who(conn, request)
        if refused is not None:
            return refused
        place = await _place(conn, request)
        if place is None:
            return SeatRefused(why="no_lesson")
        if place.class_id is None:
            return SeatRefused(why="not_on_roster")
        seat = await _take(conn, request)
        if isinstance(seat, SeatRefused):
            return seat
        base = newer(request.snapshot, seat.base)
        settled_ms = await _settle(conn, request, base, seat.stored_stretch) if base else 0
        return await self._opened(conn, request, place, base, settled_ms, seat.instruction_version)

    async def _opened(
        self, conn, request: OpenSeat, place, base: Snapshot | None, settled_ms: int, version: int
    ) -> SeatOpened:
        covered, provisional, totals = await read_coverage(conn, request.learner_id, request.lesson_id)
        day_used = select(func.coalesce(func.sum(ledger.c.to_ms - ledger.c.from_ms), 0)).where(
            ledger.c.learner_id == request.learner_id, ledger.c.day == request.day
        )
        return SeatOpened(
            covered=covered,
            provisional=provisional,
            totals=totals,
            duration_ms=place.duration_ms,
            class_id=place.class_id,
            institution_id=place.institution_id,
            zone=place.zone,
            policy=policy_of(self._policy, place.institution_policy, place.class_policy),
            licence=_licence(place, request.at_ms),
            day_used_ms=int((await conn.execute(day_used)).scalar_one()),
            base=base,
            settled_ms=settled_ms,
            face_consent=await _face_consent(conn, request.learner_id),
            enrolled=await _enrolled(conn, request.learner_id),
            instruction_version=version,
        )


async def _who(conn, request: OpenSeat) -> SeatRefused | None:
    """Login session and account as they are now; a ticket only says how they were a minute ago."""
    statement = select(accounts.c.version, accounts.c.status).where(accounts.c.id == request.learner_id)
    account = (await conn.execute(statement)).one_or_none()
    if account is None or account.version != request.account_version:
        return SeatRefused(why="account_changed")
    if account.status != "active":
        return SeatRefused(why="blocked")
    if request.login_id:
        statement = select(login_sessions.c.ended_ms, login_sessions.c.expires_ms).where(
            login_sessions.c.id == request.login_id, login_sessions.c.account_id == request.learner_id
        )
        login = (await conn.execute(statement)).one_or_none()
        if login is None or login.ended_ms is not None or login.expires_ms <= request.at_ms:
            return SeatRefused(why="login_ended")
    return None


async def _place(conn, request: OpenSeat):
    """The lesson, its institution, and the best class of this learner: an open one if there is one."""
    is_open = (classes.c.opens_ms <= request.at_ms) & (classes.c.closes_ms > request.at_ms)
    mine = (
        select(
            rosters.c.class_id, class_courses.c.course_id, classes.c.opens_ms, classes.c.closes_ms, classes.c.policy
        )
        .select_from(
            rosters.join(class_courses, class_courses.c.class_id == rosters.c.class_id).join(
                classes, classes.c.id == rosters.c.class_id
            )
        )
        .where(rosters.c.learner_id == request.learner_id)
        .order_by(is_open.desc(), classes.c.id)
    ).subquery()
    statement = (
        select(
            lessons.c.duration_ms, lessons.c.filing_no, lessons.c.taken_down_ms, mine.c.class_id, mine.c.opens_ms,
            mine.c.closes_ms, mine.c.policy.label("class_policy"), institutions.c.id.label("institution_id"),
            institutions.c.zone, institutions.c.policy.label("institution_policy"),
        )
        .select_from(
            lessons.join(accounts, accounts.c.id == request.learner_id)
            .join(institutions, institutions.c.id == accounts.c.institution_id)
            .outerjoin(mine, mine.c.course_id == lessons.c.course_id)
        )
        .where(lessons.c.id == request.lesson_id)
        .limit(1)
    )  # fmt: skip
    return (await conn.execute(statement)).one_or_none()


def _licence(place, at_ms: int) -> Licence:
    if place.filing_no is None or place.taken_down_ms is not None:
        return Licence(earns=False, reason="unfiled")
    if not place.opens_ms <= at_ms < place.closes_ms:
        return Licence(earns=False, reason="class_closed")
    return Licence(earns=True)


class _Seat(msgspec.Struct, frozen=True):
    stored_stretch: int
    instruction_version: int
    base: Snapshot | None


async def _take(conn, request: OpenSeat) -> _Seat | SeatRefused:
    """Strictly greater, never equal: an equal fence is one that a Redis without memory handed out twice."""
    row = (await conn.execute(select(seats).where(seats.c.learner_id == request.learner_id))).one_or_none()
    place = {
        "fence": request.fence, "node": request.node, "device_id": request.device_id, "page_id": request.page_id,
        "lesson_id": request.lesson_id, "updated_ms": request.at_ms,
    }  # fmt: skip
    if row is None:
        empty = _empty(request)
        await conn.execute(insert(seats).values(learner_id=request.learner_id, state=encode_snapshot(empty), **place))
        return _Seat(0, 0, None)
    guard = (
        update(seats)
        .where(seats.c.learner_id == request.learner_id, seats.c.fence < request.fence)
        .values(**place)
        .returning(seats.c.stored_stretch, seats.c.instruction_version)
    )
    taken = (await conn.execute(guard)).one_or_none()
    if taken is None:
        return SeatRefused(why="stale", stored_fence=row.fence)
    state = decode_snapshot(bytes(row.state))
    return _Seat(taken.stored_stretch, taken.instruction_version, state if state.fence else None)


def _empty(request: OpenSeat) -> Snapshot:
    """The state of a seat that nobody has used yet: fence 0 says so."""
    return Snapshot(
        learner_id=request.learner_id, lesson_id=request.lesson_id, fence=0, seq=0, at_redis_ms=0, position_ms=0,
        playing=False, day=request.day, day_used_ms=0, slack_ms=0, stretch=0, open_spans=(), open_from_redis_ms=0,
    )  # fmt: skip


async def _settle(conn, request: OpenSeat, base: Snapshot, stored_stretch: int) -> int:
    """Stretches that snapshot or seat held beyond the ledger become facts of the lesson they name."""
    open_one = ((base.stretch, base.lesson_id, base.open_spans, base.day),) if base.open_spans else ()
    facts = []
    for number, lesson_id, spans, day in (*base.closed, *open_one):
        if number <= stored_stretch:
            continue
        covered, _provisional, _totals = await read_coverage(conn, request.learner_id, lesson_id)
        fresh: Spans = subtract(spans, covered)
        if fresh:
            facts.append(_resumed(request, base, number, lesson_id, fresh, day))
    if facts:
        item = SeatWrite(
            learner_id=request.learner_id, lesson_id=request.lesson_id, fence=request.fence, facts=tuple(facts),
            state=None,
        )  # fmt: skip
        await store_items(conn, [item], {request.learner_id: stored_stretch})
    newest = max(stored_stretch, base.stretch)
    where = seats.c.learner_id == request.learner_id
    # The state goes with the number: a session that starts from an older state would number its stretches as if
    # they were stored already, and lose them.
    values = {"stored_stretch": newest, "state": encode_snapshot(base)}
    await conn.execute(update(seats).where(where).values(**values))
    return sum(total(fact.spans) for fact in facts)


def _resumed(request: OpenSeat, base: Snapshot, number: int, lesson_id: int, spans: Spans, day: str) -> Credited:
    is_open = number == base.stretch
    return Credited(
        lesson_id=lesson_id, at_ms=request.at_ms, cause="resume", stretch=number, spans=spans, day=day,
        from_at_ms=base.open_from_redis_ms if is_open else base.at_redis_ms, rule_version="settled",
        summary=BeatSummary(beats=0, gap_ms_max=0, frames=0),
    )  # fmt: skip


async def _face_consent(conn, learner_id: int) -> bool:
    newest = (
        select(consents.c.choice)
        .where(consents.c.learner_id == learner_id, consents.c.purpose == "face_check")
        .order_by(consents.c.id.desc())
        .limit(1)
    )
    return (await conn.execute(newest)).scalar_one_or_none() == "given"


async def _enrolled(conn, learner_id: int) -> bool:
    statement = select(enrolments.c.learner_id).where(enrolments.c.learner_id == learner_id)
    return (await conn.execute(statement)).first() is not None
