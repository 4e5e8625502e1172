"""Honest tries: a talking man on film, and SYNTHETIC turns of photographed heads, in what learners meet."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from bench.faces.scenes import Dice, Film, jpeg, moved, noisy
from proctor.ports import Shot

FACE_PX = 60  # of the small face
VIEW_PX = 148  # of the faces of the folder in our view
ROOM = (320, 240)
FPS_10_MS = 100
PLAIN = "plain"


def _plain(film: Film, shots: list[Shot], dice: Dice) -> list[bytes]:
    return [jpeg(noisy(film(shot.at_ms), 3.0, dice)) for shot in shots]


def _dim(film: Film, shots: list[Shot], dice: Dice) -> list[bytes]:
    """A dormitory at night: little light, and much noise for it."""
    share = float(dice.uniform(0.4, 0.55))
    return [jpeg(noisy(film(shot.at_ms) * share, 5.0, dice)) for shot in shots]


def _occluded(film: Film, shots: list[Shot], dice: Dice) -> list[bytes]:
    """A hand at the chin, on one side."""
    right = float(dice.uniform(-0.04, 0.04)) * 480
    angle = float(dice.uniform(-25, 25))
    found = []
    for shot in shots:
        picture = film(shot.at_ms).copy()
        middle = (int(240 + right), int(0.70 * 360))
        cv2.ellipse(picture, middle, (34, 22), angle, 0, 360, (120, 150, 200), -1, cv2.LINE_AA)
        found.append(jpeg(noisy(cv2.GaussianBlur(picture, (0, 0), 0.6), 3.0, dice)))
    return found


def _blurred(film: Film, shots: list[Shot], dice: Dice) -> list[bytes]:
    """A cheap lens that is out of focus."""
    radius = float(dice.uniform(1.2, 1.8))
    return [jpeg(noisy(cv2.GaussianBlur(film(shot.at_ms), (0, 0), radius), 3.0, dice)) for shot in shots]


def _small(film: Film, shots: list[Shot], dice: Dice) -> list[bytes]:
    """Somebody who sits far from the camera: a face of about 60 pixels. The room goes on around the photograph, out
    of focus; a photograph with an edge would be the attack."""
    found = []
    for shot in shots:
        picture = film(shot.at_ms)
        scale = FACE_PX / VIEW_PX
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        wide, high = ROOM[0] - size[0], ROOM[1] - size[1]
        room = cv2.copyMakeBorder(
            small, high // 2, high - high // 2, wide // 2, wide - wide // 2, cv2.BORDER_REFLECT_101
        )
        found.append(jpeg(noisy(_in_focus(room, size), 3.0, dice)))
    return found


def _in_focus(room: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Sharp in the middle, as wide as half of `size`, and ever softer outside."""
    far = cv2.GaussianBlur(room, (0, 0), 9.0).astype(np.float32)
    mask = np.zeros(room.shape[:2], np.float32)
    cv2.ellipse(mask, (ROOM[0] // 2, ROOM[1] // 2), (size[0] // 3, size[1] // 2 - 12), 0, 0, 360, 1.0, -1)
    near = cv2.GaussianBlur(mask, (0, 0), 8.0)[..., None]
    return (room * near + far * (1 - near)).astype(np.uint8)


def _slow(film: Film, shots: list[Shot], dice: Dice) -> list[bytes]:
    """A camera of 10 pictures a second: each is late, and smeared over its exposure."""
    found = []
    for shot in shots:
        begin = shot.at_ms // FPS_10_MS * FPS_10_MS
        smeared = np.mean([film(begin - part * 20.0).astype(np.float32) for part in range(4)], axis=0)
        found.append(jpeg(noisy(smeared, 3.0, dice)))
    return found


def _jpeg_40(film: Film, shots: list[Shot], dice: Dice) -> list[bytes]:
    return [jpeg(noisy(film(shot.at_ms), 3.0, dice), 40) for shot in shots]


CONDITIONS: dict[str, Callable[[Film, list[Shot], Dice], list[bytes]]] = {
    PLAIN: _plain, "dim light": _dim, "occlusion": _occluded, "blur": _blurred, "60 px": _small, "10 fps": _slow,
    "JPEG 40": _jpeg_40,
}  # fmt: skip


def swaying(picture: np.ndarray, dice: Dice) -> Film:
    """Somebody who just sits there: a photograph that moves as a whole, a little."""
    wobble, phase = dice.uniform(0.5, 2.5, 3), dice.uniform(0, 6, 3)

    def film(now_ms: float) -> np.ndarray:
        sway = wobble * np.sin(now_ms / 700 + phase)
        return moved(picture, 1.0, 1.5 * sway[0], 1.5 * sway[1], 0.6 * sway[2])

    return film
