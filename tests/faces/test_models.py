"""The pinned networks: found, checked, and refused when somebody touched them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from proctor.errors import Unavailable
from proctor.faces import quality
from proctor.faces.judge import DLIB, Judge
from proctor.faces.models import DETECTOR, EMBEDDER, Models, model_folder
from tests import pictures


def _copied(folder: Path) -> Path:
    for name in (DETECTOR, EMBEDDER):
        shutil.copy(model_folder() / name, folder / name)
    return folder


def test_an_altered_model_judges_nobody(tmp_path: Path) -> None:
    path = _copied(tmp_path) / EMBEDDER
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(Unavailable, match="was altered") as caught:
        Models.load(tmp_path)
    assert caught.value.port == "models"


def test_a_missing_model_is_told_in_a_sentence(tmp_path: Path) -> None:
    (_copied(tmp_path) / DETECTOR).unlink()
    with pytest.raises(Unavailable, match="is missing"):
        Models.load(tmp_path)


def test_a_missing_package_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proctor.faces.models.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="not installed"):
        Models.load()


def test_the_optional_backend_says_that_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "face_recognition", None)
    with pytest.raises(Unavailable, match="face_recognition"):
        Judge.load(0.45, 0.36, DLIB)


def test_people_are_near_themselves_and_far_from_others(models: Models) -> None:
    def vector(data: bytes) -> np.ndarray:
        picture = quality.decode(data)
        assert picture is not None
        return models.embedding(models.aligned(picture, models.faces(picture)[0]))

    first, *others = (vector(data) for data in pictures.person_a())
    assert all(float(first @ other) >= 0.65 for other in others)
    assert float(first @ vector(pictures.person_b()[0])) <= 0.27
    assert float(np.linalg.norm(first)) == pytest.approx(1.0, abs=1e-5)


def test_faces_come_largest_first_in_pixels_of_the_whole_picture(models: Models) -> None:
    frame = pictures.two_people()[0]
    found = models.faces(frame)
    assert len(found) == 2 and found[0].area >= found[1].area
    assert all(face.eyes_px > 20 and 0 <= face.points[2][0] < frame.shape[1] for face in found)
    assert {face.points[2][0] > frame.shape[1] / 2 for face in found} == {True, False}
