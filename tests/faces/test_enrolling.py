"""Photos to enrol with, as the desk measures them, on real pictures and the real networks."""

from __future__ import annotations

import asyncio

import cv2
import numpy as np
import pytest

from proctor.adapters.authority import LocalAuthority
from proctor.adapters.memory import MemoryEvidence
from proctor.errors import Unavailable
from proctor.faces import enrolling
from proctor.faces.enrolling import Desk, measure
from tests.pictures import person_a, person_b


def jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture)[1].tobytes()


def picture(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_a_portrait_is_measured_and_makes_the_template_of_its_person(models) -> None:
    one, other, stranger = (measure(models, data) for data in (*person_a()[:2], person_b()[0]))
    assert one.problem == "" and one.quality.face_px >= 60 and abs(one.quality.yaw) <= 0.15
    assert one.quality.score > 0.8 and 38 < one.quality.luma < 232 and one.quality.sharpness > 12
    assert float(one.template @ other.template) > 0.5 > float(one.template @ stranger.template)


@pytest.mark.parametrize("what", ["nothing", "broken", "two", "dark", "small"])
def test_what_is_no_photo_to_enrol_with_says_why(models, what: str) -> None:
    face = picture(person_a()[0])
    shown = {
        "nothing": jpeg(np.full((480, 640, 3), 128, np.uint8)),
        "broken": jpeg(face)[:3_000],
        "two": jpeg(np.hstack([face, face])),
        "dark": jpeg((face * 0.12).astype(np.uint8)),
        "small": jpeg(cv2.resize(face, None, fx=0.15, fy=0.15)),
    }[what]
    found = measure(models, shown)
    wanted = {"nothing": "no_face", "broken": "unreadable", "two": "many_faces", "dark": "dark", "small": "small"}
    assert found.problem in (wanted[what], "no_face") and found.problem


@pytest.mark.parametrize("error", [AssertionError("altered"), RuntimeError("of an engine"), Unavailable("sql")])
async def test_a_desk_never_ends_without_a_word(monkeypatch, error: Exception) -> None:
    """Nobody waited for its task: it was gone, and every photo from then on waited for ever."""
    monkeypatch.setattr(enrolling, "AWAY_S", 0.01)
    monkeypatch.setattr(enrolling, "EVERY_S", 0.01)
    stop, asked = asyncio.Event(), []

    class Records:
        async def waiting(self) -> None:
            asked.append(1)
            if len(asked) == 1:
                raise error
            if len(asked) > 2:
                stop.set()

    desk = Desk(
        records=Records(), evidence=MemoryEvidence(), authority=LocalAuthority(), models=lambda: None  # type: ignore[arg-type]
    )
    await asyncio.wait_for(desk.run(stop), 5)
    assert len(asked) == 3
