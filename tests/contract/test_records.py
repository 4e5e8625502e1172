"""Records: what the port promises, in memory, on SQLite and PostgreSQL. The fence is the safety of the house."""

from __future__ import annotations

import itertools

from msgspec.structs import replace
from sqlalchemy import func, insert, select, update

from proctor.adapters.memory_records import MemoryRecords
from proctor.adapters.memory_tables import Account, Class, Institution, Lesson
from proctor.adapters.sql_records import SqlRecords
from proctor.core.facts import (
    BeatSummary,
    CheckDecided,
    CheckIssued,
    CheckKind,
    CheckWay,
    Completed,
    Credited,
    Flagged,
    FlagKind,
    Outcome,
    Reason,
    Refused,
    Spans,
    Status,
    decode,
)  # fmt: skip
from proctor.core.inputs import Licence, PendingCheck, Snapshot
from proctor.core.snapshot import encode_snapshot
from proctor.modules.accounts.tables import accounts, institutions
from proctor.modules.catalog.tables import lessons
from proctor.modules.privacy.tables import evidence
from proctor.modules.reviews.tables import case_causes, cases
from proctor.modules.study import ledger, queries
from proctor.modules.study.tables import checks, facts, rollups, seats
from proctor.ports import OpenSeat, SeatOpened, SeatRefused, SeatWrite
from tests.world import LESSON_MS, NOW_MS, World, build

DAY = "2026-09-21"


def request(world: World, fence: int, **changes) -> OpenSeat:
    values: dict = {
        "learner_id": world.learner, "lesson_id": world.lesson, "fence": fence, "node": "n", "device_id": "d",
        "page_id": "p", "resumed": False, "snapshot": None, "login_id": "", "account_version": 1, "at_ms": NOW_MS,
        "at_redis_ms": NOW_MS,
    }  # fmt: skip
    return OpenSeat(**{**values, **changes})


def credited(world: World, stretch: int, spans: Spans, lesson: int = 0) -> Credited:
    return Credited(
        lesson_id=lesson or world.lesson, at_ms=NOW_MS, cause="beat:1", stretch=stretch, spans=spans, day=DAY,
        from_at_ms=NOW_MS, rule_version="t", summary=BeatSummary(beats=1, gap_ms_max=0, frames=1),
    )  # fmt: skip


def decided(world: World, number: int, outcome: Outcome, *, review: bool = False) -> CheckDecided:
    return CheckDecided(
        lesson_id=world.lesson, at_ms=NOW_MS, cause=f"check:c{number}", check_id=f"c{world.learner}-{number}",
        number=number, kind=CheckKind.RANDOM, outcome=outcome, detail="dark", tries=1, review=review,
    )  # fmt: skip


numbers = itertools.count(0, 100)  # every write's facts follow those of the writes before it


def write(world: World, fence: int, *given, state: Snapshot | None = None, first: int | None = None) -> SeatWrite:
    return SeatWrite(
        learner_id=world.learner, lesson_id=world.lesson, fence=fence,
        first=next(numbers) if first is None else first, facts=tuple(given),
        state=encode_snapshot(state) if state else None, at_ms=state.at_redis_ms if state else 0,
        position_ms=state.position_ms if state else None,
    )  # fmt: skip


def snapshot(world: World, fence: int, seq: int, **changes) -> Snapshot:
    values: dict = {
        "learner_id": world.learner, "lesson_id": world.lesson, "fence": fence, "seq": seq, "at_redis_ms": NOW_MS,
        "position_ms": 9_000, "playing": True, "day": DAY, "day_used_ms": 0, "slack_ms": 0, "stretch": 1,
        "open_spans": (), "open_from_redis_ms": NOW_MS,
    }  # fmt: skip
    return Snapshot(**{**values, **changes})


def in_memory() -> tuple[World, MemoryRecords]:
    """The institution of `build` without a database."""
    records = MemoryRecords()
    found = records.directory
    found.institutions[1] = Institution()
    found.accounts = {number: Account(institution_id=1) for number in (11, 12)}
    found.lessons = {31: Lesson(course_id=21, duration_ms=LESSON_MS)}
    found.lessons[32] = Lesson(course_id=21, duration_ms=LESSON_MS, filed=False)
    found.classes[1] = Class(course_ids=(21,), roster={11, 12})
    ids = {"institution": 1, "learner": 11, "other_learner": 12, "course": 21, "lesson": 31, "unfiled": 32}
    return World(None, **ids), records


async def opened(db, fence: int = 1) -> tuple[World, SqlRecords | MemoryRecords]:
    """`db` None: the records in memory."""
    world, records = (await build(db), SqlRecords(db)) if db is not None else in_memory()
    (answer,) = await records.open_seats([request(world, fence)])
    assert isinstance(answer, SeatOpened), answer
    return world, records


async def test_only_a_strictly_newer_fence_opens_the_seat(either) -> None:
    world, records = await opened(either, 5)
    for fence in (4, 5):
        (answer,) = await records.open_seats([request(world, fence)])
        assert answer == SeatRefused(why="stale", stored_fence=5, node="n")
    (answer,) = await records.open_seats([request(world, 6)])
    assert isinstance(answer, SeatOpened)


async def test_a_write_under_another_fence_stores_nothing_at_all(either) -> None:
    world, records = await opened(either, 5)
    for fence in (4, 6):
        (answer,) = await records.write([write(world, fence, credited(world, 1, ((0, 9_000),)))])
        assert not answer.matched
    covered, _provisional, totals = await records.coverage(world.learner, world.lesson)
    assert covered == () and totals.provisional_ms == 0
    if either is None:
        assert records.facts == []
        return
    async with either.read() as conn:
        count = select(func.count()).select_from(facts).where(facts.c.learner_id == world.learner)
        assert (await conn.execute(count)).scalar_one() == 0


async def test_credit_is_stored_once_however_often_it_is_sent(either) -> None:
    world, records = await opened(either)
    item = write(world, 1, credited(world, 1, ((0, 9_000), (10_000, 12_000))))
    for _again in range(3):
        (answer,) = await records.write([item])
        assert answer.matched
    covered, _provisional, totals = await records.coverage(world.learner, world.lesson)
    assert covered == ((0, 9_000), (10_000, 12_000)) and totals.provisional_ms == 11_000
    if either is None:
        sums = records.rollups[world.learner, world.lesson, DAY]
        assert (sums[Status.PROVISIONAL], sums[Status.FINAL]) == (11_000, 0)
        return
    async with either.read() as conn:
        row = (await conn.execute(select(rollups).where(rollups.c.learner_id == world.learner))).one()
    assert (row.day, row.provisional_ms, row.final_ms) == (DAY, 11_000, 0)


async def test_a_decided_check_settles_what_is_provisional_in_all_lessons_and_nothing_else(either) -> None:
    world, records = await opened(either)
    await records.write([write(world, 1, credited(world, 1, ((0, 5_000),)), decided(world, 1, Outcome.UNCLEAR))])
    elsewhere = credited(world, 3, ((0, 700),), world.unfiled)
    await records.write([write(world, 1, credited(world, 2, ((5_000, 9_000),)), elsewhere)])
    await records.write([write(world, 1, decided(world, 2, Outcome.PASSED))])
    _covered, _provisional, totals = await records.coverage(world.learner, world.lesson)
    assert (totals.waiting_ms, totals.final_ms, totals.provisional_ms) == (5_000, 4_000, 0)
    _covered, _provisional, totals = await records.coverage(world.learner, world.unfiled)
    assert totals.final_ms == 700
    await records.write([write(world, 1, credited(world, 4, ((9_000, 10_000),)), decided(world, 3, Outcome.MISSED))])
    covered, _provisional, totals = await records.coverage(world.learner, world.lesson)
    assert totals.withheld_ms == 1_000 and covered == ((0, 9_000),)


async def test_what_the_snapshot_holds_beyond_the_ledger_is_settled_when_the_seat_opens(either) -> None:
    world, records = await opened(either)
    await records.write([write(world, 1, credited(world, 1, ((0, 4_000),)))])
    lost = snapshot(
        world, 1, 7, stretch=3, open_spans=((8_000, 9_000),),
        closed=((1, world.lesson, ((0, 4_000),), DAY), (2, world.lesson, ((4_000, 8_000),), DAY)),
    )  # fmt: skip
    (answer,) = await records.open_seats([request(world, 2, snapshot=lost, resumed=True)])
    assert isinstance(answer, SeatOpened)
    assert answer.settled_ms == 5_000 and answer.covered == ((0, 9_000),) and answer.day_used_ms == 9_000
    (again,) = await records.open_seats([request(world, 3, snapshot=lost, resumed=True)])
    assert isinstance(again, SeatOpened) and again.settled_ms == 0 and again.covered == ((0, 9_000),)


async def test_the_seat_s_own_state_starts_a_session_when_redis_lost_everything(either) -> None:
    world, records = await opened(either)
    state = snapshot(world, 1, 9, stretch=2, open_spans=((4_000, 6_000),))
    await records.write([write(world, 1, credited(world, 1, ((0, 4_000),)), state=state)])
    (answer,) = await records.open_seats([request(world, 2)])
    assert isinstance(answer, SeatOpened) and answer.base is not None
    assert answer.covered == ((0, 6_000),) and answer.settled_ms == 2_000 and answer.base.seq == 9


async def test_who_may_not_study_is_told_why(db) -> None:
    world, records = await opened(db)
    cases_ = [
        (request(world, 2, lesson_id=999_999), "no_lesson"),
        (request(world, 2, account_version=2), "account_changed"),
        (request(world, 2, login_id="nobody"), "login_ended"),
        (request(world, 2, learner_id=world.reviewer), "not_on_roster"),
    ]
    for asked, why in cases_:
        (answer,) = await records.open_seats([asked])
        assert isinstance(answer, SeatRefused) and answer.why == why
    async with db.write() as conn:
        await conn.execute(update(accounts).where(accounts.c.id == world.learner).values(status="blocked"))
    (answer,) = await records.open_seats([request(world, 2)])
    assert isinstance(answer, SeatRefused) and answer.why == "blocked"


async def test_an_unfiled_lesson_and_a_closed_class_earn_nothing_and_say_so(db) -> None:
    world, records = await opened(db)
    (answer,) = await records.open_seats([request(world, 2, lesson_id=world.unfiled)])
    assert isinstance(answer, SeatOpened) and answer.licence == Licence(earns=False, reason="unfiled")
    closed = await build(db, opens_ms=0, closes_ms=NOW_MS - 1)
    (answer,) = await records.open_seats([request(closed, 1)])
    ended = Licence(earns=False, reason="class_closed", until_redis_ms=NOW_MS - 1)
    assert isinstance(answer, SeatOpened) and answer.licence == ended


async def test_a_lesson_that_was_taken_down_says_until_when_it_earned(either) -> None:
    world, records = await opened(either)
    if either is None:
        records.directory.lessons[world.lesson].taken_down_ms = NOW_MS - 5
    else:
        async with either.write() as conn:
            await conn.execute(update(lessons).where(lessons.c.id == world.lesson).values(taken_down_ms=NOW_MS - 5))
    (answer,) = await records.open_seats([request(world, 2)])
    ended = Licence(earns=False, reason="unfiled", until_redis_ms=NOW_MS - 5)
    assert isinstance(answer, SeatOpened) and answer.licence == ended


async def test_a_case_holds_the_pictures_of_its_tries_and_not_the_photo_that_its_check_enrolled(db) -> None:
    """A photo that was taken at the check was held with the case, and deleted with it while it was in use."""
    world, records = await opened(db)
    check = f"c{world.learner}-1"
    async with db.write() as conn:
        for kind in ("burst", "enrolment"):
            row = {
                "id": f"{kind}{world.learner}", "institution_id": world.institution, "learner_id": world.learner,
                "kind": kind, "check_id": check, "sha256": "0" * 64, "created_ms": NOW_MS,
                "delete_after_ms": NOW_MS + 1_000,
            }  # fmt: skip
            await conn.execute(insert(evidence).values(**row))
    await records.write([write(world, 1, decided(world, 1, Outcome.UNCLEAR, review=True))])
    async with db.read() as conn:
        mine = select(evidence.c.kind, evidence.c.held).where(evidence.c.check_id == check)
        assert dict(tuple(row) for row in (await conn.execute(mine)).all()) == {"burst": True, "enrolment": False}


async def test_a_check_for_people_opens_one_case_and_more_of_the_same_joins_it(db) -> None:
    world, records = await opened(db)
    issued = CheckIssued(
        lesson_id=world.lesson, at_ms=NOW_MS, cause="tick", check_id=f"c{world.learner}-1", number=1,
        kind=CheckKind.START, nonce="n", window_ms=60_000,
    )  # fmt: skip
    await records.write([write(world, 1, issued, decided(world, 1, Outcome.UNCLEAR, review=True))])
    await records.write([write(world, 1, decided(world, 2, Outcome.UNCLEAR, review=True))])
    async with db.read() as conn:
        case = (await conn.execute(select(cases).where(cases.c.learner_id == world.learner))).one()
        causes = (await conn.execute(select(case_causes).where(case_causes.c.case_id == case.id))).all()
        check = (await conn.execute(select(checks).where(checks.c.learner_id == world.learner))).one()
    assert (case.kind, case.status, case.version, len(causes)) == ("unclear", "open", 2, 2)
    assert (check.outcome, check.kind, check.tries) == ("unclear", "start", 1)


async def test_a_check_stands_in_the_record_with_the_way_by_which_it_went_on(either) -> None:
    """Reports name it; a check that goes on in another way stays one check."""
    world, records = await opened(either)
    id_ = f"c{world.learner}-1"
    issued = CheckIssued(
        lesson_id=world.lesson, at_ms=NOW_MS, cause="tick", check_id=id_, number=1, kind=CheckKind.START, nonce="n",
        window_ms=60_000, way=CheckWay.ACTIVE,
    )  # fmt: skip

    async def ways() -> list[tuple[str, str]]:
        if either is None:
            return [(row.way, row.outcome) for row in records.checks.values() if row.learner_id == world.learner]
        async with either.read() as conn:
            found = await conn.execute(
                select(checks.c.way, checks.c.outcome).where(checks.c.learner_id == world.learner)
            )
            return [tuple(row) for row in found.all()]

    await records.write([write(world, 1, issued)])
    assert await ways() == [("active", "pending")]
    await records.write([write(world, 1, replace(issued, reissued=True, window_ms=9_000, way=CheckWay.CODE))])
    assert await ways() == [("code", "pending")]
    await records.write([write(world, 1, replace(decided(world, 1, Outcome.PASSED), way=CheckWay.CODE))])
    assert await ways() == [("code", "passed")]


async def test_a_check_whose_ending_died_with_its_gateway_is_pending_no_longer_when_a_seat_opens(either) -> None:
    """The next check put an end to it; a lesson that was over had none."""
    world, records = await opened(either)
    id_ = f"c{world.learner}-1"
    issued = CheckIssued(
        lesson_id=world.lesson, at_ms=NOW_MS, cause="tick", check_id=id_, number=1, kind=CheckKind.END, nonce="n",
        window_ms=60_000,
    )  # fmt: skip
    pending = PendingCheck(
        check_id=id_, number=1, kind=CheckKind.END, nonce="n", left_ms=60_000, at_redis_ms=NOW_MS
    )
    await records.write([write(world, 1, issued, state=snapshot(world, 1, 2, pending=pending))])

    async def outcome() -> str:
        if either is None:
            return records.checks[id_].outcome
        async with either.read() as conn:
            return (await conn.execute(select(checks.c.outcome).where(checks.c.id == id_))).scalar_one()

    await records.open_seats([request(world, 2)])
    assert await outcome() == "pending", "the seat's state knows it"
    await records.open_seats([request(world, 3, snapshot=snapshot(world, 2, 3, decided_number=1))])
    assert await outcome() == "cancelled"


async def test_pages_read_the_open_stretch_of_the_seat_as_provisional(db) -> None:
    world, records = await opened(db)
    state = snapshot(world, 1, 9, stretch=2, open_spans=((4_000, 6_000),))
    refused = Refused(
        lesson_id=world.lesson, at_ms=NOW_MS, cause="beat:1", from_ms=6_000, to_ms=8_000, ms=2_000, reason="hidden",
        from_at_ms=NOW_MS, beats=2,
    )  # fmt: skip
    done = Completed(lesson_id=world.lesson, at_ms=NOW_MS, cause="beat:1")
    await records.write([write(world, 1, credited(world, 1, ((0, 4_000),)), refused, done, state=state)])
    async with db.read() as conn:
        record = await queries.lesson_record(conn, world.learner, world.lesson)
        progress = await queries.progress(conn, world.learner)
        days = await queries.days(conn, world.learner, world.institution)
        whole = await queries.totals(conn, world.learner)
        used = await queries.granted_on_day(conn, world.learner, DAY)
        elsewhere = await queries.days(conn, world.learner, world.institution + 1)
    assert record.totals.provisional_ms == 6_000 and record.completed
    assert [(row.from_ms, row.to_ms) for row in record.ledger] == [(0, 4_000), (4_000, 6_000)]
    assert [(run.from_ms, run.to_ms, run.reason) for run in record.refused] == [(6_000, 8_000, "hidden")]
    assert progress[world.lesson].totals == days[0].totals == whole and used == 6_000
    assert elsewhere == []


async def test_instructions_grow_by_one_and_a_seat_write_tells_the_newest(either) -> None:
    from proctor.modules.study.ledger import next_instruction

    world, records = await opened(either)
    for _n in range(2):
        if either is None:
            records.instruct(world.learner, "void", world.lesson, ((0, 5),))
            continue
        async with either.write() as conn:
            await next_instruction(
                conn, learner_id=world.learner, action="void", lesson_id=world.lesson, spans=((0, 5),), now_ms=NOW_MS
            )
    (answer,) = await records.write([write(world, 1)])
    assert answer.instruction_version == 2
    found = await records.instructions(world.learner, 1)
    assert [(one.version, one.action, one.spans) for one in found] == [(2, "void", ((0, 5),))]


async def test_the_order_of_items_of_one_learner_is_kept_and_learners_do_not_touch_each_other(either) -> None:
    world, records = await opened(either)
    other = World(either, learner=world.other_learner, lesson=world.lesson)
    await records.open_seats([request(other, 3)])
    answers = await records.write([
        write(other, 3, credited(other, 1, ((0, 1_000),))),
        write(world, 1, credited(world, 1, ((0, 2_000),))),
        write(other, 2, credited(other, 2, ((1_000, 2_000),))),
        write(world, 1, decided(world, 1, Outcome.PASSED)),
    ])  # fmt: skip
    assert [answer.matched for answer in answers] == [True, True, False, True]
    _covered, _provisional, mine = await records.coverage(world.learner, world.lesson)
    _covered, _provisional, theirs = await records.coverage(other.learner, world.lesson)
    assert (mine.final_ms, theirs.provisional_ms) == (2_000, 1_000)


async def test_a_new_seat_row_has_no_state_of_its_own(db) -> None:
    world, _records = await opened(db)
    async with db.read() as conn:
        row = (await conn.execute(select(seats).where(seats.c.learner_id == world.learner))).one()
    assert (row.fence, row.stored_stretch, row.instruction_version) == (1, 0, 0)


async def test_a_session_after_a_settled_one_never_numbers_its_stretches_as_stored_already(either) -> None:
    """Credit was lost silently: settling raised the seat's number but left its older state, from which the next
    session counted on when Redis had lost everything; its stretches looked as if they were stored."""
    world, records = await opened(either)
    lost = snapshot(world, 1, 7, stretch=3, open_spans=((8_000, 9_000),))
    await records.open_seats([request(world, 2, snapshot=lost, resumed=True)])
    (answer,) = await records.open_seats([request(world, 3)])
    assert isinstance(answer, SeatOpened) and answer.base is not None
    number = answer.base.stretch + 1
    await records.write([write(world, 3, credited(world, number, ((20_000, 21_000),)))])
    covered, _provisional, _totals = await records.coverage(world.learner, world.lesson)
    assert covered == ((8_000, 9_000), (20_000, 21_000))


async def test_a_check_that_is_sent_again_settles_nothing_that_came_after_it(either) -> None:
    """The commit was done and its answer lost: the journal sent the missed check again, in one batch with credit
    that was earned after it, and that credit was withheld."""
    world, records = await opened(either)
    first = (credited(world, 1, ((0, 5_000),)), decided(world, 1, Outcome.MISSED))
    await records.write([write(world, 1, *first, first=0)])
    await records.write([write(world, 1, *first, credited(world, 2, ((10_000, 14_000),)), first=0)])
    _covered, _provisional, totals = await records.coverage(world.learner, world.lesson)
    assert (totals.withheld_ms, totals.provisional_ms) == (5_000, 4_000)


def hidden(world: World, from_ms: int) -> Refused:
    return Refused(
        lesson_id=world.lesson, at_ms=NOW_MS, cause="beat:1", from_ms=from_ms, to_ms=from_ms + 2_000, ms=2_000,
        reason=Reason.HIDDEN, from_at_ms=NOW_MS, beats=1,
    )  # fmt: skip


def flagged(world: World, detail: str) -> Flagged:
    return Flagged(
        lesson_id=world.lesson, at_ms=NOW_MS, cause="beat:1", flag=FlagKind.NO_FRAMES, score=90, detail=detail
    )


async def told(either, world: World, records) -> tuple[list, list[tuple[int, list[str]]]]:
    """Refused milliseconds in their order, and of every case its version and what its causes say."""
    if either is None:
        found = [fact for who, _fence, fact in records.facts if who == world.learner and isinstance(fact, Refused)]
        return [fact.ms for fact in found], [(case.version, case.causes) for case in records.cases]
    async with either.read() as conn:
        mine = select(facts.c.body).where(facts.c.learner_id == world.learner, facts.c.kind == "refused")
        bodies = (await conn.execute(mine.order_by(facts.c.id))).scalars().all()
        mine = select(cases.c.id, cases.c.version).where(cases.c.learner_id == world.learner)
        found = (await conn.execute(mine.order_by(cases.c.id))).all()
        causes = select(case_causes.c.case_id, case_causes.c.cause).order_by(case_causes.c.id)
        said = (await conn.execute(causes.where(case_causes.c.case_id.in_([id_ for id_, _version in found])))).all()
    return [decode(body).ms for body in bodies], [
        (version, [cause for case_id, cause in said if case_id == id_]) for id_, version in found
    ]


async def test_refusals_and_flags_that_are_sent_again_stand_once(either) -> None:
    """The commit was done and its answer lost. What was sent again with all that had come since stood twice, and
    the case's version moved without a cause: the reviewer's decision met a conflict that nobody had made."""
    world, records = await opened(either)
    sent = (hidden(world, 0), flagged(world, "first"))
    await records.write([write(world, 1, *sent, first=0)])
    before = await told(either, world, records)
    await records.write([write(world, 1, *sent, first=0)])
    assert await told(either, world, records) == before
    (answer,) = await records.write([write(world, 1, *sent, hidden(world, 5_000), first=0)])
    assert answer.matched
    refused, ((version, causes),) = await told(either, world, records)
    assert refused == [2_000, 2_000] and (version, len(causes)) == (1, 1)
    await records.write([write(world, 1, flagged(world, "second"), first=3)])
    refused, ((version, causes),) = await told(either, world, records)
    assert refused == [2_000, 2_000] and (version, len(causes)) == (2, 2)


async def test_a_new_session_numbers_its_facts_from_the_start(either) -> None:
    world, records = await opened(either)
    await records.write([write(world, 1, hidden(world, 0), hidden(world, 2_000), first=0)])
    await records.open_seats([request(world, 2)])
    await records.write([write(world, 2, hidden(world, 4_000), first=0)])
    assert (await told(either, world, records))[0] == [4_000, 2_000], "one run by session"


async def test_what_people_gave_back_while_it_was_watched_again_is_paid_once(either) -> None:
    world, records = await opened(either)
    await records.write([write(world, 1, credited(world, 1, ((0, 9_000),)), decided(world, 1, Outcome.MISSED))])
    if either is None:
        records.decide(world.learner, world.lesson, "restore", ((2_000, 4_000),), 1, NOW_MS)
    else:
        async with either.write() as conn:
            await ledger.change_status(
                conn, learner_id=world.learner, lesson_id=world.lesson, spans=((2_000, 4_000),), action="restore",
                decision_id=1, now_ms=NOW_MS,
            )  # fmt: skip
    await records.write([write(world, 1, credited(world, 2, ((0, 6_000),)))])
    covered, _provisional, totals = await records.coverage(world.learner, world.lesson)
    assert covered == ((0, 6_000),) and (totals.final_ms, totals.provisional_ms) == (2_000, 4_000)


async def test_the_day_is_that_of_the_institution_s_zone(either) -> None:
    """Between 00:00 in Shanghai and 00:00 in Urumqi the cap of the running day was read from the next one."""
    world, records = await opened(either)
    if either is None:
        records.directory.institutions[world.institution].zone = "Asia/Urumqi"
    else:
        async with either.write() as conn:
            where = institutions.c.id == world.institution
            await conn.execute(update(institutions).where(where).values(zone="Asia/Urumqi"))
    await records.write([write(world, 1, credited(world, 1, ((0, 9_000),)))])
    night_ms = 1_790_006_400_000 + 3_600_000  # 01:00 of the 22nd in Shanghai, 23:00 of the 21st in Urumqi
    (answer,) = await records.open_seats([request(world, 2, at_redis_ms=night_ms)])
    assert isinstance(answer, SeatOpened) and (answer.day, answer.day_used_ms) == (DAY, 9_000)


async def test_a_seat_says_how_far_the_lesson_was_reached_whatever_became_of_it(either) -> None:
    world, records = await opened(either)
    await records.write([write(world, 1, credited(world, 1, ((0, 9_000),)), decided(world, 1, Outcome.MISSED))])
    (answer,) = await records.open_seats([request(world, 2)])
    assert isinstance(answer, SeatOpened) and answer.covered == () and answer.reached_ms == 9_000


async def test_a_check_that_nobody_knows_any_more_does_not_stay_pending(either) -> None:
    world, records = await opened(either)
    for number in (1, 2):
        issued = CheckIssued(
            lesson_id=world.lesson, at_ms=NOW_MS, cause="tick", check_id=f"c{world.learner}-{number}", number=number,
            kind=CheckKind.START, nonce="n", window_ms=60_000,
        )  # fmt: skip
        await records.write([write(world, 1, issued)])
    if either is None:
        assert [row.outcome for row in records.checks.values()] == ["cancelled", "pending"]
        return
    async with either.read() as conn:
        found = select(checks.c.outcome).where(checks.c.learner_id == world.learner).order_by(checks.c.number)
        assert (await conn.execute(found)).scalars().all() == ["cancelled", "pending"]
