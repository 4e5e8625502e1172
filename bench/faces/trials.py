"""Tries of every species and every condition, counted. A figure is a share of tries, with its interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from bench.faces import attacks, genuine
from bench.faces.mesh import Head
from bench.faces.scenes import Dice, Person, Plan, jpeg, noisy, performance, plan, shoot
from proctor.core.actions import draw, guess_rate
from proctor.core.facts import CheckWay, Outcome
from proctor.faces.judge import Judge
from proctor.faces.match import Judgement
from proctor.faces.models import FaceModel
from proctor.faces.replay import Trace
from tests import pictures as clips

TRIES = 3  # of one check
STILLS_MS = (0, 350, 700)  # of a routine burst
CLIP_FPS = 25.0
Z = 1.96
GENUINE = ">= 0.99"


class Tally(msgspec.Struct):
    """`accepted` of `tries`; `first`: by the first of up to three bursts. `bar`: what must hold, in words."""

    name: str
    way: str
    bar: str = ""
    tries: int = 0
    accepted: int = 0
    first: int = 0
    details: Counter[str] = msgspec.field(default_factory=Counter)
    cues: Counter[str] = msgspec.field(default_factory=Counter)

    def add(self, bursts: Sequence[Judgement]) -> None:
        self.tries += 1
        self.first += bursts[0].outcome is Outcome.PASSED
        self.accepted += bursts[-1].outcome is Outcome.PASSED
        for one in bursts:
            self.details[one.detail or str(one.outcome)] += 1
            self.cues.update(one.cues)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share accepted."""
        if not self.tries:
            return 0.0, 1.0
        share, weight = self.accepted / self.tries, Z * Z / self.tries
        middle = (share + weight / 2) / (1 + weight)
        half = Z * (share * (1 - share) / self.tries + weight / (4 * self.tries)) ** 0.5 / (1 + weight)
        return max(0.0, middle - half), min(1.0, middle + half)


class Stage(msgspec.Struct, frozen=True):
    """What all tries share. `step` is called after each."""

    judge: Judge
    models: FaceModel
    people: list[Person]
    count: int
    seed: int
    step: Callable[[], None]
    heads: dict[int, Head] = msgspec.field(default_factory=dict)  # by the picture of `people` that they were made of

    def head(self, picture: np.ndarray) -> Head:
        """In depth; made once, for a picture is used by many tries."""
        if id(picture) not in self.heads:
            self.heads[id(picture)] = _head(self.models, picture)
        return self.heads[id(picture)]

    def dice(self, name: str) -> Dice:
        return np.random.default_rng([self.seed, *name.encode()])


def active_attacks(stage: Stage, only: Sequence[str] = ()) -> list[Tally]:
    """One burst a try: victims who are enrolled with another photograph than the attacker's."""
    found = []
    for name, make in attacks.ACTIVE.items():
        if only and name not in only:
            continue
        dice = stage.dice(name)
        bar = f"<= {guess_rate():.4f}" if name in attacks.FILMS else "0"
        tally = Tally(name, "active", bar)
        for victim, other in attacks.people_apart(stage.count, dice, stage.people):
            template = stage.judge.template_of(jpeg(victim.pictures[0]))
            mine = victim.pictures[int(dice.integers(1, len(victim.pictures)))]
            heads = [stage.head(one) for one in (mine, other.pictures[0])]
            course = plan(draw(int(dice.integers(2**32))), dice)
            frames = make(attacks.Scene(heads[0], heads[1], course, dice))
            tally.add([_active(stage.judge, frames, template, course)])
            stage.step()
        found.append(tally)
    return found


def routine_attacks(stage: Stage) -> list[Tally]:
    """Earlier captures of the victim, as they were and changed a little; others; nobody; two."""
    found = []
    for name in ("earlier capture", *attacks.CHANGES, "other person", "no face", "two faces"):
        dice = stage.dice(f"routine {name}")
        tally = Tally(name, "routine", "0")
        for victim, other in attacks.people_apart(stage.count, dice, stage.people):
            template = stage.judge.template_of(jpeg(victim.pictures[0]))
            taken = _captured(victim.pictures[1], dice)
            earlier = stage.judge.judge([jpeg(one) for one in taken], template, "camera").traces
            frames = _cheated(name, taken, other, dice)
            tally.add([stage.judge.judge(frames, template, "camera", earlier=earlier)])
            stage.step()
        found.append(tally)
    return found


def _cheated(name: str, taken: list[np.ndarray], other: Person, dice: Dice) -> list[bytes]:
    if name == "earlier capture":
        return [jpeg(one) for one in taken]
    if name == "other person":
        return [jpeg(one) for one in _captured(other.pictures[0], dice)]
    if name == "no face":
        return [jpeg(noisy(np.full((360, 480, 3), 128, np.uint8), 6.0, dice)) for _ in STILLS_MS]
    if name == "two faces":
        pairs = zip(taken, _captured(other.pictures[0], dice), strict=True)
        return [jpeg(np.hstack([one[:, 120:360] for one in pair])) for pair in pairs]
    return [attacks.changed(one, name, dice) for one in taken]


def conditions(stage: Stage, only: Sequence[str] = ()) -> list[Tally]:
    """SYNTHETIC turns of photographed heads: up to three bursts, each from another photograph, as a check allows."""
    found = []
    for name, make in genuine.CONDITIONS.items():
        if only and name not in only:
            continue
        dice = stage.dice(f"genuine {name}")
        tally = Tally(f"synthetic turns, {name}", "active", GENUINE)
        for number in range(stage.count):
            person = stage.people[number % len(stage.people)]
            template = stage.judge.template_of(jpeg(person.pictures[0]))
            others = person.pictures[1:]
            bursts: list[Judgement] = []
            while not _over(bursts):
                photo = others[(number // len(stage.people) + len(bursts)) % len(others)]
                course = plan(draw(int(dice.integers(2**32))), dice)
                frames = make(performance(stage.head(photo), course, dice), course.shots, dice)
                earlier = [trace for one in bursts for trace in one.traces]
                bursts.append(_active(stage.judge, frames, template, course, earlier))
            tally.add(bursts)
            stage.step()
        found.append(tally)
    return found


def talking_man(stage: Stage) -> list[Tally]:
    """A real face that moves and talks: routine bursts at any moment of the clip, active ones with SYNTHETIC turns.

    Those of the second half know the traces of one burst of the first: fresh captures of the same man in the same
    place must not look like replays.
    """
    man = _Talking(stage.models)
    judge, dice = stage.judge, stage.dice("talking man")
    template = judge.judge([jpeg(man.film[i]) for i in (0, 9, 18)], None, "camera").template
    earlier = judge.judge([jpeg(man.film[i]) for i in (22, 30, 38)], template, "camera").traces
    half, last = len(man.film) // 2 + 10, len(man.film) - 18
    routine = Tally("talking man", "routine", GENUINE)
    acting = Tally("talking man, synthetic turns", "active", GENUINE)
    for _number in range(stage.count):
        bursts: list[Judgement] = []
        while not _over(bursts):
            start = int(dice.integers(half, last))
            frames = [man.film[start + round(ms / 1_000 * CLIP_FPS)] for ms in STILLS_MS]
            bursts.append(
                judge.judge([jpeg(noisy(one, 3.0, dice)) for one in frames], template, "camera", earlier=earlier)
            )
        routine.add(bursts)
        bursts = []
        while not _over(bursts):
            course = plan(draw(int(dice.integers(2**32))), dice)
            man.start_ms = float(dice.uniform(0, 9_000))
            frames = shoot(performance(man, course, dice), course.shots, dice)
            bursts.append(_active(judge, frames, template, course))
        acting.add(bursts)
        stage.step()
    return [routine, acting]


class _Talking:
    """The clip there and back again, each frame a head that can be turned."""

    def __init__(self, models: FaceModel) -> None:
        self.film = clips.moving_man()
        self.start_ms = 0.0
        self._models = models
        self._heads: dict[int, Head] = {}

    def at(self, now_ms: float) -> Head:
        index = int((self.start_ms + now_ms) / 1_000 * CLIP_FPS) % (2 * len(self.film) - 2)
        index = min(index, 2 * len(self.film) - 2 - index)
        if index not in self._heads:
            self._heads[index] = _head(self._models, self.film[index])
        return self._heads[index]


def _head(models: FaceModel, picture: np.ndarray) -> Head:
    found = Head.of(models, picture)
    assert found is not None, "pictures are chosen so that they show a face"
    return found


def _over(bursts: Sequence[Judgement]) -> bool:
    return len(bursts) == TRIES or bool(bursts) and bursts[-1].outcome is Outcome.PASSED


def _active(
    judge: Judge, frames: list[bytes], template: np.ndarray | None, course: Plan, earlier: Sequence[Trace] = ()
) -> Judgement:
    return judge.judge(
        frames, template, "camera", way=CheckWay.ACTIVE, actions=course.actions, shots=course.shots, earlier=earlier
    )


def _captured(picture: np.ndarray, dice: Dice) -> list[np.ndarray]:
    """A routine burst of somebody who just sits there."""
    film = genuine.swaying(picture, dice)
    return [noisy(film(ms), 3.0, dice) for ms in STILLS_MS]
