"""What may be kept of whose face: consent as the newest word, and evidence with its timer."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from sqlalchemy import insert, select, update

from proctor.adapters.evidence_files import FileEvidence
from proctor.adapters.face_keys import SqlFaceKeys
from proctor.adapters.sql_faces import SqlFaces
from proctor.modules.privacy import retaining
from proctor.modules.privacy import service as privacy
from proctor.modules.privacy.clocks import DAY_MS, Times
from proctor.modules.privacy.tables import enrolments, evidence
from proctor.modules.study.tables import instructions
from proctor.ports import FaceJob
from tests.modules.conftest import GoneInbox, in_line
from tests.modules.studies import study
from tests.world import NOW_MS, World, vault

NOTICE = privacy.Notice(version="1", lang="zh-CN", body="<p>文本</p>")
TIMES = Times(keep_ms=3_600_000, case_ms=730 * DAY_MS, trace_ms=180 * DAY_MS)


async def choose(world: World, inbox, choice: str) -> None:
    await privacy.choose(
        world.db, vault(), inbox, institution_id=world.institution, learner_id=world.learner, choice=choice,
        notice=NOTICE, now_ms=NOW_MS,
    )  # fmt: skip


async def keep(world: World, mark: str, *, held: bool = False, after_ms: int = NOW_MS + 1_000) -> str:
    evidence_id = f"{mark}-{world.learner}"
    async with world.db.write() as conn:
        await privacy.register_evidence(
            conn, evidence_id=evidence_id, institution_id=world.institution, learner_id=world.learner, kind="burst",
            check_id="c", sha256="0" * 64, now_ms=NOW_MS, delete_after_ms=after_ms,
        )  # fmt: skip
        await conn.execute(update(evidence).where(evidence.c.id == evidence_id).values(held=held))
    return evidence_id


async def due(world: World, now_ms: int) -> set[str]:
    async with world.db.read() as conn:
        found = await retaining.due_evidence(conn, now_ms, TIMES, limit=1_000)
    return {one for one in found if one.endswith(f"-{world.learner}")}


async def test_nobody_has_agreed_before_they_were_asked_and_the_newest_word_holds(world: World, inbox) -> None:
    said = ["given", "given", "withdrawn", "given", "refused"]
    async with world.db.read() as conn:
        assert await privacy.newest_choice(conn, world.learner) == "" and not await privacy.face_consent(conn, 0)
    for choice in said:
        await choose(world, inbox, choice)
        async with world.db.read() as conn:
            assert await privacy.newest_choice(conn, world.learner) == choice
            assert await privacy.face_consent(conn, world.learner) is (choice == "given")
    async with world.db.read() as conn:
        history = await privacy.consent_history(conn, world.learner)
    assert [row.choice for row in history] == ["refused", "given", "withdrawn", "given"], "said twice is said once"


@pytest.mark.parametrize("choice", ["withdrawn", "refused"])
async def test_taking_consent_back_deletes_the_template_and_lets_pictures_go_that_no_case_needs(
    world: World, inbox, choice: str
) -> None:
    await choose(world, inbox, "given")
    free, held = await keep(world, "free", after_ms=NOW_MS + DAY_MS), await keep(world, "held", held=True)
    async with world.db.write() as conn:
        await conn.execute(
            insert(enrolments).values(
                learner_id=world.learner, model="m", template_sealed=b"t", evidence_id=free, source="first_capture",
                created_ms=NOW_MS,
            )
        )  # fmt: skip
    await study(world.db, world)
    await choose(world, inbox, choice)
    assert await due(world, NOW_MS) == {free} and held not in await due(world, NOW_MS + DAY_MS)
    async with world.db.read() as conn:
        mine = enrolments.c.learner_id == world.learner
        assert (await conn.execute(select(enrolments).where(mine))).first() is None
        told = select(instructions.c.body).where(instructions.c.learner_id == world.learner)
        assert ["consent_withdrawn" in body for body in (await conn.execute(told)).scalars()] == [True]


async def test_evidence_is_due_by_its_timer_and_that_of_a_case_by_its_age(world: World) -> None:
    free, held = await keep(world, "free"), await keep(world, "held", held=True)
    assert await due(world, NOW_MS + 999) == set()
    assert await due(world, NOW_MS + 1_000) == {free}
    assert await due(world, NOW_MS + 730 * DAY_MS - 1) == {free}
    assert await due(world, NOW_MS + 730 * DAY_MS) == {free, held}
    async with world.db.write() as conn:
        await retaining.evidence_deleted(conn, {free: "time"}, NOW_MS + 2_000)
    assert await due(world, NOW_MS + 2_000) == set()
    async with world.db.read() as conn:
        row = (await conn.execute(select(evidence).where(evidence.c.id == free))).one()
    assert row.deleted_ms == NOW_MS + 2_000, "the register remembers that it was there"


async def test_a_choice_stands_when_nobody_can_be_told_of_it_now(world: World, inbox) -> None:
    await study(world.db, world)
    await choose(world, inbox, "given")
    await choose(world, GoneInbox(), "withdrawn")
    async with world.db.read() as conn:
        assert await privacy.newest_choice(conn, world.learner) == "withdrawn"


@pytest.mark.parametrize("sql_url", ["postgresql"], indirect=True)
async def test_no_face_is_kept_of_whoever_withdraws_while_it_is_stored(world: World, inbox, tmp_path) -> None:
    """The enrolment has seen the consent and is not committed yet when the withdrawal comes."""
    await study(world.db, world)
    await choose(world, inbox, "given")
    keys = SqlFaceKeys(world.db, vault())
    faces = SqlFaces(world.db, keys, FileEvidence(tmp_path, keys))
    job = FaceJob(
        check_id="c", try_number=1, learner_id=world.learner, institution_id=world.institution,
        lesson_id=world.lesson, evidence_id="e" * 32, enrol=True, source="camera", accepted_redis_ms=NOW_MS,
    )  # fmt: skip
    row = {
        "learner_id": world.learner, "model": "m", "template_sealed": b"t", "evidence_id": "", "source": "test",
        "created_ms": NOW_MS,
    }  # fmt: skip
    async with world.db.engine.connect() as conn:
        # A row under the same key that comes to nothing: the enrolment waits for it in the middle of its work.
        await conn.execute(insert(enrolments).values(**row))
        enrolling = asyncio.create_task(faces.enrol(job, np.zeros(128, "<f4"), "m", b"photo"))
        await in_line(world.db, 1)
        withdrawing = asyncio.create_task(choose(world, inbox, "withdrawn"))
        _done, _waits = await asyncio.wait([withdrawing], timeout=0.3)
        await conn.rollback()
    await asyncio.gather(enrolling, withdrawing)
    async with world.db.read() as conn:
        mine = select(enrolments.c.model).where(enrolments.c.learner_id == world.learner)
        assert (await conn.execute(mine)).all() == []
