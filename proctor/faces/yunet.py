"""YuNet finds faces: the picture on a canvas, the network's numbers back to boxes and points.

The network answers for three grids (a cell every 8, 16 and 32 pixels) how sure it is of a face there, its box and
its five points relative to the cell. OpenCV does this inside `FaceDetectorYN`; here the network may run anywhere,
and a test holds both equal to a pixel.
"""

from __future__ import annotations

import cv2
import numpy as np

from proctor.faces.engines import Network
from proctor.faces.models import Face

SIDE = 320  # pixels; finding faces in a larger picture costs four times as much and finds no more
# Few shapes: a network is compiled for each, and nobody shall make us compile by sending odd ones. Width, height.
CANVASES = ((320, 256), (256, 320), (320, 320))
STRIDES = (8, 16, 32)
SCORE_MIN = 0.7  # below it hands and patterns begin
OVERLAP_MAX = 0.3  # of two boxes that are two faces
CANDIDATES_MAX = 50


class YuNet:
    """Not for several threads at once: a network keeps its last input."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def faces(self, picture: np.ndarray) -> list[Face]:
        """All faces, largest first. `picture`: uint8 BGR, height x width x 3."""
        canvas, scale = placed(picture)
        blob = np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], np.float32)
        rows = decoded(self._network.run(blob), canvas.shape[1], canvas.shape[0])
        found = []
        for row in rows:
            values = [float(value) / scale for value in row[:14]]
            points = tuple((values[i], values[i + 1]) for i in range(4, 14, 2))
            found.append(Face((values[0], values[1], values[2], values[3]), points, float(row[14])))
        return sorted(found, key=lambda face: face.area, reverse=True)


def placed(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """The picture in the upper left corner of the smallest canvas that takes it, and how it was scaled (<= 1)."""
    height, width = picture.shape[:2]
    scale = min(1.0, SIDE / max(width, height))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        height, width = picture.shape[:2]
    wide, high = next(size for size in CANVASES if width <= size[0] and height <= size[1])
    if (wide, high) == (width, height):
        return picture, scale
    canvas = np.zeros((high, wide, 3), np.uint8)
    canvas[:height, :width] = picture
    return canvas, scale


def decoded(outputs: dict[str, np.ndarray], width: int, height: int) -> np.ndarray:
    """Rows of 15 float32 in pixels of the canvas, best first: left, top, width, height, five points (x, y), score."""
    found = []
    for stride in STRIDES:
        sure = np.clip(outputs[f"cls_{stride}"], 0, 1) * np.clip(outputs[f"obj_{stride}"], 0, 1)
        scores = np.sqrt(sure.reshape(-1))
        at = np.flatnonzero(scores >= SCORE_MIN)
        if not len(at):
            continue
        cells = np.stack([at % (width // stride), at // (width // stride)], axis=1).astype(np.float32)
        box = outputs[f"bbox_{stride}"].reshape(-1, 4)[at]
        size = np.exp(box[:, 2:]) * stride
        corner = (cells + box[:, :2]) * stride - size / 2
        points = (outputs[f"kps_{stride}"].reshape(-1, 5, 2)[at] + cells[:, None]) * stride
        found.append(np.hstack([corner, size, points.reshape(-1, 10), scores[at][:, None]]))
    if not found:
        return np.zeros((0, 15), np.float32)
    rows = np.vstack(found).astype(np.float32)
    boxes = rows[:, :4].astype(np.int32)  # whole pixels, as OpenCV compares them
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), rows[:, 14].tolist(), SCORE_MIN, OVERLAP_MAX, 1.0, CANDIDATES_MAX)
    return rows[np.asarray(kept, np.int64).reshape(-1)]
