"""Does a frame stand around the face: the edge of a screen, of a telephone, of a sheet of paper?

Doors, windows and shelves behind a learner have straight edges too, but shoulders stand before them. A line that runs
on past the shoulders on both sides, or crosses below the chin between two sides, is nearer than the body: the face is
a picture in a frame. Lines are looked for at every tilt in which a hand holds a telephone; what counts is how much of
a straight line is edge, not how strong the edge is: a black rim on a dark room is faint, but it is straight.
"""

from __future__ import annotations

import cv2
import numpy as np

from proctor.faces.models import Face

FACE_PX = 56.0  # width of the face in the picture that is searched
REACH = 2.4  # widths of the face to each side and below its middle
TILTS = range(-12, 13, 2)  # degrees
FAINT = 12  # of the Sobel operator, 1.5 grey levels a pixel: below it an edge is noise
BESIDE = 2  # pixels to each side in which an edge must be the strongest
EDGE = 0.75  # share of a side that must be edge
EDGE_PAST = 0.80  # of a side that is seen without the one below
NEAREST = 0.48  # widths of the face from its middle: closer lines are its own
SHOULDER = 1.2  # beyond it a line may pass beside the body
PAST = 0.85  # widths of the face below the chin: there shoulders have begun
BELOW = 0.12
RIM = 3  # pixels at the edge of the picture


def framed(scene: np.ndarray, face: Face, width: int) -> bool:
    """`scene`: grey, the whole picture; `face` in a picture of `width` pixels."""
    shrink = scene.shape[1] / max(width, 1)
    scale = FACE_PX / max(face.box[2] * shrink, 4.0)
    middle = (np.array(face.box[:2]) + np.array(face.box[2:]) / 2) * shrink * scale
    chin = round(FACE_PX * face.box[3] / face.box[2] / 2)
    smoothed = cv2.GaussianBlur(scene, (3, 3), 0)
    size = (round(scene.shape[1] * scale), round(scene.shape[0] * scale))
    smaller = cv2.resize(smoothed, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    # Edges are found once, upright and level, and turned as points: a line that leans by 12 degrees is still one.
    upright, level = _edges(smaller, 1, 0), _edges(smaller, 0, 1)
    return any(_at_tilt(upright, level, middle, chin, float(tilt)) for tilt in TILTS)


def _at_tilt(upright: np.ndarray, level: np.ndarray, middle: np.ndarray, chin: int, tilt: float) -> bool:
    """Are there upright sides, and a level one below, once the edges are turned by `tilt` about the face?"""
    reach = round(REACH * FACE_PX)
    turn = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), tilt, 1.0)
    turn[:, 2] += np.array([reach, 0.0]) - middle
    size = (2 * reach + 1, reach + 1)  # from the middle of the face down
    near, far = round(NEAREST * FACE_PX), round(SHOULDER * FACE_PX)
    start, end = chin // 2, chin + round(PAST * FACE_PX)
    sides = _turned(upright, turn, size, (3, 1))
    if end < len(sides):
        past = cv2.reduce(sides[start:end], 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0] >= EDGE_PAST * (end - start)
        if past[reach - far : reach - near].any() and past[reach + near : reach + far].any():
            return True
    highest = chin + round(BELOW * FACE_PX)
    lines = _turned(level, turn, size, (1, 3))
    below = lines[highest:, reach - near : reach + near]
    crossing = cv2.reduce(below, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0] >= EDGE * 2 * near
    rows = np.flatnonzero(crossing) + highest
    return bool(rows.size) and _closed_below(sides, lines, rows, reach, near)


def _turned(edges: np.ndarray, turn: np.ndarray, size: tuple[int, int], thick: tuple[int, int]) -> np.ndarray:
    """0 and 1. Lines grow by a pixel to each side (`thick`: columns, rows), so that rounding does not break them."""
    return cv2.dilate(cv2.warpAffine(edges, turn, size, flags=cv2.INTER_NEAREST), np.ones(thick[::-1], np.uint8))


def _closed_below(sides: np.ndarray, lines: np.ndarray, rows: np.ndarray, reach: int, near: int) -> bool:
    """A level line in one of `rows` that meets a side at each end."""
    down = np.cumsum(sides, axis=0, dtype=np.int32)
    for row in rows:
        line = np.cumsum(lines[row], dtype=np.int32)
        side = down[row] >= EDGE * (row + 1)
        left, right = np.flatnonzero(side[: reach - near]), np.flatnonzero(side[reach + near :]) + reach + near
        if not left.size or not right.size:
            continue
        seen = (line[right][None, :] - line[left][:, None]) / (right[None, :] - left[:, None])
        if (seen >= EDGE).any():
            return True
    return False


def _edges(picture: np.ndarray, right: int, down: int) -> np.ndarray:
    """1 where brightness changes most among the neighbours across a line. The picture's own edge is no line."""
    change = cv2.convertScaleAbs(cv2.Sobel(picture, cv2.CV_16S, right, down, ksize=3))
    wide = 2 * BESIDE + 1
    strongest = cv2.dilate(change, np.ones((1, wide) if right else (wide, 1), np.uint8))
    found = ((change >= strongest) & (change > FAINT)).astype(np.uint8)
    found[:RIM], found[-RIM:], found[:, :RIM], found[:, -RIM:] = 0, 0, 0, 0
    return found
