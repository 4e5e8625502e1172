"""The worker over memory ports and real models: verdicts, consent, enrolment, faults of ours, deliveries."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

import cv2
import msgspec
import numpy as np
import pytest

from proctor.adapters.memory import MemoryChecks, MemoryEvidence, MemoryInbox
from proctor.adapters.memory_jobs import MemoryJobs
from proctor.core.facts import CheckWay, Outcome
from proctor.core.inputs import Verdict
from proctor.errors import Unavailable
from proctor.faces import worker as faces_worker
from proctor.faces.backends import NAME
from proctor.faces.judge import Judge
from proctor.faces.match import Judgement
from proctor.faces.records import Judged
from proctor.faces.replay import Trace
from proctor.faces.worker import DELIVERIES_MAX, FRAMES_MAX, Worker
from proctor.ports import FaceJob, Shot
from tests import pictures
from tests.faces.test_quality import _other_formats, crowd

LEARNER = 7
REAL_MS = 5_000
VERDICT_MS = 10_000


class MemoryFaces:
    """`faces.records.FaceRecords`, faithful: templates belong to a model, the first enrolment and word stay."""

    def __init__(self, evidence: MemoryEvidence) -> None:
        self.consents: dict[int, bool] = {LEARNER: True}
        self.photos: dict[int, bytes] = {}
        self.templates: dict[int, tuple[str, np.ndarray]] = {}
        self.bursts: dict[tuple[str, int], Verdict] = {}
        self.traces: dict[tuple[str, int], tuple[Trace, ...]] = {}
        self.transactions = 0
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

    async def photo(self, learner_id: int) -> tuple[str, bytes] | None:
        self._call()
        found = self.photos.get(learner_id)
        return None if found is None else (f"photo-{learner_id}", found)

    async def set_template(self, learner_id: int, evidence_id: str, template: np.ndarray, model: str) -> None:
        self._call()
        if learner_id in self.photos and evidence_id == f"photo-{learner_id}":
            self.templates[learner_id] = (model, template)

    async def enrol(self, job: FaceJob, template: np.ndarray, model: str, photo: bytes) -> bool:
        self._call()
        if job.learner_id in self.photos:
            return False
        self.photos[job.learner_id] = photo
        self.templates[job.learner_id] = (model, template)
        return True

    async def earlier(self, job: FaceJob, model: str) -> list[Trace]:
        self._call()
        own = (job.check_id, job.try_number)
        return [trace for key, traces in reversed(self.traces.items()) if key != own for trace in traces]

    async def judged(self, done: Sequence[Judged]) -> None:
        self._call()
        self.transactions += 1
        for one in done:
            key = (one.job.check_id, one.job.try_number)
            self.bursts.setdefault(key, one.verdict)
            if one.traces and self.consents.get(one.job.learner_id):
                self.traces.setdefault(key, one.traces)
            if one.verdict.outcome in (Outcome.PASSED, Outcome.OUR_FAULT) or one.verdict.detail == "no_consent":
                await self._evidence.delete(one.job.evidence_id)


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
            name="faces-1",
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
        assert (await self.jobs.backlog()).all == 0
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
        self.model, self.version, self.precision = NAME, "fb143eea07a8 opencv 5", "f32"

    def judge(self, frames, template, source, **more):
        raise AssertionError("the pictures were looked at")

    template_of = judge  # type: ignore[assignment]


async def test_the_first_capture_enrols_and_the_next_is_compared(
    room: Room, judge: Judge, man: list[bytes]
) -> None:
    first = await room.put(man)
    verdict = await room.judged()
    assert (verdict.outcome, verdict.detail, verdict.enrolled) == (Outcome.PASSED, "enrolled", True)
    assert (verdict.model, verdict.frames, verdict.source, verdict.threshold) == (NAME, 3, "camera", 0.45)
    assert verdict.version == judge.version != "" and verdict.precision in ("f32", "bf16")
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


@pytest.mark.parametrize("error", [cv2.error("assertion failed"), RuntimeError("of another engine"), MemoryError()])
async def test_a_model_that_fails_is_our_fault_and_the_next_burst_is_judged(
    room: Room, judge: Judge, man: list[bytes], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_args: object, **_more: object) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(judge, "judge", fails)
        await room.put(man)
        verdict = await room.judged()
    assert (verdict.outcome, verdict.detail) == (Outcome.OUR_FAULT, "model_error")
    assert room.worker.counts["our_fault"] == 1
    assert [dead.why for dead in await room.jobs.dead(9)] == ["model_error"]
    await room.put(man, "c2")
    assert (await room.judged("c2")).outcome is Outcome.PASSED


@pytest.mark.parametrize("where", ["template", "earlier"])
async def test_a_damaged_record_is_our_fault_for_its_check_alone(
    room: Room, man: list[bytes], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """It ended the worker, and the next one that got the burst, until the queue gave it up."""

    async def damaged(*_args: object) -> None:
        raise AssertionError("enrolment.template does not open: altered, or of another learner")

    with monkeypatch.context() as broken:
        broken.setattr(room.records, where, damaged)
        await room.put(man)
        verdict = await room.judged()
    assert (verdict.outcome, verdict.detail) == (Outcome.OUR_FAULT, "model_error")
    assert [dead.why for dead in await room.jobs.dead(9)] == ["model_error"], "people can find it"
    await room.put(man, "c2")
    assert (await room.judged("c2")).outcome is Outcome.PASSED


async def test_a_template_damaged_while_a_burst_enrols_ends_no_worker(
    room: Room, man: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def lost(*_args: object) -> bool:
        return False

    async def damaged(*_args: object) -> None:
        asked.append(1)
        if len(asked) > 1:
            raise AssertionError("altered")

    monkeypatch.setattr(room.records, "enrol", lost)
    monkeypatch.setattr(room.records, "template", damaged)
    await room.put(man)
    verdict = await room.judged()
    assert (verdict.outcome, verdict.detail) == (Outcome.OUR_FAULT, "model_error")


async def test_who_may_not_enrol_by_a_check_waits_for_a_person(
    room: Room, man: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """People rejected the photo that was in use: there is nothing to compare with, and nothing is taken."""

    async def barred(*_args: object) -> bool:
        return False

    monkeypatch.setattr(room.records, "enrol", barred)
    job = await room.put(man)
    verdict = await room.judged()
    assert (verdict.outcome, verdict.detail, verdict.enrolled) == (Outcome.UNCLEAR, "photo_unusable", False)
    assert job.evidence_id in room.evidence.blobs, "a person will want to see these"


async def test_what_is_away_is_asked_again_and_nothing_is_lost(room: Room, man: list[bytes]) -> None:
    room.records.down = 1
    await room.put(man)
    await room.work(lambda: not room.records.down)
    assert (await room.jobs.backlog()).all == 1 and await room.checks.verdict("c1", 1) is None
    room.now_ms += REAL_MS  # left over now
    verdict = await room.judged()
    assert verdict.outcome is Outcome.PASSED


@pytest.mark.parametrize("fails_at", [1, 2, 3, 4, 5, 6, 7])
async def test_a_port_may_go_away_at_any_call(room: Room, man: list[bytes], fails_at: int) -> None:
    """consented, earlier, template, photo, consented, enrol, judged: wherever it stops, one enrolment comes of it."""
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
    await room.worker.handle([(receipt, worn)])
    verdict = await room.checks.verdict("c1", 1)
    assert verdict is not None and (verdict.outcome, verdict.detail) == (Outcome.OUR_FAULT, "gave_up")
    assert (await room.jobs.backlog()).all == 0
    (dead,) = await room.jobs.dead(9)
    assert (dead.why, dead.job) == ("gave_up", worn), "people can find it"


async def test_a_second_delivery_repeats_the_first_word(room: Room) -> None:
    job = await room.put(pictures.jpegs(pictures.empty_room()))
    before = await room.judged()
    assert job.evidence_id in room.evidence.blobs, "the pictures could be judged again"
    room.worker = room.another(Untouchable())
    await room.worker.handle([("0-0", job)])
    assert await room.checks.verdict("c1", 1) == before
    assert room.records.bursts == {("c1", 1): before}


async def test_what_waited_too_long_is_our_fault_and_not_looked_at(room: Room, man: list[bytes]) -> None:
    """Its gateway has given it up by now: judging it would only keep others waiting."""
    room.worker = room.another(Untouchable())
    job = await room.put(man)
    room.now_ms += VERDICT_MS
    verdict = await room.judged()
    assert (verdict.outcome, verdict.detail) == (Outcome.OUR_FAULT, "too_late")
    assert job.evidence_id not in room.evidence.blobs, "nobody needs these"
    assert await room.jobs.dead(9) == [], "late is no riddle for people"


async def test_of_a_batch_that_lasts_too_long_the_rest_is_not_judged(
    room: Room, judge: Judge, man: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def slow(frames, template, source, **more):
        seen.append(1)
        time.sleep(0.05)
        return Judgement(outcome=Outcome.UNCLEAR, detail="dark")

    monkeypatch.setattr(judge, "judge", slow)
    for number in range(4):
        await room.put(man, f"c{number}")
    room.now_ms += VERDICT_MS - 80
    await room.judged("c3")
    details = [room.records.bursts[f"c{number}", 1].detail for number in range(4)]
    assert details[0] == "dark" and details[-1] == "too_late" and len(seen) < 4


async def test_a_batch_is_one_transaction_and_says_what_a_burst_takes(room: Room) -> None:
    for number in range(3):
        await room.put(pictures.jpegs(pictures.empty_room()), f"c{number}")
    await room.judged("c2")
    assert room.records.transactions == 1 and len(room.records.bursts) == 3
    assert 0 < room.worker.burst_ms < 5_000
    found = room.worker.metrics()
    assert found["zhenxue_batches_total"] == 1 and found["zhenxue_bursts_unclear_total"] == 3
    await room.work(lambda: room.jobs._workers["faces-1"][1] == room.worker.burst_ms)


async def test_the_judge_is_told_what_was_asked_and_what_came_before(
    room: Room, judge: Judge, man: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    trace = Trace(b"h", (0.1, 0.2, 0.3), b"e")

    def judged(frames, template, source, **more):
        told.append(more)
        return Judgement(
            outcome=Outcome.UNCLEAR, detail="not_sure", active_next=True, cues=("flat",), traces=(trace,)
        )

    monkeypatch.setattr(judge, "judge", judged)
    job = await room.put(man)
    verdict = await room.judged()
    assert (verdict.active_next, verdict.cues, verdict.precision) == (True, ("flat",), judge.precision)
    again = msgspec.structs.replace(
        job, try_number=2, way=CheckWay.ACTIVE, actions=("left",), shots=(Shot(0, -1), Shot(9, 0), Shot(20, 0)),
        hints=("virtual_camera",), open_ms=9_000,
    )
    await room.worker.handle([("0-0", again)])
    assert room.records.bursts["c1", 2].hints == ("virtual_camera",), "passed on for a person, not for the judge"
    assert told[0] == {"way": CheckWay.ROUTINE, "actions": (), "shots": (), "earlier": [], "open_ms": 0}
    assert told[1] == {
        "way": CheckWay.ACTIVE, "actions": ("left",), "shots": again.shots, "earlier": [trace], "open_ms": 9_000,
    }  # fmt: skip


BAD = {
    **_other_formats(), "not an image": b"\xff\xd8\xff" + bytes(400),
    "nobody": pictures.jpegs(pictures.empty_room(), 1)[0],
    "twenty faces": cv2.imencode(".jpg", crowd())[1].tobytes(),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_is_refused_in_words_within_50_ms_and_the_worker_lives_on(
    room: Room, template: np.ndarray, man: list[bytes], name: str
) -> None:
    room.records.photos[LEARNER], room.records.templates[LEARNER] = man[0], (NAME, template)
    took_s = []
    for number in range(3):
        await room.put([BAD[name]], f"bad{number}")
        started_s = time.process_time()
        verdict = await room.judged(f"bad{number}")
        took_s.append(time.process_time() - started_s)
        word = {"nobody": "no_face", "twenty faces": "many_faces"}.get(name, "unreadable")
        assert (verdict.outcome, verdict.detail) == (Outcome.UNCLEAR, word)
    assert min(took_s) < 0.05, "the first pictures of a shape also compile the network for it"
    await room.put(pictures.jpegs(pictures.moving_man()[40:]), "good")
    assert (await room.judged("good")).outcome is Outcome.PASSED


async def test_an_altered_picture_file_is_our_fault_and_kept_for_people(
    room: Room, man: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def altered(evidence_id: str) -> bytes:
        raise AssertionError("an evidence file was altered")

    monkeypatch.setattr(room.evidence, "get", altered)
    await room.put(man)
    verdict = await room.judged()
    assert (verdict.outcome, verdict.detail) == (Outcome.OUR_FAULT, "evidence_altered")
    assert [dead.why for dead in await room.jobs.dead(9)] == ["evidence_altered"]


async def test_judging_never_stops_the_loop(room: Room, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    here, seen = threading.get_ident(), []
    plain = judge.judge

    def judged(frames, template, source, **more):
        seen.append(threading.get_ident())
        return plain(frames, template, source, **more)

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
