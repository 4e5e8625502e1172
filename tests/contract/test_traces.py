"""Traces of earlier captures and the record of a burst in SQL: sealed, bounded, never without consent."""

from __future__ import annotations

import secrets

import msgspec
import pytest
from sqlalchemy import insert, select

from proctor.adapters.face_keys import SqlFaceKeys
from proctor.adapters.memory import MemoryEvidence
from proctor.adapters.sql_faces import SqlFaces
from proctor.core.facts import CheckWay, Outcome
from proctor.core.inputs import Verdict
from proctor.faces.records import Judged
from proctor.faces.replay import Trace
from proctor.modules.accounts.tables import accounts
from proctor.modules.catalog import service as catalog
from proctor.modules.privacy import erasing
from proctor.modules.privacy.tables import consents, evidence, face_keys, face_traces
from proctor.modules.privacy.traces import forget_traces
from proctor.modules.study.tables import bursts
from proctor.ports import FaceJob
from tests.world import vault

MODEL = "sface-test"
TRACE = Trace(b"h" * 128, (0.5, 0.4, 0.3), b"e" * 256)


class Room:
    """Two learners who consented, and the worker's records with room for three bursts of each."""

    def __init__(self, db) -> None:
        self.db = db
        self.records = SqlFaces(db, SqlFaceKeys(db, vault()), MemoryEvidence(), traces_max=3)
        self.institution = 0
        self.learners: list[int] = []

    def job(self, number: int, learner: int = 0, **changes) -> FaceJob:
        return FaceJob(
            check_id=f"c{self.learners[learner]}-{number}", try_number=1, learner_id=self.learners[learner],
            institution_id=self.institution, lesson_id=1, evidence_id=self.picture(number), enrol=False,
            source="camera", accepted_redis_ms=1, **changes,
        )  # fmt: skip

    def picture(self, number: int) -> str:
        return f"{self.learners[0]}-{number}"

    async def judged(self, job: FaceJob, *traces: Trace, outcome: Outcome = Outcome.PASSED, **more) -> None:
        verdict = Verdict(check_id=job.check_id, try_number=1, outcome=outcome, model=MODEL, **more)
        await self.records.judged([Judged(job=job, verdict=verdict, traces=traces)])

    async def rows(self, table):
        async with self.db.read() as conn:
            return (await conn.execute(select(table).where(table.c.learner_id.in_(self.learners)))).all()


@pytest.fixture
async def room(db) -> Room:
    made = Room(db)
    async with db.write() as conn:
        made.institution = await catalog.add_institution(conn, name="校", now_ms=1)
        for _n in range(2):
            answer = await conn.execute(
                insert(accounts).values(
                    institution_id=made.institution, login=secrets.token_hex(6), role="learner", name_sealed=b"x",
                    password_hash="!", created_ms=1,
                )
            )  # fmt: skip
            learner_id = answer.inserted_primary_key[0]
            made.learners.append(learner_id)
            await conn.execute(
                insert(consents).values(
                    learner_id=learner_id, purpose="face_check", choice="given", notice_version="1",
                    notice_sha256="0" * 64, at_ms=1,
                )
            )  # fmt: skip
    return made


async def test_traces_come_back_the_newest_first_and_of_other_bursts_and_this_model_only(room: Room) -> None:
    for number in range(2):
        await room.judged(room.job(number), msgspec.structs.replace(TRACE, hash=bytes([number]) * 128))
    await room.judged(room.job(7, 1), TRACE)
    found = await room.records.earlier(room.job(9), MODEL)
    assert [one.hash[0] for one in found] == [1, 0] and found[0].place == TRACE.place
    assert [one.hash[0] for one in await room.records.earlier(room.job(1), MODEL)] == [0], "not its own"
    assert await room.records.earlier(room.job(9), "another") == []


async def test_only_so_many_bursts_are_remembered(room: Room) -> None:
    for number in range(5):
        await room.judged(room.job(number), TRACE, TRACE)
        await room.judged(room.job(number), TRACE, TRACE)  # twice is no error
    await room.judged(room.job(9, 1), TRACE)
    found = {(row.learner_id, row.check_id) for row in await room.rows(face_traces)}
    mine = {(room.learners[0], room.job(number).check_id) for number in (2, 3, 4)}
    assert found == mine | {(room.learners[1], room.job(9, 1).check_id)}


async def test_a_trace_is_sealed(room: Room) -> None:
    await room.judged(room.job(1), TRACE)
    (row,) = await room.rows(face_traces)
    assert TRACE.hash not in bytes(row.sealed) and TRACE.embedding not in bytes(row.sealed)


async def test_nothing_is_kept_of_whoever_withdrew_or_was_erased_meanwhile(room: Room) -> None:
    await room.judged(room.job(1), TRACE)
    async with room.db.write() as conn:
        await conn.execute(
            insert(consents).values(
                learner_id=room.learners[0], purpose="face_check", choice="withdrawn", notice_version="1",
                notice_sha256="0" * 64, at_ms=2,
            )
        )  # fmt: skip
        await erasing.ask_erasure(
            conn, institution_id=room.institution, learner_id=room.learners[0], why="withdrawn", asked_by=0, now_ms=2
        )
    await room.judged(room.job(2), TRACE)
    assert await room.rows(face_traces) == [] and len(await room.rows(bursts)) == 2
    assert await room.records.earlier(room.job(9), MODEL) == []


async def test_traces_end_after_their_days(room: Room) -> None:
    await room.judged(room.job(1), TRACE)
    (row,) = await room.rows(face_traces)
    async with room.db.write() as conn:
        await forget_traces(conn, row.at_ms)
    assert len(await room.rows(face_traces)) == 1
    async with room.db.write() as conn:
        await forget_traces(conn, row.at_ms + 1)
    assert await room.rows(face_traces) == []


async def test_the_record_of_a_burst_tells_reviewers_what_was_asked_and_what_spoke_against_it(room: Room) -> None:
    job = room.job(1, way=CheckWay.ACTIVE, actions=("left",))
    more = {"cues": ("flat", "border"), "precision": "bf16", "active_next": True, "version": "0123456789ab opencv 5"}
    await room.judged(job, outcome=Outcome.UNCLEAR, detail="not_sure", **more)
    await room.judged(job, outcome=Outcome.PASSED)
    (row,) = await room.rows(bursts)
    assert (row.way, row.cues, row.precision, row.active_next) == ("active", "flat border", "bf16", True)
    assert row.version == "0123456789ab opencv 5"
    assert (row.outcome, row.detail, row.model) == ("unclear", "not_sure", MODEL), "the first word stays"


@pytest.mark.parametrize(
    ("outcome", "goes"), [(Outcome.PASSED, True), (Outcome.OUR_FAULT, True), (Outcome.UNCLEAR, False)]
)
async def test_pictures_go_when_nobody_needs_them_any_more(room: Room, outcome: Outcome, goes: bool) -> None:
    async with room.db.write() as conn:
        for number, held in ((1, False), (2, True)):
            await conn.execute(
                insert(evidence).values(
                    id=room.picture(number), institution_id=room.institution, learner_id=room.learners[0],
                    kind="burst", check_id=room.job(number).check_id, sha256="0" * 64, created_ms=1,
                    delete_after_ms=2**50, held=held,
                )
            )  # fmt: skip
    for number in (1, 2):
        await room.judged(room.job(number), outcome=outcome)
    due = {row.id: row.delete_after_ms < 2**50 for row in await room.rows(evidence)}
    assert due == {room.picture(1): goes, room.picture(2): False}, "a case keeps its pictures"


async def test_every_learner_s_traces_are_under_a_key_of_their_own(room: Room) -> None:
    for learner in (0, 1):
        await room.judged(room.job(1, learner), TRACE)
    owners = {row.id: row.learner_id for row in await room.rows(face_keys)}
    for row in await room.rows(face_traces):
        assert owners[bytes(row.sealed)[4:20].hex()] == row.learner_id
