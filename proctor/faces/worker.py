"""The face worker: takes bursts, judges them, stores and tells the verdict. At least once, in any order.

What cannot be judged because of us is our fault and says so; a learner never pays for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
import structlog

from proctor.core.facts import Outcome
from proctor.core.inputs import Verdict
from proctor.errors import Refused, Unavailable
from proctor.faces.judge import Judge
from proctor.faces.match import Judgement
from proctor.faces.records import FaceRecords, Judged
from proctor.faces.replay import Trace
from proctor.ports import Checks, Evidence, FaceJob, Jobs

log = structlog.get_logger("faces")

TAKE = 8  # their inputs are read at once, and their verdicts are one transaction
WAIT_MS = 1_000
DELIVERIES_MAX = 3  # a burst that kills workers is given up
BACKOFF_S = 0.5  # doubles while a port stays away
BACKOFF_S_MAX = 4.0
NEWS = 0.2  # share of the newest batch in what a burst is said to take
FRAMES_MAX = 64  # far above what an upload may hold; a blob beyond it is not ours
_blob = msgspec.msgpack.Decoder(Annotated[list[bytes], msgspec.Meta(max_length=FRAMES_MAX)])


class Inputs(msgspec.Struct, frozen=True):
    """What one burst is judged by."""

    frames: list[bytes]
    template: np.ndarray | None
    earlier: Sequence[Trace]


class Worker:
    """One process judges one burst at a time: the networks are not for several threads.

    `verdict_ms`: nobody waits longer for a verdict; what has waited so long is not judged any more.
    """

    def __init__(
        self, *, jobs: Jobs, checks: Checks, evidence: Evidence, records: FaceRecords, judge: Judge, name: str,
        verdict_ms: int = 10_000,
    ) -> None:  # fmt: skip
        self._jobs = jobs
        self._checks = checks
        self._evidence = evidence
        self._records = records
        self._judge = judge
        self._name = name
        self._verdict_ms = verdict_ms
        self.counts: Counter[str] = Counter()
        self.busy_s = self.waited_s = 0.0
        self.batches = 0
        self.burst_ms = 0.0  # what one takes from being taken to being told, lately

    def metrics(self) -> dict[str, float]:
        found = {f"zhenxue_bursts_{name}_total": float(value) for name, value in self.counts.items()}
        return {
            **found,
            "zhenxue_judging_seconds_total": round(self.busy_s, 3),
            "zhenxue_bursts_waited_seconds_total": round(self.waited_s, 3),
            "zhenxue_batches_total": self.batches,
            "zhenxue_burst_ms_max": round(self.burst_ms, 1),
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; bursts under way are finished."""
        wait_s = BACKOFF_S
        while not stop.is_set():
            try:
                taken = await self._jobs.take(self._name, TAKE, WAIT_MS, self.burst_ms)
                if taken:
                    await self.handle(taken)
                wait_s = BACKOFF_S
            except Unavailable as gone:
                # Not done: the queue delivers them again, to us or to another worker.
                log.warning("worker_waits", port=gone.port)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), wait_s)
                wait_s = min(2 * wait_s, BACKOFF_S_MAX)

    async def handle(self, taken: Sequence[tuple[str, FaceJob]]) -> None:
        """Judge these bursts and let the jobs go. Raises Unavailable; then nothing is lost."""
        started_s = time.monotonic()
        inputs = await asyncio.gather(*(self._inputs(job) for _receipt, job in taken))
        done = []
        for (_receipt, job), found in zip(taken, inputs, strict=True):
            late = job.waited_ms + (time.monotonic() - started_s) * 1_000 >= self._verdict_ms
            if isinstance(found, Inputs):
                found = self._ours(job, "too_late") if late else await self._judged(job, found)
            done.append(found)
        await self._records.judged(done)
        await asyncio.gather(*(self._checks.judge(one.verdict) for one in done))
        for (receipt, job), one in zip(taken, done, strict=True):
            if one.dead:
                await self._jobs.bury(receipt, job, one.dead)
        await self._jobs.done([receipt for (receipt, _job), one in zip(taken, done, strict=True) if not one.dead])
        self._count(done, time.monotonic() - started_s)

    def _count(self, done: Sequence[Judged], took_s: float) -> None:
        for one in done:
            self.counts[str(one.verdict.outcome)] += 1
            self.waited_s += one.job.waited_ms / 1_000
        self.busy_s += took_s
        self.batches += 1
        each_ms = took_s * 1_000 / len(done)
        self.burst_ms = self.burst_ms + NEWS * (each_ms - self.burst_ms) if self.burst_ms else each_ms

    async def _inputs(self, job: FaceJob) -> Inputs | Judged:
        """What is needed to judge this burst, or the word on it when there is one without looking."""
        try:
            return await self._found(job)
        except Unavailable:
            raise
        except Exception as error:
            # A damaged template or trace must not end the worker, and others with it, at every delivery.
            log.error("record_altered", check=job.check_id, error=type(error).__name__, exc_info=error)
            return self._ours(job, "model_error", dead=True)

    async def _found(self, job: FaceJob) -> Inputs | Judged:
        if job.deliveries > DELIVERIES_MAX:
            return self._ours(job, "gave_up", dead=True)
        if not await self._records.consented(job.learner_id):
            return await self._no_consent(job)
        known = await self._checks.verdict(job.check_id, job.try_number)
        if known is not None:
            return Judged(job=job, verdict=known)
        if job.waited_ms >= self._verdict_ms:
            # The gateway has called it our fault by now: judging it would only keep others waiting.
            return self._ours(job, "too_late")
        try:
            frames = _blob.decode(await self._evidence.get(job.evidence_id))
        except (Refused, msgspec.MsgspecError):
            return self._ours(job, "evidence_gone")
        except AssertionError as error:
            log.error("evidence_altered", check=job.check_id, error=str(error))
            return self._ours(job, "evidence_altered", dead=True)
        earlier = await self._records.earlier(job, self._judge.model)
        return Inputs(frames, await self._records.template(job.learner_id, self._judge.model), earlier)

    async def _judged(self, job: FaceJob, inputs: Inputs) -> Judged:
        try:
            if inputs.template is None:
                inputs = msgspec.structs.replace(inputs, template=await self._made_template(job.learner_id))
            found = await self._look(job, inputs)
            return self._word(job, found) if found.template is None else await self._enrolled(job, inputs, found)
        except Unavailable:
            raise
        except Exception as error:
            # Whatever a picture does to a library: it is our fault, people see it, and the worker lives on.
            log.error("judging_failed", check=job.check_id, error=type(error).__name__, exc_info=error)
            return self._ours(job, "model_error", dead=True)

    async def _look(self, job: FaceJob, inputs: Inputs) -> Judgement:
        return await asyncio.to_thread(
            self._judge.judge, inputs.frames, inputs.template, job.source, way=job.way, actions=job.actions,
            shots=job.shots, earlier=inputs.earlier, open_ms=job.open_ms,
        )  # fmt: skip

    async def _enrolled(self, job: FaceJob, inputs: Inputs, found: Judgement) -> Judged:
        # Judging took a while; a face is never stored for somebody who withdrew in between.
        if not await self._records.consented(job.learner_id):
            return await self._no_consent(job)
        assert found.template is not None
        first = await self._records.enrol(job, found.template, self._judge.model, inputs.frames[found.best])
        if first:
            return self._word(job, found, enrolled=True)
        # There is an enrolment after all: made between our two looks, or a photo in which no face can be used. Or
        # people rejected one that was in use, and nobody has approved another yet.
        template = await self._records.template(job.learner_id, self._judge.model)
        template = template if template is not None else await self._made_template(job.learner_id)
        if template is None:
            # Nothing to compare with. A burst must never pass by that: a person looks at both pictures.
            unusable = Judgement(
                outcome=Outcome.UNCLEAR, detail="photo_unusable", threshold=found.threshold, frames=found.frames
            )
            return self._word(job, unusable)
        return await self._judged(job, msgspec.structs.replace(inputs, template=template))

    async def _no_consent(self, job: FaceJob) -> Judged:
        """Withdrawn meanwhile: the pictures are not looked at (any more) and go."""
        await self._evidence.delete(job.evidence_id)
        return self._word(job, Judgement(outcome=Outcome.UNCLEAR, detail="no_consent"))

    async def _made_template(self, learner_id: int) -> np.ndarray | None:
        """From the enrolled photo, for the first burst with this model."""
        found = await self._records.photo(learner_id)
        if found is None:
            return None
        evidence_id, photo = found
        template = await asyncio.to_thread(self._judge.template_of, photo)
        if template is not None:
            await self._records.set_template(learner_id, evidence_id, template, self._judge.model)
        return template

    def _ours(self, job: FaceJob, why: str, *, dead: bool = False) -> Judged:
        found = self._word(job, Judgement(outcome=Outcome.OUR_FAULT, detail=why))
        return msgspec.structs.replace(found, dead=why) if dead else found

    def _word(self, job: FaceJob, found: Judgement, *, enrolled: bool = False) -> Judged:
        verdict = Verdict(
            check_id=job.check_id, try_number=job.try_number, outcome=found.outcome, detail=found.detail,
            score=round(found.score, 4), threshold=found.threshold, model=self._judge.model, frames=found.frames,
            source=job.source, enrolled=enrolled, active_next=found.active_next, cues=found.cues,
            precision=self._judge.precision, version=self._judge.version, hints=job.hints,
        )  # fmt: skip
        return Judged(job=job, verdict=verdict, traces=found.traces)
