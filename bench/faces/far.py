"""Far from the camera: is somebody else taken for the learner more often when a face has few pixels?

The smallest face that the judge compares (`quality.Limits.eyes_px_min`) must not be a way in: impostors are counted
at just that size, against templates of full size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import msgspec
import numpy as np

from bench.faces.scenes import Person
from bench.faces.scores import Rate, wilson
from proctor.faces import quality
from proctor.faces.models import FaceModel

LARGER_PX = 2.0  # a face is drawn by this much above the limit, for a detector's points wander
PROBES = 2  # pictures of one person


class Far(msgspec.Struct):
    """Rates at acceptance; `refused`: probes that the judge would not compare."""

    eyes_px: float
    impostors: Rate
    genuine: Rate
    refused: int


def measure(models: FaceModel, people: Sequence[Person], accept: float, step: Callable[[], None]) -> Far:
    """Everybody's first picture is the template; the next ones are shrunk and compared with all templates."""
    eyes_px = quality.DEFAULT.eyes_px_min + LARGER_PX
    templates: list[np.ndarray] = []
    probes: list[tuple[int, np.ndarray]] = []
    refused = 0
    for person in people:
        first = quality.look(models, person.pictures[0])
        if first.aligned is None or first.problem:
            continue
        templates += models.embeddings([first.aligned])
        for picture in person.pictures[1 : 1 + PROBES]:
            seen = quality.look(models, picture)
            if seen.face is None:
                continue
            small = quality.look(models, _shrunk(picture, eyes_px / seen.face.size_px))
            if small.aligned is None or small.problem:
                refused += 1
                continue
            probes.append((len(templates) - 1, models.embeddings([small.aligned])[0]))
        step()
    scores = np.stack([vector for _who, vector in probes]) @ np.stack(templates).T
    own = np.zeros(scores.shape, bool)
    own[np.arange(len(probes)), [who for who, _vector in probes]] = True
    return Far(eyes_px, _share(scores[~own] >= accept), _share(scores[own] >= accept), refused)


def _shrunk(picture: np.ndarray, scale: float) -> np.ndarray:
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _share(accepted: np.ndarray) -> Rate:
    return wilson(float(accepted.sum()), accepted.size)
