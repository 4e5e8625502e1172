"""The face worker: takes bursts, judges them, stores and tells the verdict. At least once, in any order.

What cannot be judged because of us is our fault and says so; a learner never pays for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import cv2
import msgspec
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
BACKOFF_S = 0.5
_blob = msgspec.msgpack.Decoder(list[bytes])


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
        while not stop.is_set():
            try:
                for receipt, job in await self._jobs.take(self._name, TAKE, WAIT_MS):
                    await self.handle(receipt, job)
            except Unavailable as gone:
                # Not done: the stream delivers it again, to us or to another worker.
                log.warning("worker_waits", port=gone.port)
                await asyncio.sleep(BACKOFF_S)

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
            # Withdrawn meanwhile: the pictures are not looked at and go.
            await self._evidence.delete(job.evidence_id)
            return self._word(job, Judgement(outcome=Outcome.UNCLEAR, detail="no_consent"))
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
        first = await self._records.enrol(job, found.template, self._judge.model, frames[found.best])
        if first:
            return self._word(job, found, enrolled=True)
        # Somebody enrolled between our two looks: this burst must match like any other.
        template = await self._template(job.learner_id)
        found = await asyncio.to_thread(self._judge.judge, frames, template, job.source)
        return self._word(job, found)

    async def _template(self, learner_id: int):
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
