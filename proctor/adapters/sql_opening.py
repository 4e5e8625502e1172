"""Opening seats in SQL: strictly newer fences only, settle what is not stored yet, say what the sessions need.

A reconnect storm opens thousands: every question is asked once for a whole group of requests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import LargeBinary, bindparam, func, select, update

from proctor.adapters.clock import local_day
from proctor.adapters.sql_facts import forget_checks
from proctor.adapters.sql_store import read_coverages, store_items
from proctor.core.facts import BeatSummary, Credited, Spans
from proctor.core.inputs import Licence, Snapshot
from proctor.core.intervals import subtract, total
from proctor.core.snapshot import decode_snapshot, encode_snapshot, newer
from proctor.modules.accounts.tables import accounts, institutions, login_sessions
from proctor.modules.catalog.rules import licence_of
from proctor.modules.catalog.tables import class_courses, classes, lessons, rosters
from proctor.modules.identity import approving
from proctor.modules.privacy.tables import consents
from proctor.modules.schema import Key, insert_new
from proctor.modules.study.rules import policy_of
from proctor.modules.study.tables import ledger, seats
from proctor.ports import OpenSeat, SeatOpened, SeatRefused, SeatWrite

Answers = dict[int, SeatOpened | SeatRefused]  # by learner


class Openings:
    """Opens seats inside the caller's write transaction. `policy`: values of this installation."""

    def __init__(self, policy: str) -> None:
        # Sessions of one class share one policy object: it is frozen.
        self._policy_of = lru_cache(maxsize=256)(lambda *packs: policy_of(policy, *packs))

    async def open(self, conn, requests: Sequence[OpenSeat]) -> list[SeatOpened | SeatRefused]:
        """Answers in the order of the requests. Two of one learner are opened one after the other, by fence."""
        answers: dict[int, SeatOpened | SeatRefused] = {}
        left = sorted(range(len(requests)), key=lambda index: (requests[index].learner_id, requests[index].fence))
        while left:
            now: dict[int, int] = {}  # index by learner
            for index in left:
                now.setdefault(requests[index].learner_id, index)
            opened = await self._open(conn, [requests[index] for index in now.values()])
            answers |= {index: opened[learner_id] for learner_id, index in now.items()}
            left = [index for index in left if index not in answers]
        return [answers[index] for index in range(len(requests))]

    async def _open(self, conn, requests: Sequence[OpenSeat]) -> Answers:
        """Each learner at most once."""
        people = await _people(conn, requests)
        logins = await _logins(conn, requests)
        places = await _places(conn, requests)
        answers: Answers = {}
        for request in requests:
            refused = _refusal(request, people.get(request.learner_id), logins, places)
            if refused is not None:
                answers[request.learner_id] = refused
        taken = await _take(conn, [one for one in requests if one.learner_id not in answers], answers)
        settled = await _settle(conn, taken)
        return answers | await self._opened(conn, taken, settled, people, places)

    async def _opened(self, conn, taken: Sequence[_Taken], settled: dict[int, int], people, places) -> Answers:
        requests = [one.request for one in taken]
        ids = [request.learner_id for request in requests]
        coverages = await read_coverages(conn, [(one.learner_id, one.lesson_id) for one in requests])
        days = {one.learner_id: local_day(one.at_redis_ms, people[one.learner_id].zone)[0] for one in requests}
        used = await _day_used(conn, days)
        reached = await _reached(conn, requests)
        consenting = await _consenting(conn, ids)
        enrolled = set((await conn.execute(_ENROLLED, {"learners": ids})).scalars())
        answers: Answers = {}
        for one in taken:
            request, person = one.request, people[one.request.learner_id]
            learner_id, place = request.learner_id, places[request.learner_id, request.lesson_id]
            covered, provisional, totals = coverages[learner_id, request.lesson_id]
            answers[learner_id] = SeatOpened(
                covered=covered, provisional=provisional, totals=totals, duration_ms=place.lesson.duration_ms,
                class_id=place.mine.class_id, institution_id=person.institution_id, zone=person.zone,
                policy=self._policy_of(person.policy, place.mine.policy), licence=_licence(place, request.at_ms),
                day=days[learner_id], day_used_ms=used.get((learner_id, days[learner_id]), 0), base=one.base,
                reached_ms=reached.get((learner_id, request.lesson_id), 0),
                settled_ms=settled.get(learner_id, 0), face_consent=learner_id in consenting,
                enrolled=learner_id in enrolled, instruction_version=one.instruction_version,
            )  # fmt: skip
        return answers


# Who, and for which lesson. Every statement lives as long as the process: to make one and to find its text again
# costs the library ten times what SQLite needs to answer it, and a small group of openings asks a dozen.

_LEARNERS = bindparam("learners", type_=Key, expanding=True)
_LESSONS = bindparam("lessons", type_=Key, expanding=True)

_PEOPLE = (
    select(
        accounts.c.id, accounts.c.version, accounts.c.status, accounts.c.institution_id, institutions.c.zone,
        institutions.c.policy,
    )
    .join(institutions, institutions.c.id == accounts.c.institution_id)
    .where(accounts.c.id.in_(_LEARNERS))
)  # fmt: skip


async def _people(conn, requests: Sequence[OpenSeat]) -> dict[int, Any]:
    """Accounts as they are now, with their institution; a ticket only says how they were a minute ago."""
    found = await conn.execute(_PEOPLE, {"learners": [request.learner_id for request in requests]})
    return {row.id: row for row in found.all()}


_LOGINS = select(
    login_sessions.c.id, login_sessions.c.account_id, login_sessions.c.ended_ms, login_sessions.c.expires_ms
).where(login_sessions.c.id.in_(bindparam("logins", expanding=True)))


async def _logins(conn, requests: Sequence[OpenSeat]) -> dict[tuple[str, int], Any]:
    ids = [request.login_id for request in requests if request.login_id]
    if not ids:
        return {}
    rows = (await conn.execute(_LOGINS, {"logins": ids})).all()
    return {(row.id, row.account_id): row for row in rows}


class _Place(msgspec.Struct, frozen=True):
    """A lesson and the best class of one learner for it: an open one if there is one."""

    lesson: Any
    mine: Any  # None: on no roster for it


_WANTED = select(
    lessons.c.id, lessons.c.course_id, lessons.c.duration_ms, lessons.c.filing_no, lessons.c.taken_down_ms
).where(lessons.c.id.in_(_LESSONS))

_ROSTERS = (
    select(
        rosters.c.learner_id, rosters.c.class_id, class_courses.c.course_id, classes.c.opens_ms,
        classes.c.closes_ms, classes.c.policy,
    )
    .select_from(
        rosters.join(class_courses, class_courses.c.class_id == rosters.c.class_id).join(
            classes, classes.c.id == rosters.c.class_id
        )
    )
    .where(
        rosters.c.learner_id.in_(_LEARNERS),
        class_courses.c.course_id.in_(bindparam("courses", type_=Key, expanding=True)),
    )
)  # fmt: skip


async def _places(conn, requests: Sequence[OpenSeat]) -> dict[tuple[int, int], _Place]:
    wanted = {"lessons": list({request.lesson_id for request in requests})}
    found = {row.id: row for row in (await conn.execute(_WANTED, wanted)).all()}
    theirs = {
        "learners": [request.learner_id for request in requests],
        "courses": list({row.course_id for row in found.values()}),
    }
    by_course: dict[tuple[int, int], list] = defaultdict(list)
    for row in (await conn.execute(_ROSTERS, theirs)).all():
        by_course[row.learner_id, row.course_id].append(row)
    places = {}
    for request in requests:
        lesson = found.get(request.lesson_id)
        if lesson is not None:
            choice = by_course[request.learner_id, lesson.course_id]
            best = min(choice, key=lambda row: (not _is_open(row, request.at_ms), row.class_id), default=None)
            places[request.learner_id, request.lesson_id] = _Place(lesson, best)
    return places


def _is_open(row, at_ms: int) -> bool:
    return row.opens_ms <= at_ms < row.closes_ms


def _refusal(request: OpenSeat, person, logins: dict, places: dict) -> SeatRefused | None:
    if person is None or person.version != request.account_version:
        return SeatRefused(why="account_changed")
    if person.status != "active":
        return SeatRefused(why="blocked")
    if request.login_id:
        login = logins.get((request.login_id, request.learner_id))
        if login is None or login.ended_ms is not None or login.expires_ms <= request.at_ms:
            return SeatRefused(why="login_ended")
    place = places.get((request.learner_id, request.lesson_id))
    if place is None:
        return SeatRefused(why="no_lesson")
    if place.mine is None:
        return SeatRefused(why="not_on_roster")
    return None


def _licence(place: _Place, at_ms: int) -> Licence:
    lesson, mine = place.lesson, place.mine
    return licence_of(
        filed=lesson.filing_no is not None, taken_down_ms=lesson.taken_down_ms, opens_ms=mine.opens_ms,
        closes_ms=mine.closes_ms, at_ms=at_ms,
    )  # fmt: skip


# The seat.


class _Taken(msgspec.Struct, frozen=True):
    request: OpenSeat
    stored_stretch: int
    instruction_version: int
    base: Snapshot | None  # the newer of snapshot and seat state


_TAKE = (
    update(seats)
    .where(seats.c.learner_id == bindparam("seat"), seats.c.fence < bindparam("seat_fence", type_=Key))
    .values({name: bindparam(f"seat_{name}") for name in ("node", "device_id", "page_id")})
    .values(
        fence=bindparam("seat_fence", type_=Key), lesson_id=bindparam("seat_lesson", type_=Key),
        updated_ms=bindparam("seat_ms"), stored_facts=0,
    )
)  # fmt: skip


async def _take(conn, requests: Sequence[OpenSeat], answers: Answers) -> list[_Taken]:
    """Strictly greater, never equal: an equal fence is one that a Redis without memory handed out twice.

    Refusals go into `answers`. The rows are locked in key order when they are read, so what is decided here is
    what the update finds; a seat that nobody has used yet has the fence 0.
    """
    if not requests:
        return []
    rows = await _locked(conn, requests)
    if missing := [request for request in requests if request.learner_id not in rows]:
        await conn.execute(insert_new(conn.dialect.name, seats), [_unused(request) for request in missing])
        rows |= await _locked(conn, missing)
    taken, moves = [], []
    for request in requests:
        row = rows[request.learner_id]
        if not request.fence > row.fence:
            answers[request.learner_id] = SeatRefused(why="stale", stored_fence=row.fence, node=row.node)
            continue
        state = decode_snapshot(bytes(row.state))
        base = newer(request.snapshot, state if state.fence else None)
        taken.append(_Taken(request, row.stored_stretch, row.instruction_version, base))
        moves.append({
            "seat": request.learner_id, "seat_fence": request.fence, "seat_node": request.node,
            "seat_device_id": request.device_id, "seat_page_id": request.page_id, "seat_lesson": request.lesson_id,
            "seat_ms": request.at_ms,
        })  # fmt: skip
    if moves:
        await conn.execute(_TAKE, moves)
    return taken


_LOCK = (
    select(
        seats.c.learner_id, seats.c.fence, seats.c.node, seats.c.state, seats.c.stored_stretch,
        seats.c.instruction_version,
    )
    .where(seats.c.learner_id.in_(_LEARNERS))
    .order_by(seats.c.learner_id)
    .with_for_update()
)  # fmt: skip


async def _locked(conn, requests: Sequence[OpenSeat]) -> dict[int, Any]:
    found = await conn.execute(_LOCK, {"learners": [request.learner_id for request in requests]})
    return {row.learner_id: row for row in found.all()}


def _unused(request: OpenSeat) -> dict:
    """The row of a seat that nobody has used yet: fence 0 says so."""
    state = Snapshot(
        learner_id=request.learner_id, lesson_id=request.lesson_id, fence=0, seq=0, at_redis_ms=0, position_ms=0,
        playing=False, day="", day_used_ms=0, slack_ms=0, stretch=0, open_spans=(), open_from_redis_ms=0,
    )  # fmt: skip
    return {
        "learner_id": request.learner_id, "fence": 0, "node": request.node, "device_id": request.device_id,
        "page_id": request.page_id, "lesson_id": request.lesson_id, "state": encode_snapshot(state),
        "updated_ms": request.at_ms,
    }  # fmt: skip


# What was not stored yet.

_SETTLED = (
    update(seats)
    .where(seats.c.learner_id == bindparam("seat"))
    .values(stored_stretch=bindparam("seat_stretch"), state=bindparam("seat_state", type_=LargeBinary))
)


async def _settle(conn, taken: Sequence[_Taken]) -> dict[int, int]:
    """Stretches that snapshot or seat held beyond the ledger become facts of the lesson they name.

    Returns what was newly stored, in milliseconds by learner.
    """
    unstored = [(one, *stretch) for one in taken for stretch in _stretches(one)]
    places = [(one.request.learner_id, lesson_id) for one, _number, lesson_id, _spans, _day in unstored]
    coverages = await read_coverages(conn, places)
    facts: dict[int, list[Credited]] = defaultdict(list)
    for one, number, lesson_id, spans, day in unstored:
        covered, _provisional, _totals = coverages[one.request.learner_id, lesson_id]
        fresh: Spans = subtract(spans, covered)
        if fresh:
            facts[one.request.learner_id].append(_resumed(one, number, lesson_id, fresh, day))
    items = [
        SeatWrite(
            learner_id=one.request.learner_id, lesson_id=one.request.lesson_id, fence=one.request.fence, first=0,
            facts=tuple(facts[one.request.learner_id]), state=None,
        )
        for one in taken
        if one.request.learner_id in facts
    ]  # fmt: skip
    await store_items(conn, items, {one.request.learner_id: one.stored_stretch for one in taken})
    # The state goes with the number: a session that starts from an older state would number its stretches as if
    # they were stored already, and lose them.
    moves = [
        {
            "seat": one.request.learner_id, "seat_stretch": max(one.stored_stretch, one.base.stretch),
            "seat_state": encode_snapshot(one.base),
        }
        for one in taken
        if one.base is not None
    ]  # fmt: skip
    if moves:
        await conn.execute(_SETTLED, moves)
    if taken:
        known = [one.base.pending.check_id for one in taken if one.base is not None and one.base.pending is not None]
        await forget_checks(conn, [one.request.learner_id for one in taken], known, taken[0].request.at_ms)
    return {learner_id: sum(total(fact.spans) for fact in mine) for learner_id, mine in facts.items()}


def _stretches(one: _Taken) -> Iterable[tuple[int, int, Spans, str]]:
    """(number, lesson, spans, day) of what the base holds beyond the ledger."""
    base = one.base
    if base is None:
        return ()
    open_one = ((base.stretch, base.lesson_id, base.open_spans, base.day),) if base.open_spans else ()
    return [stretch for stretch in (*base.closed, *open_one) if stretch[0] > one.stored_stretch]


def _resumed(one: _Taken, number: int, lesson_id: int, spans: Spans, day: str) -> Credited:
    base = one.base
    assert base is not None
    is_open = number == base.stretch
    return Credited(
        lesson_id=lesson_id, at_ms=one.request.at_ms, cause="resume", stretch=number, spans=spans, day=day,
        from_at_ms=base.open_from_redis_ms if is_open else base.at_redis_ms, rule_version="settled",
        summary=BeatSummary(beats=0, gap_ms_max=0, frames=0),
    )  # fmt: skip


# What the session needs besides.


_DAY_USED = (
    select(ledger.c.learner_id, ledger.c.day, func.sum(ledger.c.to_ms - ledger.c.from_ms))
    .where(ledger.c.learner_id.in_(_LEARNERS), ledger.c.day.in_(bindparam("days", expanding=True)))
    .group_by(ledger.c.learner_id, ledger.c.day)
)


async def _day_used(conn, days: dict[int, str]) -> dict[tuple[int, str], int]:
    """Granted by learner and day. `days`: the local day of each learner."""
    found = await conn.execute(_DAY_USED, {"learners": list(days), "days": list(set(days.values()))})
    return {(learner_id, day): int(ms) for learner_id, day, ms in found.all()}


_REACHED = (
    select(ledger.c.learner_id, ledger.c.lesson_id, func.max(ledger.c.to_ms))
    .where(ledger.c.learner_id.in_(_LEARNERS), ledger.c.lesson_id.in_(_LESSONS))
    .group_by(ledger.c.learner_id, ledger.c.lesson_id)
)


async def _reached(conn, requests: Sequence[OpenSeat]) -> dict[tuple[int, int], int]:
    """End of the furthest span ever granted, by learner and lesson: withheld and void ones were reached, too."""
    lessons_of = list({request.lesson_id for request in requests})
    wanted = {"learners": [request.learner_id for request in requests], "lessons": lessons_of}
    return {(learner_id, lesson_id): ms for learner_id, lesson_id, ms in (await conn.execute(_REACHED, wanted)).all()}


_ENROLLED = approving.no_first_capture(_LEARNERS)  # the page must not promise that a check takes the photo
_CONSENTS = (
    select(consents.c.learner_id, consents.c.choice)
    .where(consents.c.learner_id.in_(_LEARNERS), consents.c.purpose == "face_check")
    .order_by(consents.c.id)
)


async def _consenting(conn, ids: Sequence[int]) -> set[int]:
    """Append-only: the newest choice holds."""
    newest = {learner_id: choice for learner_id, choice in (await conn.execute(_CONSENTS, {"learners": ids})).all()}
    return {learner_id for learner_id, choice in newest.items() if choice == "given"}
