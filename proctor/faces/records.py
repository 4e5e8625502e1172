"""What the worker needs of the record half."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np

from proctor.core.inputs import Verdict
from proctor.faces.replay import Trace
from proctor.ports import FaceJob


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A burst with its word. `traces`: by which it is known when it comes again. `dead`: why no judge could tell."""

    job: FaceJob
    verdict: Verdict
    traces: tuple[Trace, ...] = ()
    dead: str = ""


class FaceRecords(Protocol):
    """Methods raise Unavailable; calling again is safe."""

    async def consented(self, learner_id: int) -> bool:
        """Whether this learner's face may be looked at now."""
        ...

    async def template(self, learner_id: int, model: str) -> np.ndarray | None:
        """The template of that model, or None when there is no enrolment."""
        ...

    async def photo(self, learner_id: int) -> tuple[str, bytes] | None:
        """Evidence id and picture of the enrolled photo, when it has no template of the current model yet."""
        ...

    async def earlier(self, job: FaceJob, model: str) -> Sequence[Trace]:
        """Traces of this learner's other bursts, of that model, the newest first."""
        ...

    async def set_template(self, learner_id: int, evidence_id: str, template: np.ndarray, model: str) -> None:
        """Of this photo; nothing when another is in use by now."""
        ...

    async def enrol(self, job: FaceJob, template: np.ndarray, model: str, photo: bytes) -> bool:
        """Store the first capture as the enrolment. False when there is one already: the first stays. False as well
        when people rejected one that was in use: a person says then which photo is the learner's."""
        ...

    async def judged(self, done: Sequence[Judged]) -> None:
        """Enter these bursts in one piece. Pictures that nobody needs any more are due for deletion at once; traces
        stay by policy, and only of who consents. Twice is no error."""
        ...
