"""How many persons' faces are stored, what each level brings, and a register that forgets no table."""

from __future__ import annotations

import json
from datetime import date

import pytest
from sqlalchemy import delete, insert, select, update

from proctor.errors import Refused
from proctor.modules.audit.tables import audit
from proctor.modules.privacy import assessment, counting, register
from proctor.modules.privacy.clocks import CLOCKS, DAY_MS, Times, words
from proctor.modules.privacy.tables import enrolments, evidence, face_traces, filings
from proctor.modules.schema import metadata
from tests.modules.test_privacy import choose, keep
from tests.world import NOW_MS, World

TIMES = Times(keep_ms=3_600_000, case_ms=730 * DAY_MS, trace_ms=180 * DAY_MS)


async def here(world: World) -> int:
    async with world.db.read() as conn:
        return (await counting.stored_persons(conn)).get(world.institution, 0)


async def test_a_person_counts_once_for_whatever_is_stored_and_no_more_when_it_is_gone(world: World) -> None:
    assert await here(world) == 0
    first, second = await keep(world, "a"), await keep(world, "b")
    async with world.db.write() as conn:
        row = {"learner_id": world.learner, "evidence_id": first, "source": "id_photo", "created_ms": NOW_MS}
        await conn.execute(insert(enrolments).values(**row))
        trace = {"learner_id": world.other_learner, "check_id": f"c{world.learner}", "try_number": 1, "model": "m"}
        await conn.execute(insert(face_traces).values(**trace, sealed=b"x", at_ms=NOW_MS))
    assert await here(world) == 2
    async with world.db.write() as conn:
        await conn.execute(update(evidence).where(evidence.c.id.in_((first, second))).values(deleted_ms=NOW_MS))
    assert await here(world) == 2, "the enrolment is there still"
    async with world.db.write() as conn:
        await conn.execute(delete(enrolments).where(enrolments.c.learner_id == world.learner))
        await conn.execute(delete(face_traces).where(face_traces.c.learner_id == world.other_learner))
    assert await here(world) == 0


@pytest.fixture
async def levels(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int, int]:
    """The levels in small: one, two and three persons more than other tests left in this database."""
    async with world.db.write() as conn:
        await conn.execute(delete(filings))
        before = sum((await counting.stored_persons(conn)).values())
    small = (before + 1, before + 2, before + 3)
    monkeypatch.setattr(counting, "LEVELS", small)
    return small


async def store(world: World, count: int) -> None:
    """Faces of the first `count` people of this institution, and of nobody else in it."""
    who = (world.learner, world.other_learner, world.reviewer)
    async with world.db.write() as conn:
        await conn.execute(delete(enrolments).where(enrolments.c.learner_id.in_(who)))
        for one in who[:count]:
            row = {"learner_id": one, "evidence_id": "", "source": "id_photo", "created_ms": NOW_MS}
            await conn.execute(insert(enrolments).values(**row))


async def test_each_level_warns_once_and_the_last_one_brings_the_duty_to_file(world: World, levels) -> None:
    for count in (0, 1, 1, 2, 3, 3):
        await store(world, count)
        await counting.watch(world.db, NOW_MS)
    async with world.db.read() as conn:
        found = await counting.filings_of(conn)
        told = select(audit.c.object).where(
            audit.c.institution_id == world.institution, audit.c.action == "system:faces:level"
        )
        assert (await conn.execute(told)).scalars().all() == [f"level:{level}" for level in levels]
    assert [one.level for one in found] == list(reversed(levels))
    assert [bool(one.due_day) for one in found] == [True, False, False]
    assert found[0].due_day == "2026-11-02", "30 days from Monday to Friday after 2026-09-21"
    await store(world, 1)
    await counting.watch(world.db, NOW_MS + 1)
    async with world.db.read() as conn:
        assert [one.cleared_ms for one in await counting.filings_of(conn)] == [NOW_MS + 1, NOW_MS + 1, None]
    await store(world, 2)
    await counting.watch(world.db, NOW_MS + 2)
    async with world.db.read() as conn:
        assert len(await counting.filings_of(conn)) == 4, "reached again is a story of its own"
    await store(world, 0)


async def test_a_filing_is_entered_once_with_its_number(world: World, levels) -> None:
    await store(world, 3)
    await counting.watch(world.db, NOW_MS)
    async with world.db.read() as conn:
        last, middle, _first = await counting.filings_of(conn)

    async def filed(one: int, reference: str) -> None:
        await counting.filed(
            world.db, institution_id=world.institution, account_id=world.reviewer, filing_id=one, reference=reference,
            now_ms=NOW_MS,
        )  # fmt: skip

    with pytest.raises(Refused, match="field_wrong"):
        await filed(last.id, "")
    with pytest.raises(Refused, match="not_found"):
        await filed(middle.id, "网信备 1 号")
    await filed(last.id, "网信备 1 号")
    with pytest.raises(Refused, match="not_found"):
        await filed(last.id, "网信备 2 号")
    async with world.db.read() as conn:
        assert (await counting.filings_of(conn))[0].reference == "网信备 1 号"
    await store(world, 0)


def test_levels_and_working_days() -> None:
    assert counting.LEVELS == (80_000, 90_000, 100_000)
    counts = [0, 79_999, 80_000, 99_999, 100_000, 10**7]
    assert [counting.level_of(count) for count in counts] == [0, 0, 80_000, 90_000, 100_000, 100_000]
    friday = date(2026, 11, 27)
    assert counting.working_day(friday, 1) == date(2026, 11, 30) and counting.working_day(friday, 5).weekday() == 4
    assert counting.working_day(friday, 30) == date(2027, 1, 8)


async def test_choices_are_counted_by_the_newest_word(world: World, inbox) -> None:
    await choose(world, inbox, "given")
    await choose(world, inbox, "withdrawn")
    async with world.db.read() as conn:
        found = await counting.choices_of(conn, world.institution)
    assert found.learners == 2 and found.face == {"withdrawn": 1, "": 1} and found.province == {"": 2}


def test_every_table_that_speaks_of_people_is_in_the_register_and_every_clock_is_explained() -> None:
    assert register.unregistered() == []
    for activity in register.ACTIVITIES:
        assert set(activity.tables) <= set(metadata.tables) and (activity.keep or activity.clocks), activity.name
        assert set(activity.clocks) <= {clock.key for clock in CLOCKS}
    said = {key for activity in register.ACTIVITIES for key in activity.clocks} | {"left_over"}
    assert {clock.key for clock in CLOCKS} == said
    assert all("%(" not in clock.until % words(TIMES) for clock in CLOCKS)


async def test_the_register_and_the_draft_tell_of_this_institution_and_no_other(
    world: World, there: World, inbox
) -> None:
    await choose(world, inbox, "given")
    await keep(world, "r")
    async with world.db.read() as conn:
        entries = await register.entries(conn, TIMES, world.institution)
        others = await register.entries(conn, TIMES, there.institution)
        choices = await counting.choices_of(conn, world.institution)
    rows = {name: count for entry in entries for name, count in entry.rows.items()}
    assert (rows["accounts"], rows["consents"], rows["evidence"]) == (4, 1, 1) and rows["notices"] is None
    assert {name: count for entry in others for name, count in entry.rows.items()}["evidence"] == 0
    text = register.markdown("某校", "2026-11-25", entries)
    assert "accounts.id_number_sealed" in text and "evidence 1" in text and "未登记" not in text
    assert json.loads(register.as_json(entries))[0]["activity"]["name"] == "账号与实名"
    draft = assessment.markdown(
        assessment.Facts(
            institution="某校", day="2026-11-25", stored_here=1, stored_total=7, choices=choices, cipher="SM4-GCM",
            key_version=3, model="sface", accept=0.45, grey=0.36, measured=True,
            persons_to_void=2, duties=0, entries=entries, times=TIMES,
        )
    )  # fmt: skip
    contents = ("合法性、正当性、必要性", "影响及安全风险", "保护措施")
    for part in (*contents, "SM4-GCM", "主密钥第 3 版", "同意 1 人", "全平台 7 人"):
        assert part in draft, part
