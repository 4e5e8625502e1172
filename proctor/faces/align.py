"""A found face turned upright: five points onto fixed places in 112 x 112 pixels, by turning and scaling only."""

from __future__ import annotations

import cv2
import numpy as np

from proctor.faces.models import Face

SIDE = 112
# Where right eye, left eye, nose and corners of the mouth belong: the places that the embedders were trained with.
PLACES = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)], np.float64
)


def aligned(picture: np.ndarray, face: Face) -> np.ndarray:
    """`picture`: uint8 BGR. Returns uint8 BGR, 112 x 112; black where the picture ends."""
    return cv2.warpAffine(picture, matrix(np.array(face.points, np.float64)), (SIDE, SIDE), flags=cv2.INTER_LINEAR)


def matrix(points: np.ndarray) -> np.ndarray:
    """The turn, scale and shift (2 x 3) that brings `points` (5 x 2) nearest to their places.

    As complex numbers a turn with a scale is one factor, and the best one is a division: no decomposition needed.
    """
    here, there = (values[:, 0] + 1j * values[:, 1] for values in (points, PLACES))
    centre = here.mean()
    spread = float((np.abs(here - centre) ** 2).sum()) or 1.0  # five equal points: nothing sensible comes out anyway
    turn = ((here - centre).conj() * there).sum() / spread
    shift = there.mean() - turn * centre
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
