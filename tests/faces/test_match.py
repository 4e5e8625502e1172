"""The word on a burst, over made-up looks and vectors: every branch and every edge of the thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from proctor.core.facts import CheckWay, Outcome
from proctor.faces.match import Judgement, compare
from proctor.faces.quality import Look
from proctor.ports import Shot
from tests.faces.test_liveness import _face as turned

ACCEPT, GREY = 0.45, 0.36
ME = np.eye(128, dtype=np.float32)[0]


def _good(seed: int, quality: float = 1.0) -> Look:
    face = np.random.default_rng(seed).integers(0, 255, (112, 112, 3)).astype(np.uint8)
    return Look("", face, 0.0, quality)


def _at(cosine: float) -> np.ndarray:
    """A vector at that cosine to `ME`; all of them lie in one plane, so they agree among themselves."""
    vector = np.zeros(128, np.float32)
    vector[0], vector[1] = cosine, (1 - cosine * cosine) ** 0.5
    return vector


def _judged(
    looks: list[Look], vectors: list[np.ndarray], template: np.ndarray | None = ME, source: str = "camera"
) -> Judgement:
    return compare(looks, _by_look(looks, vectors), template, accept=ACCEPT, grey=GREY, source=source)


def _by_look(looks: list[Look], vectors: list[np.ndarray]) -> dict[int, np.ndarray]:
    """The vectors belong to the usable looks, in order."""
    usable = [index for index, one in enumerate(looks) if not one.problem]
    return dict(zip(usable, vectors, strict=True))


@pytest.mark.parametrize(
    ("cosine", "outcome", "detail"),
    [
        (0.90, Outcome.PASSED, ""), (0.451, Outcome.PASSED, ""), (0.449, Outcome.UNCLEAR, "not_sure"),
        (0.361, Outcome.UNCLEAR, "not_sure"), (0.359, Outcome.MISMATCH, "mismatch"),
        (-0.2, Outcome.MISMATCH, "mismatch"),
    ],
)  # fmt: skip
def test_the_thresholds_part_three_words(cosine: float, outcome: Outcome, detail: str) -> None:
    found = _judged([_good(i) for i in range(3)], [_at(cosine)] * 3)
    assert (found.outcome, found.detail) == (outcome, detail)
    assert found.score == pytest.approx(cosine, abs=1e-4)
    assert (found.threshold, found.frames, found.good) == (ACCEPT, 3, 3)
    assert found.template is None


def test_the_best_three_pictures_are_compared() -> None:
    looks = [_good(i, quality) for i, quality in enumerate((0.1, 0.9, 0.8, 0.2, 0.7))]
    found = _judged(looks, [_at(c) for c in (0.4, 0.9, 0.8, 0.4, 0.7)])
    assert found.score == pytest.approx(0.8, abs=1e-4)
    assert found.best == 1


def test_the_index_of_the_best_counts_the_poor_pictures_too() -> None:
    looks = [Look("dark"), _good(1, 0.2), Look("blurred"), _good(2, 0.9)]
    assert _judged(looks, [_at(0.8)] * 2).best == 3


def test_one_good_picture_of_a_camera_says_too_little() -> None:
    looks = [_good(1), Look("blurred"), Look("blurred"), Look("dark")]
    found = _judged(looks, [_at(-0.5)])
    assert (found.outcome, found.detail, found.good) == (Outcome.UNCLEAR, "blurred", 1)


def test_poor_pictures_are_never_a_mismatch() -> None:
    for problem in ("no_face", "small", "dark", "bright", "blurred", "turned", "unreadable"):
        found = _judged([Look(problem)] * 3, [])
        assert (found.outcome, found.detail) == (Outcome.UNCLEAR, problem)


def test_nothing_at_all_and_a_single_picture() -> None:
    assert _judged([], []).detail == "too_few"
    assert _judged([_good(1)], [_at(0.9)]).detail == "too_few"


def test_a_file_is_one_picture() -> None:
    assert _judged([_good(1)], [_at(0.9)], source="file").outcome is Outcome.PASSED
    assert _judged([_good(1)], [_at(0.1)], source="file").outcome is Outcome.MISMATCH


def test_a_file_never_enrols() -> None:
    """Anybody could have enrolled somebody else's portrait as the learner's face."""
    found = _judged([_good(1)], [_at(0.9)], None, "file")
    assert (found.outcome, found.detail) == (Outcome.UNCLEAR, "needs_camera")


def test_somebody_else_in_half_of_the_pictures() -> None:
    half = [_good(1), _good(2), Look("many_faces"), Look("many_faces")]
    assert _judged(half, [_at(0.9)] * 2).detail == "many_faces"
    fewer = [_good(1), _good(2), Look("many_faces")]
    assert _judged(fewer, [_at(0.9)] * 2).outcome is Outcome.PASSED


def test_two_people_taking_turns() -> None:
    looks = [_good(i) for i in range(3)]
    found = _judged(looks, [_at(0.9), _at(0.9), np.eye(128, dtype=np.float32)[5]])
    assert (found.outcome, found.detail) == (Outcome.UNCLEAR, "changing")


def test_a_still_is_not_a_camera() -> None:
    same = _good(1)
    found = _judged([same] * 3, [_at(0.9)] * 3)
    assert (found.outcome, found.detail, found.good) == (Outcome.UNCLEAR, "still", 1)


def test_a_difference_that_no_eye_sees_is_still_a_still() -> None:
    first = _good(1)
    assert first.aligned is not None
    nearly = first.aligned.copy()
    nearly[:10, :10] ^= 1
    assert _judged([first, Look("", nearly)], [_at(0.9)] * 2).detail == "still"


def test_repeats_among_live_pictures_count_once() -> None:
    a, b = _good(1), _good(2)
    assert _judged([a, a, b], [_at(0.9)] * 3).outcome is Outcome.PASSED
    assert _judged([a, a, b], [_at(0.9)] * 3, None).detail == "still", "enrolment asks for three"


def test_enrolment_is_the_mean_of_three_that_agree() -> None:
    found = _judged([_good(i) for i in range(3)], [_at(0.9), _at(0.8), _at(0.7)], None)
    assert (found.outcome, found.detail, found.good) == (Outcome.PASSED, "enrolled", 3)
    assert found.template is not None and found.template.dtype == np.float32
    assert float(np.linalg.norm(found.template)) == pytest.approx(1.0, abs=1e-5)
    assert float(found.template @ _at(0.8)) > 0.99


def test_enrolment_asks_for_more_than_a_check() -> None:
    two = [_good(1), _good(2), Look("turned")]
    assert _judged(two, [_at(0.9)] * 2).outcome is Outcome.PASSED
    found = _judged(two, [_at(0.9)] * 2, None)
    assert (found.outcome, found.detail, found.template) == (Outcome.UNCLEAR, "turned", None)


def _active(straight: list[float], poor: int = 0) -> Judgement:
    """A burst in which a head turned left and right as asked; its straight frames lie at these cosines to ME."""
    actions, looks, vectors, shots = ("left", "right"), [], {}, []
    for number, action in enumerate((-1, -1, 0, -1, 1, -1)):
        face = turned((0.0, 2.0, 25.0, 0.0, -25.0, 1.0)[number])
        aligned = np.random.default_rng(number).integers(0, 255, (112, 112, 3)).astype(np.uint8)
        looks.append(Look("", aligned, face.yaw, 1.0 + number / 100, face=face, size=(640, 480)))
        shots.append(Shot(at_ms=400 * number, action=action))
        vectors[number] = _at(straight[min(len(shots) - 1, len(straight) - 1)])
    for number in (0, 5)[:poor]:
        looks[number] = Look("blurred", face=looks[number].face)
        del vectors[number]
    return compare(
        looks, vectors, ME, accept=ACCEPT, grey=GREY, source="camera", way=CheckWay.ACTIVE, actions=actions,
        shots=shots,
    )  # fmt: skip


def test_an_active_burst_is_decided_on_the_mean_of_its_three_best_straight_frames() -> None:
    # The straight frames 0, 1, 3 and 5 by quality: 5, 3 and 1 are the best; the turned ones do not count.
    found = _active([0.5, 0.6, 0.99, 0.7, 0.99, 0.8])
    assert (found.outcome, found.score) == (Outcome.PASSED, pytest.approx(0.7, abs=1e-4))
    assert _active([0.9, 0.40, 0.9, 0.42, 0.9, 0.44]).outcome is Outcome.UNCLEAR
    assert _active([0.9, 0.3, 0.3, 0.3, 0.3, 0.3]).outcome is Outcome.MISMATCH


def test_two_straight_frames_are_too_few_for_an_active_burst() -> None:
    assert _active([0.9], poor=1).outcome is Outcome.PASSED
    found = _active([0.9], poor=2)
    assert (found.outcome, found.detail) == (Outcome.UNCLEAR, "blurred")


def test_enrolment_agrees_at_the_threshold_that_checks_use() -> None:
    looks = [_good(i) for i in range(3)]
    vectors = [ME, ME, _at(0.55)]
    strict = compare(looks, _by_look(looks, vectors), None, accept=0.6, grey=0.5, source="camera")
    assert (strict.outcome, strict.detail) == (Outcome.UNCLEAR, "changing")
    assert _judged(looks, vectors, None).outcome is Outcome.PASSED


def test_a_broken_vector_neither_passes_nor_enrols() -> None:
    broken = np.full(128, np.nan, np.float32)
    for template in (ME, None):
        found = _judged([_good(i) for i in range(3)], [broken] * 3, template)
        assert (found.outcome, found.detail) == (Outcome.UNCLEAR, "changing")
    assert _judged([_good(1)], [broken], None, "file").outcome is Outcome.UNCLEAR
