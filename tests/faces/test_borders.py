"""A frame around the face is found; a room with straight edges behind a person is none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from proctor.faces.borders import framed
from proctor.faces.models import Face

FACE = Face((280.0, 160.0, 80.0, 100.0), ((300.0, 200.0),) * 5, 0.95)


def _room() -> np.ndarray:
    picture = np.full((480, 640), 120, np.uint8)
    return cv2.add(picture, np.random.default_rng(1).integers(0, 12, picture.shape, dtype=np.uint8))


def _held(tilt: float) -> np.ndarray:
    """A telephone with a bright picture and a dark rim, tilted about the face."""
    corners = cv2.boxPoints(((320, 215), (150, 260), tilt)).astype(np.int32)
    return cv2.fillConvexPoly(_room(), corners, 30)


@pytest.mark.parametrize("tilt", [-8.0, 0.0, 6.0])
def test_a_screen_held_before_the_camera_is_framed(tilt: float) -> None:
    assert framed(_held(tilt), FACE, 640)


def test_a_plain_room_is_not() -> None:
    assert not framed(_room(), FACE, 640)


def test_a_door_behind_shoulders_is_not() -> None:
    room = _room()
    room[:, :200], room[:, 440:] = 60, 60  # a door frame, far to both sides
    cv2.ellipse(room, (320, 480), (240, 190), 0, 0, 360, 90, -1)  # shoulders before it
    assert not framed(room, FACE, 640)
