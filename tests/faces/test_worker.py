"""The worker over memory ports and real models: verdicts, consent, enrolment, faults of ours, deliveries."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import cv2
import msgspec
import numpy as np
import pytest

from proctor.adapters.memory import ManualClock, MemoryChecks, MemoryEvidence, MemoryInbox, MemoryJobs
from proctor.core.facts import Outcome
from proctor.core.inputs import Verdict
from proctor.errors import Unavailable
from proctor.faces import worker as faces_worker
from proctor.faces.judge import Judge
from proctor.faces.models import NAME
from proctor.faces.worker import DELIVERIES_MAX, FRAMES_MAX, Worker
from proctor.ports import FaceJob
from tests import pictures

LEARNER = 7
REAL_MS = 5_000


class MemoryFaces:
    """`faces.records.FaceRecords`, faithful: templates belong to a model, the first enrolment and word stay."""

    def __init__(self, evidence: MemoryEvidence) -> None:
        self.consents: dict[int, bool] = {LEARNER: True}
        self.photos: dict[int, bytes] = {}
        self.templates: dict[int, tuple[str, np.ndarray]] = {}
        self.bursts: dict[tuple[str, int], Verdict] = {}
        self.down = 0  # so many calls fail
        self.asked: Callable[[int], None] = lambda count: None  # after each question for consent
        self._asked = 0
        self._evidence = evidence

    def _call(self) -> None:
        if self.down:
            self.down -= 1
            raise Unavailable("sql")

    async def consented(self, learner_id: int) -> bool:
        self._call()
        found = self.consents.get(learner_id, False)
        self._asked += 1
        self.asked(self._asked)
        return found

    async def template(self, learner_id: int, model: str) -> np.ndarray | None:
        self._call()
        found = self.templates.get(learner_id)
        return found[1] if found and found[0] == model else None

    async def photo(self, learner_id: int) -> bytes | None:
        self._call()
        return self.photos.get(learner_id)

    async def set_template(self, learner_id: int, template: np.ndarray, model: str) -> None:
        self._call()
        if learner_id in self.photos:
            self.templates[learner_id] = (model, template)

    async def enrol(self, job: FaceJob, template: np.ndarray, model: str, photo: bytes) -> bool:
        self._call()
        if job.learner_id in self.photos:
            return False
        self.photos[job.learner_id] = photo
        self.templates[job.learner_id] = (model, template)
        return True

    async def judged(self, job: FaceJob, verdict: Verdict) -> None:
        self._call()
        self.bursts.setdefault((job.check_id, job.try_number), verdict)
        if verdict.outcome is Outcome.PASSED or verdict.detail == "no_consent":
            await self._evidence.delete(job.evidence_id)


class Room:
    """A worker with everything around it. `now_ms` moves by hand: it decides when a job is left over."""

    def __init__(self, judge: Judge) -> None:
        self.now_ms = 1_000
        self.jobs = MemoryJobs(lambda: self.now_ms)
        self.evidence = MemoryEvidence()
        self.checks = MemoryChecks(lambda: self.now_ms, MemoryInbox())
        self.records = MemoryFaces(self.evidence)
        self.worker = self.another(judge)

    def another(self, judge: Judge) -> Worker:
        return Worker(
            jobs=self.jobs, checks=self.checks, evidence=self.evidence, records=self.records, judge=judge,
            clock=ManualClock(), name="faces-1",
        )  # fmt: skip

    async def put(self, frames: list[bytes], check_id: str = "c1", source: str = "camera") -> FaceJob:
        return await self.put_blob(msgspec.msgpack.encode(frames), check_id, source)

    async def put_blob(self, blob: bytes, check_id: str = "c1", source: str = "camera") -> FaceJob:
        evidence_id = await self.evidence.put(blob, kind="burst", institution_id=1, learner_id=LEARNER)
        job = FaceJob(
            check_id=check_id, try_number=1, learner_id=LEARNER, institution_id=1, lesson_id=3,
            evidence_id=evidence_id, enrol=False, source=source, accepted_redis_ms=self.now_ms,
        )  # fmt: skip
        assert await self.jobs.put(job)
        return job

    async def work(self, until: Callable[[], bool], worker: Worker | None = None) -> None:
        """Run the worker until that holds, then stop it in order."""
        stop = asyncio.Event()
        task = asyncio.create_task((worker or self.worker).run(stop))
        try:
            async with asyncio.timeout(REAL_MS / 1_000):
                while not until() and not task.done():
                    await asyncio.sleep(0.01)
        finally:
            stop.set()
            await task

    async def judged(self, check_id: str = "c1") -> Verdict:
        """The verdict of the job that waits, in SQL and in the store alike; the stream is empty afterwards."""
        await self.work(lambda: not self.jobs._taken and not self.jobs._fresh)
        verdict = await self.checks.verdict(check_id, 1)
        assert verdict is not None and self.records.bursts[(check_id, 1)] == verdict
        assert await self.jobs.waiting() == 0
        return verdict


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces_worker, "WAIT_MS", 20)
    monkeypatch.setattr(faces_worker, "BACKOFF_S", 0.01)


@pytest.fixture
def room(judge: Judge) -> Room:
    return Room(judge)


@pytest.fixture(scope="module")
def man() -> list[bytes]:
    return pictures.jpegs(pictures.moving_man())


@pytest.fixture(scope="module")
def template(judge: Judge, man: list[bytes]) -> np.ndarray:
    found = judge.judge(man, None, "camera").template
    assert found is not None
    return found


class Untouchable(Judge):
    """Nobody's pictures may reach it."""

    def __init__(self) -> None:
        self.model = NAME

    def judge(self, frames, template, source):
        raise AssertionError("the pictures were looked at")

    template_of = judge  # type: ignore[assignment]


async def test_the_first_capture_enrols_and_the_next_is_compared(room: Room, man: list[bytes]) -> None:
    first = await room.put(man)
    verdict = await room.judged()
    assert (verdict.outcome, verdict.detail, verdict.enrolled) == (Outcome.PASSED, "enrolled", True)
    assert (verdict.model, verdict.frames, verdict.source, verdict.threshold) == (NAME, 3, "camera", 0.45)
    assert room.records.photos[LEARNER] in man, "the best picture is kept with the enrolment"
    assert first.evidence_id not in room.evidence.blobs

    second = await room.put(pictures.jpegs(pictures.moving_man()[40:]), "c2")
    verdict = await room.judged("c2")
    assert (verdict.outcome, verdict.enrolled) == (Outcome.PASSED, False) and 0.45 <= verdict.score < 1
    assert second.evidence_id not in room.evidence.blobs

    third = await room.put(pictures.jpegs(pictures.astronaut()), "c3")
    verdict = await room.judged("c3")
    assert (verdict.outcome, verdict.detail) == (Outcome.MISMATCH, "mismatch")
    assert third.evidence_id in room.evidence.blobs, "a person will want to see these"
    found = room.worker.metrics()
    assert (found["zhenxue_bursts_passed_total"], found["zhenxue_bursts_mismatch_total"]) == (2, 1)
    assert found["zhenxue_judging_seconds_total"] > 0


async def test_pictures_are_not_looked_at_without_consent(room: Room, man: list[bytes]) -> None:
    room.records.consents[LEARNER] = False
    room.worker = room.another(Untouchable())
    job = await room.put(man)
    verdict = await room.judged()
    assert (verdict.outcome, verdict.detail) == (Outcome.UNCLEAR, "no_consent")
    assert job.evidence_id not in room.evidence.blobs and not room.records.templates


async def test_nobody_is_enrolled_who_withdrew_while_we_judged(room: Room, man: list[bytes]) -> None:
    def withdraw(count: int) -> None:
        room.records.consents[LEARNER] = False

    room.records.asked = withdraw
    job = await room.put(man)
    verdict = await room.judged()
    assert (verdict.outcome, verdict.detail, verdict.enrolled) == (Outcome.UNCLEAR, "no_consent", False)
    assert not room.records.photos and job.evidence_id not in room.evidence.blobs


async def test_an_enrolled_photo_gets_its_template_when_it_is_first_needed(room: Room) -> None:
    first, second, _third = pictures.person_a()
    room.records.photos[LEARNER] = first
    room.records.templates[LEARNER] = ("an-older-model", np.zeros(128, np.float32))
    await room.put(pictures.jpegs(pictures.live(second)))
    verdict = await room.judged()
    assert (verdict.outcome, verdict.enrolled) == (Outcome.PASSED, False)
    assert room.records.templates[LEARNER][0] == NAME
    await room.put(pictures.jpegs(pictures.live(pictures.person_b()[0])), "c2")
    assert (await room.judged("c2")).outcome is Outcome.MISMATCH


async def test_an_unusable_photo_lets_nobody_pass_and_is_not_replaced(room: Room, man: list[bytes]) -> None:
    wall = pictures.jpegs(pictures.empty_room(), 1)[0]
    room.records.photos[LEARNER] = wall
    job = await room.put(man)
    verdict = await room.judged()
    assert (verdict.outcome, verdict.detail, verdict.enrolled) == (Outcome.UNCLEAR, "photo_unusable", False)
    assert room.records.photos[LEARNER] == wall and LEARNER not in room.records.templates
    assert job.evidence_id in room.evidence.blobs


async def test_a_burst_that_lost_the_race_to_enrol_is_compared(
    room: Room, template: np.ndarray, man: list[bytes]
) -> None:
    def somebody_enrols(count: int) -> None:
        if count == 2:  # the question just before enrolling
            room.records.photos[LEARNER] = man[0]
            room.records.templates[LEARNER] = (NAME, template)

    room.records.asked = somebody_enrols
    await room.put(pictures.jpegs(pictures.astronaut()))
    verdict = await room.judged()
    assert (verdict.outcome, verdict.enrolled) == (Outcome.MISMATCH, False)
    assert room.records.photos[LEARNER] == man[0]


async def test_pictures_that_are_gone_are_our_fault(room: Room, man: list[bytes]) -> None:
    job = await room.put(man)
    await room.evidence.delete(job.evidence_id)
    verdict = await room.judged()
    assert (verdict.outcome, verdict.detail) == (Outcome.OUR_FAULT, "evidence_gone")


@pytest.mark.parametrize(
    "blob", [b"", b"\xc1", msgspec.msgpack.encode({"a": 1}), msgspec.msgpack.encode([b""] * (FRAMES_MAX + 1))]
)
async def test_a_blob_that_is_not_a_burst_is_our_fault(room: Room, blob: bytes) -> None:
    await room.put_blob(blob)
    assert (await room.judged()).outcome is Outcome.OUR_FAULT


async def test_a_model_that_fails_is_our_fault_and_the_next_burst_is_judged(
    room: Room, judge: Judge, man: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object) -> None:
        raise cv2.error("assertion failed")

    with monkeypatch.context() as broken:
        broken.setattr(judge, "judge", fails)
        await room.put(man)
        verdict = await room.judged()
    assert (verdict.outcome, verdict.detail) == (Outcome.OUR_FAULT, "model_error")
    assert room.worker.counts["our_fault"] == 1
    await room.put(man, "c2")
    assert (await room.judged("c2")).outcome is Outcome.PASSED


async def test_what_is_away_is_asked_again_and_nothing_is_lost(room: Room, man: list[bytes]) -> None:
    room.records.down = 1
    await room.put(man)
    await room.work(lambda: not room.records.down)
    assert await room.jobs.waiting() == 1 and await room.checks.verdict("c1", 1) is None
    room.now_ms += REAL_MS  # left over now
    verdict = await room.judged()
    assert verdict.outcome is Outcome.PASSED


@pytest.mark.parametrize("fails_at", [1, 2, 3, 4, 5, 6])
async def test_a_port_may_go_away_at_any_call(room: Room, man: list[bytes], fails_at: int) -> None:
    """consented, template, photo, consented, enrol, judged: wherever it stops, the learner ends enrolled once."""
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        if calls == fails_at:
            raise Unavailable("sql")

    room.records._call = call  # type: ignore[method-assign]
    await room.put(man)
    await room.work(lambda: calls >= fails_at)
    room.now_ms += REAL_MS
    verdict = await room.judged()
    assert verdict.outcome is Outcome.PASSED
    assert room.records.photos[LEARNER] in man and len(room.records.bursts) == 1


async def test_a_burst_that_kills_workers_is_given_up(room: Room, man: list[bytes]) -> None:
    room.worker = room.another(Untouchable())
    job = await room.put(man)
    [(receipt, _job)] = await room.jobs.take("dead", 1, 10)
    worn = msgspec.structs.replace(job, deliveries=DELIVERIES_MAX + 1)
    await room.worker.handle(receipt, worn)
    verdict = await room.checks.verdict("c1", 1)
    assert verdict is not None and (verdict.outcome, verdict.detail) == (Outcome.OUR_FAULT, "gave_up")
    assert await room.jobs.waiting() == 0


async def test_a_second_delivery_repeats_the_first_word(room: Room) -> None:
    job = await room.put(pictures.jpegs(pictures.empty_room()))
    before = await room.judged()
    assert job.evidence_id in room.evidence.blobs, "the pictures could be judged again"
    room.worker = room.another(Untouchable())
    await room.worker.handle("0-0", job)
    assert await room.checks.verdict("c1", 1) == before
    assert room.records.bursts == {("c1", 1): before}


async def test_judging_never_stops_the_loop(room: Room, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    here, seen = threading.get_ident(), []
    plain = judge.judge

    def judged(frames, template, source):
        seen.append(threading.get_ident())
        return plain(frames, template, source)

    monkeypatch.setattr(judge, "judge", judged)
    await room.put(pictures.jpegs(pictures.empty_room()))
    assert (await room.judged()).detail == "no_face"
    assert seen and here not in seen


async def test_a_worker_that_waits_for_a_port_stops_at_once(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces_worker, "BACKOFF_S", 60.0)

    async def away(*_args: object) -> list:
        raise Unavailable("redis")

    monkeypatch.setattr(room.jobs, "take", away)
    stop = asyncio.Event()
    task = asyncio.create_task(room.worker.run(stop))
    await asyncio.sleep(0.05)
    assert not task.done()
    stop.set()
    await asyncio.wait_for(task, 1)
