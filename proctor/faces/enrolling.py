"""The desk for new photos: measure, make the template, look for a second account, ask an authority.

It decides nothing against anybody: what it finds stands beside the photo when a person decides. Only an authority's
"same" approves. One photo at a time, in the background of a face worker. A photo is the desk's until all of that was
done: a desk that dies on the way leaves it to another, which begins anew.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

import cv2
import msgspec
import numpy as np
import structlog

from proctor.errors import Refused, Unavailable
from proctor.faces import quality
from proctor.faces.models import SFACE, FaceModel
from proctor.modules.identity.rules import Quality, wanting
from proctor.ports import Claimed, Evidence, IdentityAuthority, Word

log = structlog.get_logger("faces")

EVERY_S = 2.0
AWAY_S = 10.0  # while a port is away


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A photo that nobody looked at yet."""

    number: int
    learner_id: int
    institution_id: int
    evidence_id: str


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """`problem`: a words key, "" for a photo that may be approved. `template`: of a face that can be compared."""

    problem: str
    quality: Quality
    template: np.ndarray | None = None


class EnrolmentRecords(Protocol):
    """Methods raise Unavailable; calling again is safe."""

    async def waiting(self) -> Waiting | None:
        """The next photo, kept from other desks for a minute."""
        ...

    async def looked(self, waiting: Waiting, found: Measured, model: str) -> bool:
        """What was measured stands beside the photo, which is still the desk's. False, and nothing is stored, when
        it is not any more: withdrawn, replaced or rejected meanwhile.

        The template stands there before anybody searches: of two alike photos at one moment one meets the other."""
        ...

    async def flag_alike(
        self, waiting: Waiting, template: np.ndarray, model: str, alike: float = SFACE.alike
    ) -> int:
        """Compare with all templates of this model in the institution, those that wait for a decision as well;
        returns how many flags are new. `alike`: the cosine from which on a person looks, on the model's scale."""
        ...

    async def claimed(self, waiting: Waiting, *, passes_on: bool) -> tuple[str, str] | None:
        """Name and number; None without a number, when the photo is not the desk's any more or the consent to face
        checks is gone, or when they would leave this installation (`passes_on`) and the learner did not agree."""
        ...

    async def answered(self, waiting: Waiting, word: Word, authority: str) -> None:
        """The authority's word stands beside the photo."""
        ...

    async def done(self, waiting: Waiting) -> None:
        """The photo goes from the desk to people; an authority's "same" approves it, unless two accounts look
        alike."""
        ...


class Desk:
    """`models`: makes a model of its own when the first photo comes, since networks are not for two threads."""

    def __init__(
        self, *, records: EnrolmentRecords, evidence: Evidence, authority: IdentityAuthority,
        models: Callable[[], FaceModel],
    ) -> None:  # fmt: skip
        self._records, self._evidence, self._authority = records, evidence, authority
        self._make = models
        self._models: FaceModel | None = None

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            wait_s = EVERY_S
            try:
                while not stop.is_set() and await self.one():
                    pass
            except Unavailable as gone:
                log.warning("desk_waits", port=gone.port)
                wait_s = AWAY_S
            except Exception as error:
                # Nobody waits for this task: it would end without a word, and every photo would wait for ever.
                log.error("desk_failed", error=type(error).__name__, exc_info=error)
                wait_s = AWAY_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait_s)

    async def one(self) -> bool:
        """Look at the next photo; False when none waits."""
        waiting = await self._records.waiting()
        if waiting is None:
            return False
        if self._models is None:
            self._models = await asyncio.to_thread(self._make)
        try:
            await self._examine(waiting, self._models)
        except Unavailable:
            raise
        except Exception as error:
            # Whatever a photo does to a library: people are told of it, and the next one is looked at.
            log.error("photo_failed", enrolment=waiting.number, error=type(error).__name__, exc_info=error)
            await self._records.looked(waiting, Measured(problem="model_error", quality=Quality()), "")
        await self._records.done(waiting)
        return True

    async def _examine(self, waiting: Waiting, models: FaceModel) -> None:
        """All that stands beside the photo when it goes before people."""
        try:
            photo = msgspec.msgpack.decode(await self._evidence.get(waiting.evidence_id), type=list[bytes])[0]
        except (Refused, msgspec.MsgspecError, IndexError):
            await self._records.looked(waiting, Measured(problem="evidence_gone", quality=Quality()), "")
            return
        except AssertionError as error:
            log.error("evidence_altered", enrolment=waiting.number, error=str(error))
            await self._records.looked(waiting, Measured(problem="unreadable", quality=Quality()), "")
            return
        found = await asyncio.to_thread(measure, models, photo)
        if not await self._records.looked(waiting, found, models.name):
            return
        if found.template is not None:
            alike = (models.own or SFACE).alike
            await self._records.flag_alike(waiting, found.template, models.name, alike)
        if not found.problem:
            await self._ask(waiting, photo)

    async def _ask(self, waiting: Waiting, photo: bytes) -> None:
        claimed = await self._records.claimed(waiting, passes_on=not self._authority.is_local)
        if claimed is None:
            return
        name, number = claimed
        asked = Claimed(name=name, number=number, photo=photo, reference=f"enrolment-{waiting.number}")
        try:
            word = await self._authority.ask(asked)
        except Unavailable as gone:
            # A person decides as if there were no authority; staff may hand the photo in again.
            log.warning("authority_away", port=gone.port)
            return
        if word == "unknown" and self._authority.is_local:
            return  # nobody was asked: the record would only say so
        await self._records.answered(waiting, word, self._authority.name)


def measure(models: FaceModel, photo: bytes) -> Measured:
    """One photo as bytes of a JPEG, against the bounds of an enrolment. Slow: call it in a thread."""
    picture = quality.decode(photo)
    if picture is None:
        return Measured(problem="unreadable", quality=Quality())
    try:
        one = quality.look(models, picture)
        template = None if one.aligned is None or one.problem else models.embeddings([one.aligned])[0]
    except cv2.error as error:
        log.error("measuring_failed", code=error.code)
        return Measured(problem="model_error", quality=Quality())
    height, width = picture.shape[:2]
    if one.face is None or one.aligned is None:
        return Measured(problem=one.problem, quality=Quality(width=width, height=height))
    grey = cv2.cvtColor(one.aligned, cv2.COLOR_BGR2GRAY)
    measured = Quality(
        width=width, height=height, face_px=round(one.face.box[2]), yaw=round(one.yaw, 3),
        score=round(one.face.score, 3), luma=round(float(grey.mean()), 1),
        sharpness=round(float(cv2.Laplacian(grey, cv2.CV_64F).var()), 1),
    )  # fmt: skip
    return Measured(problem=one.problem or wanting(measured), quality=measured, template=template)
