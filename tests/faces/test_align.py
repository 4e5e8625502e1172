"""Upright faces: the same pixels as OpenCV's own recogniser cuts out, and sense where five points make none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from proctor.faces import align
from proctor.faces.backends import Model
from proctor.faces.models import EMBEDDER, Face, model_folder
from tests import pictures


def test_faces_are_cut_out_as_opencv_does(models: Model) -> None:
    theirs = cv2.FaceRecognizerSF.create(str(model_folder() / EMBEDDER), "")
    for picture in (pictures.moving_man()[60], pictures.astronaut()[0]):
        face = models.faces(picture)[0]
        row = np.array([[*face.box, *(value for point in face.points for value in point), face.score]], np.float32)
        apart = np.abs(models.aligned(picture, face).astype(int) - theirs.alignCrop(picture, row))
        assert apart.max() <= 2 and apart.mean() < 0.05, "no more than the rounding of one step"


def test_points_in_their_places_stay() -> None:
    assert align.matrix(align.PLACES) == pytest.approx(np.array([[1, 0, 0], [0, 1, 0]]), abs=1e-9)


def test_a_turned_and_shrunk_face_comes_back() -> None:
    turn = np.array([[0, -0.5], [0.5, 0]])
    back = align.matrix(align.PLACES @ turn.T + (7, 9))
    assert (align.PLACES @ turn.T + (7, 9)) @ back[:, :2].T + back[:, 2] == pytest.approx(align.PLACES, abs=1e-9)


def test_five_equal_points_give_a_picture_all_the_same() -> None:
    nowhere = Face((0.0, 0.0, 1.0, 1.0), ((5.0, 5.0),) * 5, 0.9)
    assert align.aligned(pictures.empty_room()[0], nowhere).shape == (112, 112, 3)
