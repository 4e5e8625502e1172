"""What an active burst must show: order of turns, depth of the nose, times, one face throughout."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from proctor.faces.liveness import DEPTH_MIN, Finding, depth, examine
from proctor.faces.models import Face
from proctor.faces.quality import Look
from proctor.ports import Shot

ME = np.eye(128, dtype=np.float32)[0]
OTHER = np.eye(128, dtype=np.float32)[1]
# A head in eye distances: right eye, left eye, nose (in front of them), corners of the mouth.
HEAD = np.array([[-0.5, -0.5, 0.0], [0.5, -0.5, 0.0], [0.0, 0.05, 0.5], [-0.4, 0.6, 0.0], [0.4, 0.6, 0.0]])
ACTIONS = ("left", "right")
SHOTS = tuple(Shot(at_ms=400 * index, action=action) for index, action in enumerate((-1, -1, 0, -1, 1, -1)))
ANGLES = (0.0, 2.0, 25.0, 0.0, -25.0, 1.0)  # degrees, positive to the learner's left


def _face(degrees: float, *, flat: bool = False, size: float = 80.0) -> Face:
    """That head, or a print of it, turned before a camera three widths away."""
    head = HEAD * (1, 1, 0 if flat else 1)
    sin, cos = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    across, deep = head[:, 0] * cos + head[:, 2] * sin, head[:, 2] * cos - head[:, 0] * sin
    seen = np.stack([across, head[:, 1]], axis=1) * (6 / (6 - deep))[:, None] * size + (320, 240)
    box = (320 - size, 240 - 1.2 * size, 2 * size, 2.4 * size)
    return Face(box, tuple((float(x), float(y)) for x, y in seen), 0.95)


def _looks(angles=ANGLES, **given) -> list[Look]:
    looks = []
    for index, angle in enumerate(angles):
        face = _face(angle, **given)
        aligned = np.random.default_rng(index).integers(0, 255, (112, 112, 3)).astype(np.uint8)
        looks.append(Look("", aligned, face.yaw, 1.0, face=face, size=(640, 480)))
    return looks


def _examined(looks: list[Look], actions=ACTIONS, shots=SHOTS, vectors=None) -> Finding:
    return examine(looks, vectors or dict.fromkeys(range(len(looks)), ME), actions, shots)


def test_a_head_that_turned_as_asked_is_fine() -> None:
    found = _examined(_looks())
    assert (found.problem, found.cues) == ("", ())
    assert found.frontal == (0, 1, 3, 5)


def test_the_other_order_is_the_wrong_way_and_says_so() -> None:
    assert _examined(_looks(), actions=("right", "left")).problem == "wrong_way"


def test_a_head_that_stays_straight_shall_turn_more() -> None:
    assert _examined(_looks((0.0,) * 6)).problem == "turn_more"


@pytest.mark.parametrize("degrees", [20, 25, 35])
def test_a_nose_shows_depth_and_a_print_does_not_however_it_is_held(degrees: float) -> None:
    assert depth(_face(0), _face(degrees)) > DEPTH_MIN
    assert abs(depth(_face(0, flat=True), _face(degrees, flat=True))) < 0.02


def test_a_print_turned_in_the_hand_never_gets_through() -> None:
    found = _examined(_looks((0, 0, 45, 0, -45, 0), flat=True))
    assert found.problem, "a flat picture shows no turn of the nose"


def test_people_taking_turns_are_a_cue() -> None:
    looks = _looks()
    vectors = dict.fromkeys(range(6), ME) | {4: OTHER}
    assert "switched" in _examined(looks, vectors=vectors).cues


def test_who_is_kin_is_measured_on_the_scale_of_the_model() -> None:
    """Vectors of different people are 0.5 alike with this model: on SFace's scale that is one person who turned."""
    somebody = (0.5 * ME + np.sqrt(0.75) * OTHER).astype(np.float32)
    vectors = dict.fromkeys(range(6), ME) | {4: somebody}
    for kin, cues in ((0.36, ()), (0.755, ("switched",))):
        assert examine(_looks(), vectors, ACTIONS, SHOTS, kin=kin).cues == cues


def test_a_vector_that_is_not_a_number_is_nobodys_kin() -> None:
    vectors = dict.fromkeys(range(6), ME) | {4: np.full(128, np.nan, np.float32)}
    assert "switched" in _examined(_looks(), vectors=vectors).cues


@pytest.mark.parametrize(
    "times", [(0, 1, 2, 3, 4, 5), (0, 400, 300, 1_200, 1_600, 2_000), (0, 400, 800, 1_200, 1_600, 90_000)]
)
def test_times_that_no_hand_and_no_head_keeps_are_a_cue(times: tuple[int, ...]) -> None:
    shots = [Shot(at_ms=at, action=shot.action) for at, shot in zip(times, SHOTS, strict=True)]
    assert "timing" in _examined(_looks(), shots=shots).cues


def test_a_burst_that_claims_to_be_longer_than_it_was_asked_for_was_made_beforehand() -> None:
    vectors = dict.fromkeys(range(6), ME)
    for open_ms, cues in ((0, ()), (9_000, ()), (1_600, ()), (1_400, ("timing",)), (30, ("timing",))):
        assert examine(_looks(), vectors, ACTIONS, SHOTS, open_ms).cues == cues, open_ms


def test_four_frames_are_no_active_burst() -> None:
    shots = [shot for index, shot in enumerate(SHOTS) if index not in (1, 3)]
    found = _examined(_looks((0.0, 25.0, -25.0, 0.0)), shots=shots)
    assert (found.problem, found.cues) == ("too_few", ("timing",))
    assert _examined(_looks((0.0, 2.0, 25.0, -25.0, 0.0)), shots=[SHOTS[0], *shots]).problem == "too_few", "at once"
    five = [shot for index, shot in enumerate(SHOTS) if index != 3]
    assert _examined(_looks((0.0, 2.0, 25.0, -25.0, 0.0)), shots=five).problem == ""


def test_an_action_without_a_frame_was_not_seen() -> None:
    shots = [Shot(at_ms=shot.at_ms, action=min(shot.action, 0)) for shot in SHOTS]
    assert _examined(_looks(), shots=shots).problem == "too_few"


def test_coming_closer_is_growth_of_the_face() -> None:
    shots = [Shot(at_ms=500 * index, action=-1 if index < 3 else 0) for index in range(5)]
    near = [*_looks((0.0, 0.0, 0.0)), *_looks((0.0, 0.0), size=110.0)]
    assert _examined(near, ("closer",), shots).problem == ""
    assert _examined(_looks((0.0,) * 5), ("closer",), shots).problem == "closer_more"


def test_somebody_behind_in_two_frames_is_named() -> None:
    looks = _looks()
    looks[0], looks[3] = (msgspec.structs.replace(one, problem="many_faces") for one in (looks[0], looks[3]))
    assert _examined(looks).problem == "many_faces"
