"""Vectors of all pictures by one backend, kept in a temporary folder: what was computed once is read the next time.

They are numbers of real faces: the folder is private to whoever runs the bench, and never part of a result.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from bench.faces.data import Pictures
from proctor.faces import backends
from proctor.faces.models import Face, FaceModel

FACES = Path(backends.__file__).parent
# A change in one of these may change a vector.
SOURCES = ("align.py", "backends.py", "engines.py", "models.py", "onnxfold.py", "yunet.py")


def folder() -> Path:
    """Where vectors stay between runs. Raises PermissionError when it is somebody else's."""
    found = Path(tempfile.gettempdir()) / f"zhenxue-faces-{os.getuid()}"
    found.mkdir(mode=0o700, exist_ok=True)
    if found.stat().st_uid != os.getuid():
        raise PermissionError(f"{found} belongs to somebody else")
    return found


def vectors(models: FaceModel, pictures: Pictures, label: str, step: Callable[[], None]) -> tuple[np.ndarray, int]:
    """n x dims float32, and on how many pictures no face was found (their vectors are zero, so they match nobody).

    `label`: what ran the model; with the sources it names the kept file. `step` is called after each picture.
    """
    key = hashlib.sha256(label.encode() + models.name.encode())
    for name in SOURCES:
        key.update((FACES / name).read_bytes())
    for at in range(len(pictures.names)):
        key.update(f"{pictures.names[at]} {pictures.path(at).stat().st_size}\n".encode())
    path = folder() / f"{key.hexdigest()[:24]}.npz"
    if path.exists():
        with np.load(path) as kept:
            return kept["vectors"], int(kept["missed"])
    found, missed = [], 0
    for at in range(len(pictures.names)):
        one = vector(models, pictures.path(at).read_bytes())
        missed += one is None
        found.append(one)
        step()
    size = next(len(one) for one in found if one is not None)
    table = np.array([np.zeros(size, np.float32) if one is None else one for one in found], np.float32)
    np.savez(path, vectors=table, missed=missed)
    return table, missed


def vector(models: FaceModel, data: bytes) -> np.ndarray | None:
    """Of the face nearest to the middle, as the pictures are labelled: others may stand around. None: no face."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    faces = models.faces(picture)
    if not faces:
        return None
    return models.embeddings([models.aligned(picture, central(faces, picture))])[0]


def central(faces: list[Face], picture: np.ndarray) -> Face:
    middle_x, middle_y = picture.shape[1] / 2, picture.shape[0] / 2

    def away(face: Face) -> float:
        left, top, width, height = face.box
        return float(np.hypot(left + width / 2 - middle_x, top + height / 2 - middle_y))

    return min(faces, key=away)
