"""The face worker: takes bursts, judges them, stores and tells the verdict. At least once, in any order.

What cannot be judged because of us is our fault and says so; a learner never pays for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from typing import Annotated

import cv2
import msgspec
import numpy as np
import structlog

from proctor.core.facts import Outcome
from proctor.core.inputs import Verdict
from proctor.errors import Refused, Unavailable
from proctor.faces.judge import Judge
from proctor.faces.match import Judgement
from proctor.faces.records import FaceRecords
from proctor.ports import Checks, Clock, Evidence, FaceJob, Jobs

log = structlog.get_logger("faces")

TAKE = 4
WAIT_MS = 1_000
DELIVERIES_MAX = 3  # a burst that kills workers is given up
BACKOFF_S = 0.5  # doubles while a port stays away
BACKOFF_S_MAX = 4.0
FRAMES_MAX = 64  # far above what an upload may hold; a blob beyond it is not ours
_blob = msgspec.msgpack.Decoder(Annotated[list[bytes], msgspec.Meta(max_length=FRAMES_MAX)])


class Worker:
    """One process judges one burst at a time: the networks are not for several threads."""

    def __init__(
        self, *, jobs: Jobs, checks: Checks, evidence: Evidence, records: FaceRecords, judge: Judge, clock: Clock,
        name: str,
    ) -> None:  # fmt: skip
        self._jobs = jobs
        self._checks = checks
        self._evidence = evidence
        self._records = records
        self._judge = judge
        self._clock = clock
        self._name = name
        self.counts: Counter[str] = Counter()
        self.busy_s = 0.0

    def metrics(self) -> dict[str, float]:
        found = {f"zhenxue_bursts_{name}_total": float(value) for name, value in self.counts.items()}
        return {**found, "zhenxue_judging_seconds_total": round(self.busy_s, 3)}

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; a burst under way is finished."""
        wait_s = BACKOFF_S
        while not stop.is_set():
            try:
                for receipt, job in await self._jobs.take(self._name, TAKE, WAIT_MS):
                    await self.handle(receipt, job)
                wait_s = BACKOFF_S
            except Unavailable as gone:
                # Not done: the stream delivers it again, to us or to another worker.
                log.warning("worker_waits", port=gone.port)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), wait_s)
                wait_s = min(2 * wait_s, BACKOFF_S_MAX)

    async def handle(self, receipt: str, job: FaceJob) -> None:
        """Judge one burst and let the job go. Raises Unavailable; then nothing is lost."""
        started_s = time.monotonic()
        verdict = await self._verdict(job)
        await self._records.judged(job, verdict)
        await self._checks.judge(verdict)
        await self._jobs.done([receipt])
        self.counts[str(verdict.outcome)] += 1
        self.busy_s += time.monotonic() - started_s

    async def _verdict(self, job: FaceJob) -> Verdict:
        if job.deliveries > DELIVERIES_MAX:
            return self._word(job, Judgement(outcome=Outcome.OUR_FAULT, detail="gave_up"))
        if not await self._records.consented(job.learner_id):
            return await self._no_consent(job)
        known = await self._checks.verdict(job.check_id, job.try_number)
        if known is not None:
            return known
        try:
            frames = _blob.decode(await self._evidence.get(job.evidence_id))
        except (Refused, msgspec.MsgspecError):
            return self._word(job, Judgement(outcome=Outcome.OUR_FAULT, detail="evidence_gone"))
        return await self._judged(job, frames)

    async def _judged(self, job: FaceJob, frames: list[bytes]) -> Verdict:
        try:
            template = await self._template(job.learner_id)
            found = await asyncio.to_thread(self._judge.judge, frames, template, job.source)
        except cv2.error as error:
            log.error("judging_failed", check=job.check_id, code=error.code)
            return self._word(job, Judgement(outcome=Outcome.OUR_FAULT, detail="model_error"))
        if found.template is None:
            return self._word(job, found)
        # Judging took a while; a face is never stored for somebody who withdrew in between.
        if not await self._records.consented(job.learner_id):
            return await self._no_consent(job)
        first = await self._records.enrol(job, found.template, self._judge.model, frames[found.best])
        if first:
            return self._word(job, found, enrolled=True)
        # There is an enrolment after all: made between our two looks, or a photo in which no face can be used.
        template = await self._template(job.learner_id)
        if template is None:
            # Nothing to compare with. A burst must never pass by that: a person looks at both pictures.
            unusable = Judgement(
                outcome=Outcome.UNCLEAR, detail="photo_unusable", threshold=found.threshold, frames=found.frames
            )
            return self._word(job, unusable)
        found = await asyncio.to_thread(self._judge.judge, frames, template, job.source)
        return self._word(job, found)

    async def _no_consent(self, job: FaceJob) -> Verdict:
        """Withdrawn meanwhile: the pictures are not looked at (any more) and go."""
        await self._evidence.delete(job.evidence_id)
        return self._word(job, Judgement(outcome=Outcome.UNCLEAR, detail="no_consent"))

    async def _template(self, learner_id: int) -> np.ndarray | None:
        template = await self._records.template(learner_id, self._judge.model)
        if template is not None:
            return template
        photo = await self._records.photo(learner_id)
        if photo is None:
            return None
        template = await asyncio.to_thread(self._judge.template_of, photo)
        if template is not None:
            await self._records.set_template(learner_id, template, self._judge.model)
        return template

    def _word(self, job: FaceJob, found: Judgement, *, enrolled: bool = False) -> Verdict:
        return Verdict(
            check_id=job.check_id, try_number=job.try_number, outcome=found.outcome, detail=found.detail,
            score=round(found.score, 4), threshold=found.threshold, model=self._judge.model, frames=found.frames,
            source=job.source, enrolled=enrolled,
        )  # fmt: skip
