"""What the worker needs of the record half."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from proctor.core.inputs import Verdict
from proctor.ports import FaceJob


class FaceRecords(Protocol):
    """Methods raise Unavailable; calling again is safe."""

    async def consented(self, learner_id: int) -> bool:
        """Whether this learner's face may be looked at now."""
        ...

    async def template(self, learner_id: int, model: str) -> np.ndarray | None:
        """The template of that model, or None when there is no enrolment."""
        ...

    async def photo(self, learner_id: int) -> bytes | None:
        """The enrolled photo, when it has no template of the current model yet."""
        ...

    async def set_template(self, learner_id: int, template: np.ndarray, model: str) -> None: ...

    async def enrol(self, job: FaceJob, template: np.ndarray, model: str, photo: bytes) -> bool:
        """Store the first capture as the enrolment. False when there is one already: the first stays."""
        ...

    async def judged(self, job: FaceJob, verdict: Verdict) -> None:
        """Enter the burst. Pictures of a passed one are due for deletion at once. Twice is no error."""
        ...
