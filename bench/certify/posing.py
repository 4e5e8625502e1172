"""Makes the album: real faces, turned on a 3-D mesh (SYNTHETIC turns), each sitting looked at by the judge first.

The pictures are those that installed packages bring (tests/pictures.py), or a folder of labelled ones. A sitting is
kept when the judge passes a routine and an active answer of it beside all earlier sittings of the same person: what
is measured afterwards is load, and a learner who is sent to the next try for a poor picture would blur it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from bench.certify.album import STILLS_MS, Album, Person, Plan, Take, read, write
from bench.faces import data, scenes
from bench.faces.mesh import Head
from bench.faces.scenes import Dice, jpeg, moved
from proctor.core import actions as acts
from proctor.core.facts import CheckWay, Outcome
from proctor.core.policy import DEFAULT
from proctor.faces import backends
from proctor.faces.judge import Judge
from proctor.faces.models import FaceModel
from proctor.faces.replay import Trace
from proctor.ports import Shot
from proctor.settings import Settings
from tests import pictures

HERE = Path(__file__).parent
FACES = HERE.parents[1] / "proctor" / "faces"
MADE_BY = ("posing.py", "album.py", "../faces/mesh.py", "../faces/scenes.py")
TAKES_MIN, TAKES_MAX = 3, 6  # of one person: a learner is checked so often before a sitting comes again
PEOPLE_MAX = 6
PLANS = 3  # ways to time one sequence of actions
YAWS = (0.0, -10.0, 10.0, -18.0, 18.0)  # how somebody happens to sit
FACE_PX = 150
FAR = 44.0  # degrees of a turn that was asked for
NEARER = 1.42
NOISE = 3.0  # grey levels of a sensor
GRAINS = 8
WIDE, HIGH = 640, 480  # what the player sends
STRAIGHT, TURNED, CLOSE = 6, 4, 2  # frames of a take: enough for any sequence of two turns
TRIED = (("left", "closer", "right"), ("right", "left"))  # sequences by which a sitting is tried


def make(settings: Settings, folder: Path | None) -> Album:
    """`folder`: of labelled pictures (bench/faces/data.py), None: those of packages. Raises OSError, ValueError."""
    models = backends.load(settings.face_backend, settings.face_engine, settings.face_precision, settings.face_recipe)
    judge = Judge(models, settings.match_accept, settings.match_grey)
    dice = np.random.default_rng(4)
    plans = plans_of(dice)
    sensor = Sensor(dice)
    people = []
    for some in _labelled(folder) if folder else _installed():
        found = person(judge, models, some, plans, sensor)
        if found is not None:
            people.append(found)
        if len(people) == PEOPLE_MAX:
            break
    if not people:
        raise ValueError(f"nobody in these pictures can be seen in {TAKES_MIN} different sittings")
    return Album(judge.model, people, plans)


def kept(settings: Settings, folder: Path | None) -> Album:
    """The same, made once: sittings take minutes on a busy machine. Another judge or other pictures make another."""
    asked = (settings.face_backend, settings.face_engine, settings.face_precision, folder)
    whole = hashlib.sha256(repr(asked).encode())
    for path in (*sorted(FACES.glob("*.py")), *(HERE / name for name in MADE_BY)):
        whole.update(path.read_bytes())
    path = pictures.cache_folder() / f"album-{whole.hexdigest()[:16]}.msgpack"
    if not path.exists():
        write(make(settings, folder), path)
    return read(path)


def plans_of(dice: Dice) -> dict[str, list[Plan]]:
    """Timings of every sequence that the server may ask for."""
    asked = {acts.draw(roll, DEFAULT.active_turns) for roll in range(64)}
    return {
        " ".join(one): [
            [(shot.at_ms, shot.action) for shot in scenes.plan(one, dice).shots] for _number in range(PLANS)
        ]
        for one in sorted(asked)
    }


def person(
    judge: Judge, models: FaceModel, some: Sequence[np.ndarray], plans: dict[str, list[Plan]], sensor: Sensor
) -> Person | None:
    """Sittings of one person from these pictures (BGR); None when they are too few. The first one enrols."""
    template: np.ndarray | None = None
    takes: list[Take] = []
    earlier: list[Trace] = []
    for picture in some:
        view = seated(models, picture)
        head = None if view is None else Head.of(models, view)
        for yaw in YAWS if head is not None else ():
            if len(takes) == TAKES_MAX:
                break
            assert head is not None
            straight = frames_of(head, yaw, 0.0, 1.0, STRAIGHT, sensor)
            enrolled = judge.template_of(straight[0]) if template is None else template
            if enrolled is None or not routine(judge, straight, enrolled, earlier):
                continue  # most that fail do so here: the turns need not be made
            made = Take(
                straight=straight, closer=frames_of(head, yaw, 0.0, NEARER, CLOSE, sensor),
                left=frames_of(head, 0.0, FAR, 1.0, TURNED, sensor),
                right=frames_of(head, 0.0, -FAR, 1.0, TURNED, sensor),
            )  # fmt: skip
            traces = active(judge, made, enrolled, plans, earlier)
            if traces:
                template = enrolled
                takes.append(made)
                earlier += traces
    if template is None or len(takes) < TAKES_MIN:
        return None
    return Person(np.asarray(template, "<f4").tobytes(), takes)


def seated(models: FaceModel, picture: np.ndarray) -> np.ndarray | None:
    """The largest face in the middle of a camera's view, as wide as somebody's at a desk; None without a face."""
    faces = models.faces(picture)
    if not faces:
        return None
    left, top, width, height = faces[0].box
    scale = FACE_PX / max(width, 1.0)
    across, down = WIDE / 2 - scale * (left + width / 2), HIGH * 0.48 - scale * (top + height / 2)
    move = np.array([[scale, 0, across], [0, scale, down]])
    return cv2.warpAffine(picture, move, (WIDE, HIGH), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)


class Sensor:
    """Noise of a camera, and a head that nobody holds quite still. A few pictures of noise serve for all frames."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self._noise = [dice.normal(0, NOISE, (HIGH, WIDE, 3)).astype(np.float32) for _ in range(GRAINS)]

    def frame(self, head: Head, turned: float, scale: float) -> bytes:
        right, down = self.dice.normal(0, 2, 2)
        view = moved(head.turned(turned + self.dice.normal(0, 1)), scale, right, down, self.dice.normal(0, 0.5))
        grain = np.roll(self._noise[self.dice.integers(GRAINS)], self.dice.integers(WIDE, size=2), (0, 1))
        return jpeg(np.clip(view + grain, 0, 255).astype(np.uint8))


def frames_of(head: Head, yaw: float, turn: float, scale: float, count: int, sensor: Sensor) -> list[bytes]:
    """So many frames of one sitting."""
    return [sensor.frame(head, yaw + turn, scale) for _number in range(count)]


def routine(judge: Judge, straight: list[bytes], template: np.ndarray, earlier: Sequence[Trace]) -> bool:
    word = judge.judge(straight[: len(STILLS_MS)], template, "camera", earlier=earlier)
    return word.outcome is Outcome.PASSED


def active(
    judge: Judge, made: Take, template: np.ndarray, plans: dict[str, list[Plan]], earlier: Sequence[Trace]
) -> tuple[Trace, ...]:
    """What the judge would remember of this sitting; nothing when it does not pass what it may be asked at once."""
    found: tuple[Trace, ...] = ()
    for asked in TRIED:
        plan = plans[" ".join(asked)][0]
        word = judge.judge(
            made.frames(asked, plan), template, "camera", way=CheckWay.ACTIVE, actions=asked,
            shots=tuple(Shot(*one) for one in plan), earlier=earlier,
        )  # fmt: skip
        if word.outcome is not Outcome.PASSED:
            return ()
        found += word.traces
    return found


def _installed() -> Iterator[list[np.ndarray]]:
    """People that packages bring: a man who talks, an astronaut, and two whose portraits are public."""
    yield list(pictures.moving_man()[::12])
    yield [pictures.astronaut()[0]]
    for portraits in (pictures.person_a(), pictures.person_b()):
        yield [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR) for one in portraits]


def _labelled(folder: Path) -> Iterator[list[np.ndarray]]:
    shown = data.read(folder, 0)
    for places in shown.of().values():
        seen = [scenes.room(cv2.imread(str(shown.path(at)))) for at in places[: 2 * TAKES_MAX]]
        if len(seen) >= 2:
            yield seen
