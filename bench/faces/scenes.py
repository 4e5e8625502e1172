"""People before a camera: who is seen at which moment of a burst, and what the camera makes of it.

A film is a function from a moment (ms since the burst began) to a BGR picture. The plan of a burst is the player's
(`player/src/core/moves.js`): straight ahead, each action in its order, back, frames at random moments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import cv2
import msgspec
import numpy as np

from bench.faces.data import Pictures
from bench.faces.mesh import Head
from proctor.core.actions import side
from proctor.faces import quality
from proctor.faces.models import FaceModel
from proctor.faces.quality import Look
from proctor.ports import Shot

WIDTH, HEIGHT = 480, 360
WEDGE = 10  # grey levels
ENROL_YAW = 0.15  # what an enrolment photo may be turned
# Of the player: until a movement is read and done, while frames may be taken, fewest and most frames.
STEPS = {
    "front": (300, 700, 1, 3),
    "back": (1000, 500, 0, 1),
    "turn": (1200, 1500, 1, 2),
    "closer": (1300, 1400, 1, 2),
}
FRAMES_MAX = 8
QUALITY = 85  # of JPEG, as the player sends it

Film = Callable[[float], np.ndarray]
Dice = np.random.Generator


class Person(msgspec.Struct, frozen=True):
    """Somebody of the folder: pictures that an enrolment or a check could be made of, the best one first."""

    name: str
    pictures: list[np.ndarray]


class Step(msgspec.Struct, frozen=True):
    action: str  # "" is straight ahead
    start_ms: float
    end_ms: float


class Plan(msgspec.Struct, frozen=True):
    actions: tuple[str, ...]
    steps: list[Step]
    shots: list[Shot]


def people(models: FaceModel, pictures: Pictures, least: int, step: Callable[[], None]) -> list[Person]:
    """Those with at least so many usable pictures: one face, straight, well seen."""
    found = []
    for person, places in pictures.of().items():
        if len(places) < least:
            continue
        seen: list[tuple[float, np.ndarray]] = []
        for at in places[:8]:
            picture = room(cv2.imread(str(pictures.path(at))))
            one = quality.look(models, picture)
            if usable(one) and _alone(models, picture):
                seen.append((one.quality, picture))
        seen.sort(key=lambda pair: -pair[0])
        if len(seen) >= least:
            found.append(Person(pictures.identities[person], [picture for _quality, picture in seen]))
        step()
    return found


def _alone(models: FaceModel, picture: np.ndarray) -> bool:
    """Nobody else in the picture, also once its head has turned: press pictures are full of people."""
    head = Head.of(models, picture)
    return head is not None and all(
        len(models.faces(one)) == 1 for one in (picture, head.turned(40), head.turned(-40))
    )


def usable(one: Look) -> bool:
    return not one.problem and abs(one.yaw) <= ENROL_YAW


def room(picture: np.ndarray) -> np.ndarray:
    """A square press picture as wide as a camera's. Its straightening left black wedges: a frame that no room has."""
    dark = (picture.max(axis=2) <= WEDGE).astype(np.uint8)
    count, marks = cv2.connectedComponents(dark)
    rim = np.unique(np.concatenate([marks[0], marks[-1], marks[:, 0], marks[:, -1]]))
    wedges = (np.isin(marks, rim[rim > 0]) & (count > 1)).astype(np.uint8)
    filled = cv2.inpaint(picture, cv2.dilate(wedges, np.ones((7, 7), np.uint8)), 3, cv2.INPAINT_TELEA)
    large = cv2.resize(filled, (HEIGHT, HEIGHT), interpolation=cv2.INTER_CUBIC)
    side_px = (WIDTH - HEIGHT) // 2
    wide = cv2.copyMakeBorder(large, 0, 0, side_px, side_px, cv2.BORDER_REPLICATE)
    # What is added has no edges of its own.
    soft = cv2.GaussianBlur(wide, (0, 0), 12)
    share = np.clip((np.abs(np.arange(WIDTH) - WIDTH / 2) - (HEIGHT / 2 - 16)) / 16, 0, 1)[None, :, None]
    return (wide * (1 - share) + soft * share).astype(np.uint8)


def plan(actions: Sequence[str], dice: Dice) -> Plan:
    """When each instruction stands and each frame is taken."""
    kinds = [("front", "", -1)]
    for number, action in enumerate(actions):
        kinds += [("turn" if side(action) else action, action, number), ("back", "", -1)]
    counts = [STEPS[kind][2] for kind, _action, _number in kinds]
    acting = [at for at, (_kind, _action, number) in enumerate(kinds) if number >= 0]
    for at, most in ((0, 2), *((at, 2) for at in acting), *((at, 1) for at in range(len(kinds) - 1, 0, -1)), (0, 3)):
        while sum(counts) < FRAMES_MAX and counts[at] < most:
            counts[at] += 1
    steps, shots, now = [], [], 0.0
    for (kind, action, number), count in zip(kinds, counts, strict=True):
        lead, span = STEPS[kind][:2]
        for shot in range(count):
            at_ms = now + lead + span * (shot + 0.1 + 0.8 * float(dice.random())) / count
            shots.append(Shot(round(at_ms), number))
        end = now + lead + (span if count else 0)
        steps.append(Step(action, now, end))
        now = end
    return Plan(tuple(actions), steps, shots)


class Actor(Protocol):
    """Whose head is turned; a talking one is another picture at each moment."""

    def at(self, now_ms: float, /) -> Head: ...


def performance(actor: Actor, course: Plan, dice: Dice) -> Film:
    """A person who does what a plan asks, after reading it, as far as people turn, never quite still."""
    far = float(dice.uniform(32, 46))
    near = float(dice.uniform(1.32, 1.5))
    wobble, phase = dice.uniform(0.5, 2.5, 4), dice.uniform(0, 6, 4)
    marks: list[tuple[float, float, float]] = [(0.0, 0.0, 1.0)]  # from when: yaw, closeness
    for step in course.steps:
        begin = step.start_ms + float(dice.uniform(250, 700))
        done = begin + float(dice.uniform(250, 450))
        marks += [(begin, *marks[-1][1:]), (done, far * side(step.action), near if step.action == "closer" else 1.0)]
    times, yaws, sizes = (list(column) for column in zip(*marks, strict=True))

    def film(now_ms: float) -> np.ndarray:
        sway = wobble * np.sin(now_ms / 700 + phase)
        yaw = float(np.interp(now_ms, times, yaws)) + sway[0]
        return moved(
            actor.at(now_ms).turned(yaw), float(np.interp(now_ms, times, sizes)), *(1.5 * sway[1:3]), 0.6 * sway[3]
        )

    return film


def moved(
    picture: np.ndarray, scale: float = 1.0, right: float = 0.0, down: float = 0.0, tilt: float = 0.0
) -> np.ndarray:
    """The whole view nearer, shifted in pixels, tilted in degrees."""
    height, width = picture.shape[:2]
    move = cv2.getRotationMatrix2D((width / 2, height / 2), tilt, scale)
    move[:, 2] += right, down
    return cv2.warpAffine(picture, move, (width, height), borderMode=cv2.BORDER_REPLICATE)


def noisy(picture: np.ndarray, level: float, dice: Dice) -> np.ndarray:
    """What a sensor adds."""
    return np.clip(picture + dice.normal(0, level, picture.shape).astype(np.float32), 0, 255).astype(np.uint8)


def jpeg(picture: np.ndarray, level: int = QUALITY) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, level])[1].tobytes()


def shoot(film: Film, shots: Sequence[Shot], dice: Dice, level: float = 3.0) -> list[bytes]:
    """The burst as it is uploaded."""
    return [jpeg(noisy(film(shot.at_ms), level, dice)) for shot in shots]
