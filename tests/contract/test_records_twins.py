"""Records in memory and in SQL are given the same random life of one learner and must answer the same, always."""

from __future__ import annotations

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from proctor.adapters.memory_records import MemoryRecords
from proctor.adapters.memory_tables import Account, Class, Institution, Lesson
from proctor.adapters.sql_records import SqlRecords
from proctor.core.facts import Completed, Decided, Outcome
from proctor.modules.catalog.tables import classes
from proctor.modules.study import ledger as study
from tests.contract.test_records import credited, decided, flagged, request, snapshot, told, write
from tests.world import LESSON_MS, NOW_MS, World, build

OUTCOMES = [outcome for outcome in Outcome if outcome is not Outcome.OUR_FAULT]
seconds = st.integers(0, 30)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.integers(0, 2), st.booleans(), st.booleans()),
        st.tuples(st.just("credit"), st.integers(-1, 1), st.booleans(), seconds, st.integers(1, 9)),
        st.tuples(st.just("state"), seconds, st.integers(1, 9)),
        st.tuples(st.just("check"), st.sampled_from(OUTCOMES), st.booleans()),
        st.tuples(st.just("done")),
        st.tuples(st.just("again"), st.booleans()),
        st.tuples(st.sampled_from(["accept", "void", "restore"]), seconds, st.integers(1, 12)),
        st.tuples(st.sampled_from(["stranger", "other account", "no lesson"])),
    ),
    min_size=4,
    max_size=16,
)


async def twin(world: World) -> MemoryRecords:
    """The same institution in memory, under the same ids."""
    memory = MemoryRecords()
    directory = memory.directory
    directory.institutions[world.institution] = Institution()
    directory.lessons[world.lesson] = Lesson(course_id=world.course, duration_ms=LESSON_MS)
    directory.lessons[world.unfiled] = Lesson(course_id=world.course, duration_ms=LESSON_MS, filed=False)
    async with world.db.read() as conn:
        mine = select(classes.c.id).where(classes.c.institution_id == world.institution)
        class_id = (await conn.execute(mine)).scalar_one()
    for account in (world.learner, world.other_learner, world.reviewer):
        directory.accounts[account] = Account(institution_id=world.institution, face_consent=False, enrolled=False)
    directory.classes[class_id] = Class(
        course_ids=(world.course,), roster={world.learner, world.other_learner}, closes_ms=2 * NOW_MS
    )
    return memory


class Life:
    """Turns steps into calls. Numbers grow as a session's do; what differs is only who is asked."""

    def __init__(self, world: World, sql: SqlRecords, memory: MemoryRecords) -> None:
        self.world, self.sql, self.memory = world, sql, memory
        self.fence = self.stretch = self.number = self.seq = 0
        self.known = None
        self.sent = write(world, 0)

    async def both(self, call) -> None:
        left, right = await call(self.sql), await call(self.memory)
        assert left == right

    async def write(self, fence: int, *given) -> None:
        self.sent = write(self.world, fence, *given)
        await self.both(lambda one: one.write([self.sent]))

    async def again(self, *more) -> None:
        """The answer was lost: the same once more, with what has come since."""
        self.sent = msgspec.structs.replace(self.sent, facts=(*self.sent.facts, *more))
        await self.both(lambda one: one.write([self.sent]))

    async def step(self, step: tuple) -> None:
        world = self.world
        if step[0] == "open":
            self.fence += step[1]
            lesson = world.unfiled if step[3] else world.lesson
            asked = request(world, self.fence, snapshot=self.known if step[2] else None, lesson_id=lesson)
            await self.both(lambda one: one.open_seats([asked]))
        elif step[0] == "credit":
            self.stretch += 1
            spans = ((step[3] * 1_000, (step[3] + step[4]) * 1_000),)
            fact = credited(world, self.stretch, spans, world.unfiled if step[2] else 0)
            await self.write(self.fence + step[1], fact)
        elif step[0] == "state":
            self.seq += 1
            self.known = snapshot(
                world, self.fence, self.seq, stretch=self.stretch + 1,
                open_spans=((step[1] * 1_000, (step[1] + step[2]) * 1_000),),
            )  # fmt: skip
            item = write(world, self.fence, state=self.known)
            await self.both(lambda one: one.write([item]))
        elif step[0] == "check":
            self.number += 1
            await self.write(self.fence, decided(world, self.number, step[1], review=step[2]))
        elif step[0] == "done":
            await self.write(self.fence, Completed(lesson_id=world.lesson, at_ms=NOW_MS, cause="beat:1"))
        elif step[0] == "again":
            await self.again(*[flagged(world, "late")] * step[1])
        elif step[0] in ("accept", "void", "restore"):
            await self.decide(step[0], ((step[1] * 1_000, (step[1] + step[2]) * 1_000),))
        else:
            changes = {
                "stranger": {"learner_id": world.reviewer}, "other account": {"account_version": 9},
                "no lesson": {"lesson_id": 999_999},
            }[step[0]]  # fmt: skip
            await self.both(lambda one: one.open_seats([request(world, self.fence + 1, **changes)]))
        assert await told(world.db, world, self.sql) == await told(None, world, self.memory)
        for lesson in (world.lesson, world.unfiled):
            await self.both(lambda one, lesson=lesson: one.coverage(world.learner, lesson))
        await self.both(lambda one: one.instructions(world.learner, 0))

    async def decide(self, action, spans) -> None:
        world = self.world
        who = {"learner_id": world.learner, "lesson_id": world.lesson}
        async with world.db.write() as conn:
            fact = Decided(
                lesson_id=world.lesson, at_ms=NOW_MS, cause="decision:1", action=action, spans=spans, decision_id=1
            )
            await study.change_status(conn, **who, spans=spans, action=action, decision_id=1, now_ms=NOW_MS)
            await study.insert_fact(conn, learner_id=world.learner, fence=0, fact=fact)
            await study.next_instruction(conn, **who, action=action, spans=spans, decision_id=1, now_ms=NOW_MS)
        self.memory.decide(world.learner, world.lesson, action, spans, 1, NOW_MS)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
async def test_memory_and_sql_answer_the_same_whatever_happens(db, steps) -> None:
    world = await build(db)
    life = Life(world, SqlRecords(db), await twin(world))
    await life.step(("open", 1, False, False))
    for step in steps:
        await life.step(step)
