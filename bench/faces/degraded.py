"""A bad day: an identity photo of 60 pixels against a dim, noisy, blurred camera. What is said of who is right?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import msgspec
import numpy as np

from bench.faces.scenes import Dice, Person, jpeg, noisy
from proctor.core.facts import Outcome
from proctor.faces import quality
from proctor.faces.models import FaceModel

ID_PX = 60  # width of the face on the identity photo
VIEW_PX = 148  # width of a face in our view of a press picture
TRIES = 3
MISMATCHES = 2  # running, before a check says so


class Degraded(msgspec.Struct):
    """Counts of single frames, and of whole checks of up to three."""

    frames: int = 0
    mismatches: int = 0
    unverifiable: int = 0
    checks: int = 0
    checks_mismatch: int = 0
    checks_passed: int = 0


def photo(picture: np.ndarray) -> np.ndarray:
    """As it comes from a card: small, compressed, and enlarged again."""
    scale = ID_PX / VIEW_PX
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    kept = cv2.imdecode(np.frombuffer(jpeg(small, 75), np.uint8), cv2.IMREAD_COLOR)
    return cv2.resize(kept, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_CUBIC)


def frame(picture: np.ndarray, dice: Dice) -> bytes:
    """A dormitory at night by a cheap camera."""
    dim = picture * float(dice.uniform(0.35, 0.6))
    return jpeg(noisy(cv2.GaussianBlur(dim, (0, 0), float(dice.uniform(0.6, 1.4))), 7.0, dice), 60)


def measure(
    models: FaceModel, people: Sequence[Person], accept: float, grey: float, count: int, dice: Dice,
    step: Callable[[], None],
) -> Degraded:  # fmt: skip
    """`count` checks, going round the people and their pictures."""
    found = Degraded()
    for number in range(count):
        person = people[number % len(people)]
        card = quality.look(models, photo(person.pictures[0]))
        if card.aligned is None:
            continue
        template = models.embeddings([card.aligned])[0]
        words: list[Outcome] = []
        while not _over(words):
            others = person.pictures[1:]
            picture = others[(number // len(people) + len(words)) % len(others)]
            words.append(_word(models, template, frame(picture, dice), accept, grey))
        found.frames += 1
        found.mismatches += words[0] is Outcome.MISMATCH
        found.unverifiable += words[0] is Outcome.MISSED
        found.checks += 1
        found.checks_mismatch += words[-MISMATCHES:] == [Outcome.MISMATCH] * MISMATCHES
        found.checks_passed += words[-1] is Outcome.PASSED
        step()
    return found


def _over(words: Sequence[Outcome]) -> bool:
    if len(words) == TRIES or (words and words[-1] is Outcome.PASSED):
        return True
    return list(words[-MISMATCHES:]) == [Outcome.MISMATCH] * MISMATCHES


def _word(models: FaceModel, template: np.ndarray, data: bytes, accept: float, grey: float) -> Outcome:
    """MISSED stands for a frame that cannot be compared."""
    one = quality.look(models, quality.decode(data))
    if one.aligned is None or one.problem:
        return Outcome.MISSED
    score = float(models.embeddings([one.aligned])[0] @ template)
    return Outcome.PASSED if score >= accept else Outcome.MISMATCH if score < grey else Outcome.UNCLEAR
