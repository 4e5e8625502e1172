"""Real models over real pictures: who passes, who does not, and what is not judged."""

from __future__ import annotations

import copy

import cv2
import numpy as np
import pytest

from proctor.core.facts import Outcome
from proctor.faces.backends import NAME, Model
from proctor.faces.judge import Judge
from proctor.faces.match import Judgement
from proctor.faces.models import SFACE, Thresholds
from tests import pictures


@pytest.fixture(scope="module")
def man(judge: Judge) -> np.ndarray:
    found = judge.judge(pictures.jpegs(pictures.moving_man()), None, "camera")
    assert found.template is not None
    return found.template


def _word(found: Judgement) -> tuple[Outcome, str]:
    return found.outcome, found.detail


def test_a_model_is_judged_on_its_own_scale_in_every_rule(models: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict] = []
    monkeypatch.setattr("proctor.faces.judge.compare", lambda *_given, **named: seen.append(named))
    other = copy.copy(models)
    other.own = Thresholds(accept=0.9, grey=0.82, same=0.75, kin=0.7)
    for given in (models, other):
        Judge(given, 0.47, 0.37).judge([], None, "camera")
    scales = [tuple(one[name] for name in ("accept", "grey", "same", "kin")) for one in seen]
    assert scales == [(0.47, 0.37, SFACE.same, SFACE.kin), (0.9, 0.82, 0.75, 0.7)]


def test_the_first_capture_enrols(judge: Judge) -> None:
    found = judge.judge(pictures.jpegs(pictures.moving_man()), None, "camera")
    assert _word(found) == (Outcome.PASSED, "enrolled")
    assert found.template is not None and found.template.shape == (128,)
    assert 0 <= found.best < 3 and found.good == 3 and judge.model == NAME


@pytest.mark.parametrize("start", [20, 40, 60, 80, 100])
def test_a_moving_talking_man_is_himself_later_on(judge: Judge, man: np.ndarray, start: int) -> None:
    found = judge.judge(pictures.jpegs(pictures.moving_man()[start:]), man, "camera")
    assert _word(found) == (Outcome.PASSED, ""), found.score


def test_others_are_not_him(judge: Judge, man: np.ndarray) -> None:
    others = (pictures.astronaut(), pictures.live(pictures.person_a()[0]), pictures.live(pictures.person_b()[0]))
    for frames in others:
        found = judge.judge(pictures.jpegs(frames), man, "camera")
        assert _word(found) == (Outcome.MISMATCH, "mismatch") and found.score < 0.3


def test_years_lie_between_a_portrait_and_a_check(judge: Judge) -> None:
    template = judge.template_of(pictures.person_a()[0])
    found = judge.judge(pictures.jpegs(pictures.live(pictures.person_a()[1])), template, "camera")
    assert _word(found) == (Outcome.PASSED, "") and found.score > 0.6


def test_one_picture_from_a_file(judge: Judge, man: np.ndarray) -> None:
    assert judge.judge(pictures.jpegs(pictures.moving_man(), 1), man, "file").outcome is Outcome.PASSED
    assert judge.judge([pictures.person_b()[0]], man, "file").outcome is Outcome.MISMATCH


def test_a_repeated_picture_is_a_still_also_when_it_is_the_right_man(judge: Judge, man: np.ndarray) -> None:
    frames = pictures.jpegs(pictures.still(pictures.moving_man()[0]))
    assert _word(judge.judge(frames, man, "camera")) == (Outcome.UNCLEAR, "still")


@pytest.mark.parametrize(
    ("frames", "detail"),
    [(pictures.two_people, "many_faces"), (pictures.dark_man, "dark"), (pictures.empty_room, "no_face")],
)
def test_what_cannot_be_judged_is_unclear(judge: Judge, man: np.ndarray, frames, detail: str) -> None:
    for template in (man, None):
        found = judge.judge(pictures.jpegs(frames()), template, "camera")
        assert _word(found) == (Outcome.UNCLEAR, detail) and found.template is None


def test_a_change_of_people_within_a_burst(judge: Judge, man: np.ndarray) -> None:
    frames = pictures.jpegs(pictures.moving_man(), 2) + pictures.jpegs(pictures.astronaut(), 1)
    assert _word(judge.judge(frames, man, "camera")) == (Outcome.UNCLEAR, "changing")
    assert judge.judge(frames, None, "camera").template is None


def test_broken_files_are_unreadable(judge: Judge, man: np.ndarray) -> None:
    found = judge.judge([b"", b"\xff\xd8\xff" + bytes(50), b"no picture"], man, "camera")
    assert _word(found) == (Outcome.UNCLEAR, "unreadable")


def test_a_portrait_without_a_usable_face_gives_no_template(judge: Judge) -> None:
    wall = cv2.imencode(".jpg", pictures.empty_room()[0])[1].tobytes()
    assert judge.template_of(wall) is None
    assert judge.template_of(b"no picture") is None
