"""What somebody who is not there holds before the camera or feeds into it. Each species makes one burst.

The victim is enrolled with another photograph than those that the attacker has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import msgspec
import numpy as np

from bench.faces.mesh import Head
from bench.faces.scenes import HEIGHT, WIDTH, Dice, Film, Person, Plan, jpeg, moved, noisy, performance, plan, shoot
from proctor.core.actions import draw, side

DEVICE = 30  # grey level of a bezel
CHANGES = ("noise of 2 levels", "compressed again", "cropped", "brighter", "darker", "tilted", "blurred", "mirrored")


class Scene(msgspec.Struct, frozen=True):
    """Who is to be imitated (by `picture`, a photograph of theirs), by whom, and what the check asks for."""

    victim: Head
    other: Head
    course: Plan
    dice: Dice

    @property
    def picture(self) -> np.ndarray:
        return self.victim.picture


def still(scene: Scene) -> list[bytes]:
    """One file again and again."""
    return [jpeg(scene.picture)] * len(scene.course.shots)


def still_noise(scene: Scene) -> list[bytes]:
    """A photograph before a camera, or moved about by a program: noise, sway, near when asked to."""
    wobble, phase = scene.dice.uniform(1, 4, 3), scene.dice.uniform(0, 6, 3)

    def film(now_ms: float) -> np.ndarray:
        sway = wobble * np.sin(now_ms / 600 + phase)
        return moved(scene.picture, _near(scene.course, now_ms), *(2 * sway[:2]), 0.8 * sway[2])

    return shoot(film, scene.course.shots, scene.dice)


def warped(scene: Scene) -> list[bytes]:
    """A print that is turned to the asked side, held so near that its perspective helps."""
    distance, far = float(scene.dice.uniform(0.7, 2.5)), float(scene.dice.uniform(30, 62))
    sign = 1 if scene.dice.random() < 0.5 else -1  # nobody knows beforehand which way looks more like a turn
    nod = float(scene.dice.uniform(-12, 12))

    def film(now_ms: float) -> np.ndarray:
        yaw = sign * far * side(_asked(scene.course, now_ms))
        flat = plane(scene.picture, yaw, nod if yaw else 0.0, distance)
        return moved(flat, _near(scene.course, now_ms))

    return shoot(film, scene.course.shots, scene.dice)


def bezel(scene: Scene) -> list[bytes]:
    """A screen in the hand that shows the victim doing exactly what is asked: the worst case."""
    return shoot(_screen(scene, performance(scene.victim, scene.course, scene.dice)), scene.course.shots, scene.dice)


def canvas(scene: Scene) -> list[bytes]:
    """A page's own canvas as the camera: a still with a little noise for every frame."""
    frames = []
    for shot in scene.course.shots:
        grains = scene.dice.integers(-2, 3, scene.picture.shape)
        light = float(scene.dice.uniform(-3, 3))
        near = moved(scene.picture, _near(scene.course, shot.at_ms))
        frames.append(jpeg(np.clip(near + grains + light, 0, 255).astype(np.uint8)))
    return frames


def looped(scene: Scene) -> list[bytes]:
    """The victim's own earlier active check on film, played over and over through a virtual camera."""
    film, length = _film_of_another_check(scene)
    start = float(scene.dice.uniform(0, length))
    return shoot(lambda now_ms: film((start + now_ms) % length), scene.course.shots, scene.dice)


def in_step(scene: Scene) -> list[bytes]:
    """The same film started with the check, so that its instructions fall together: the best that a film can do."""
    film, _length = _film_of_another_check(scene)
    return shoot(film, scene.course.shots, scene.dice)


def switched(scene: Scene) -> list[bytes]:
    """The victim's picture looks straight ahead; somebody else steps in for the movements."""
    acting = performance(scene.other, scene.course, scene.dice)
    posing = performance(scene.victim, scene.course, scene.dice)

    def film(now_ms: float) -> np.ndarray:
        return (acting if side(_asked(scene.course, now_ms)) else posing)(now_ms)

    return shoot(film, scene.course.shots, scene.dice)


def other(scene: Scene) -> list[bytes]:
    """Somebody else does it all."""
    return shoot(performance(scene.other, scene.course, scene.dice), scene.course.shots, scene.dice)


def nobody(scene: Scene) -> list[bytes]:
    """A room: the picture's wall, without the head."""
    wall = cv2.GaussianBlur(scene.picture, (0, 0), 25)
    return shoot(lambda _now: wall, scene.course.shots, scene.dice)


def two(scene: Scene) -> list[bytes]:
    """Both before one camera; the victim does what is asked."""
    acting = performance(scene.victim, scene.course, scene.dice)
    beside = scene.other.picture[:, WIDTH // 4 : WIDTH * 3 // 4]

    def film(now_ms: float) -> np.ndarray:
        return np.hstack([acting(now_ms)[:, WIDTH // 4 : WIDTH * 3 // 4], beside])

    return shoot(film, scene.course.shots, scene.dice)


ACTIVE: dict[str, Callable[[Scene], list[bytes]]] = {
    "still": still, "still + noise": still_noise, "warped still (planar)": warped, "replay in bezel": bezel,
    "canvas stream of a still": canvas, "looped film with turns": looped, "film of another check, in step": in_step,
    "switched mid-check": switched, "other person": other, "no face": nobody, "two faces": two,
}  # fmt: skip
FILMS = ("looped film with turns", "film of another check, in step")


def changed(picture: np.ndarray, how: str, dice: Dice) -> bytes:
    """An earlier capture with what a cheat does to it so that no digest knows it again."""
    if how == "compressed again":
        return jpeg(picture, int(dice.integers(40, 75)))
    if how == "cropped":
        height, width = picture.shape[:2]
        cut = [round(float(share) * height) for share in dice.uniform(0.005, 0.035, 4)]
        part = picture[cut[0] : height - cut[1], cut[2] : width - cut[3]]
        return jpeg(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR))
    if how == "brighter":
        return jpeg(np.clip(picture * float(dice.uniform(1.08, 1.25)) + 5, 0, 255).astype(np.uint8))
    if how == "darker":
        return jpeg((picture * float(dice.uniform(0.7, 0.92))).astype(np.uint8))
    if how == "tilted":
        return jpeg(moved(picture, float(dice.uniform(0.95, 1.07)), 4, -3, float(dice.uniform(-4, 4))))
    if how == "blurred":
        return jpeg(noisy(cv2.GaussianBlur(picture, (0, 0), float(dice.uniform(0.7, 1.3))), 2.0, dice))
    if how == "mirrored":
        return jpeg(np.ascontiguousarray(picture[:, ::-1]))
    return jpeg(np.clip(picture + dice.integers(-2, 3, picture.shape), 0, 255).astype(np.uint8))


def plane(picture: np.ndarray, yaw: float, nod: float, distance: float) -> np.ndarray:
    """A flat picture turned in space, in degrees, seen from so many of its widths away."""
    height, width = picture.shape[:2]
    corners = np.array([[-width, -height, 0], [width, -height, 0], [width, height, 0], [-width, height, 0]]) / 2
    turn, _jacobian = cv2.Rodrigues(np.array([np.deg2rad(nod), 0.0, 0.0]))
    swing, _jacobian = cv2.Rodrigues(np.array([0.0, np.deg2rad(yaw), 0.0]))
    placed = corners @ (swing @ turn).T
    depth = placed[:, 2] + distance * width
    seen = placed[:, :2] * (distance * width / depth)[:, None] + (width / 2, height / 2)
    carry = cv2.getPerspectiveTransform(
        (corners[:, :2] + (width / 2, height / 2)).astype(np.float32), seen.astype(np.float32)
    )
    return cv2.warpPerspective(picture, carry, (width, height), borderValue=(150, 155, 150))


def _screen(scene: Scene, film: Film) -> Film:
    """A telephone or a tablet held upright before a room."""
    dice = scene.dice
    tall, across = int(dice.integers(250, 320)), float(dice.uniform(0.62, 0.8))
    wide, rim = round(tall * across), int(dice.integers(6, 16))
    wall = cv2.resize(cv2.GaussianBlur(scene.other.picture, (0, 0), 6), (WIDTH, HEIGHT))
    tilt, phase = float(dice.uniform(-7, 7)), float(dice.uniform(0, 6))
    tint = dice.uniform(0.85, 1.1, 3)

    def shown(now_ms: float) -> np.ndarray:
        frame = film(now_ms)
        cut = round(HEIGHT * wide / tall)
        middle = frame[:, (WIDTH - cut) // 2 : (WIDTH + cut) // 2]
        inner = cv2.resize(middle, (wide, tall), interpolation=cv2.INTER_AREA)
        inner = np.clip(cv2.GaussianBlur(inner, (0, 0), 0.7) * tint, 0, 255).astype(np.uint8)
        device = cv2.copyMakeBorder(inner, rim * 2, rim * 2, rim, rim, cv2.BORDER_CONSTANT, value=(DEVICE,) * 3)
        move = cv2.getRotationMatrix2D((device.shape[1] / 2, device.shape[0] / 2), tilt, 1.0)
        move[0, 2] += (WIDTH - device.shape[1]) / 2 + 2 * np.sin(now_ms / 500 + phase)
        move[1, 2] += (HEIGHT - device.shape[0]) / 2 + 2 * np.cos(now_ms / 600 + phase)
        return cv2.warpAffine(device, move, (WIDTH, HEIGHT), dst=wall.copy(), borderMode=cv2.BORDER_TRANSPARENT)

    return shown


def _film_of_another_check(scene: Scene) -> tuple[Film, float]:
    asked = plan(draw(int(scene.dice.integers(2**32))), scene.dice)
    return performance(scene.victim, asked, scene.dice), asked.steps[-1].end_ms


def _asked(course: Plan, now_ms: float) -> str:
    return next((step.action for step in course.steps if step.start_ms <= now_ms < step.end_ms), "")


def _near(course: Plan, now_ms: float) -> float:
    """Zoom is free for who feeds pictures."""
    return 1.4 if _asked(course, now_ms) == "closer" else 1.0


def people_apart(count: int, dice: Dice, people: Sequence[Person]) -> list[tuple[Person, Person]]:
    """Victims and others, never the same, going round so that all take part."""
    order = [people[int(i)] for i in dice.permutation(len(people))]
    return [(order[i % len(order)], order[(i + 1 + i // len(order)) % len(order)]) for i in range(count)]
