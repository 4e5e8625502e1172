"""From the looks of one burst to a word on it, by public thresholds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from proctor.core.facts import Outcome
from proctor.faces.quality import Look

GOOD_FRAMES_MIN = 2  # of a camera's burst; one lucky frame says little
ENROL_FRAMES_MIN = 3  # everything later is compared with it, so it asks for more
FILE_FRAMES_MIN = 1  # a phone without a camera interface sends one picture; the capture is flagged as untrusted
# Cosine between any two frames of one burst; below it two people took turns. At 0.5 one burst in twenty of a
# talking man in a poor video was refused, at 0.45 none.
SAME_PERSON = 0.45
STILL_DIFF = 0.35  # mean grey levels between aligned faces: a live camera has noise, a repeated file has none
BEST_FRAMES = 3


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A word on one burst. `template`: what an enrolment stores; `best`: index of the frame to keep with it."""

    outcome: Outcome
    detail: str = ""
    score: float = 0.0
    threshold: float = 0.0
    frames: int = 0  # pictures in the burst
    good: int = 0  # of them usable and different from each other
    template: np.ndarray | None = None
    best: int = -1


def compare(
    looks: Sequence[Look], embeddings: Sequence[np.ndarray], template: np.ndarray | None, *, accept: float,
    grey: float, source: str, same: float = SAME_PERSON,
) -> Judgement:  # fmt: skip
    """`embeddings` belong to the usable looks, in order. Without `template` the burst enrols.

    Poor pictures are unclear, never a mismatch: only faces that were seen well can be another person's.
    `same` is the cosine that frames of one person reach among themselves.
    """
    if template is None and source == "file":
        # Whoever picks a file picks whose face it shows: an enrolment needs a live camera, or a person.
        return Judgement(outcome=Outcome.UNCLEAR, detail="needs_camera", threshold=accept, frames=len(looks))
    usable = [index for index, one in enumerate(looks) if not one.problem]
    vectors = dict(zip(usable, embeddings, strict=True))
    # A repeated picture is no further witness. A file is one picture by nature.
    good = usable if source == "file" else _distinct(looks, usable)
    enrolling = template is None
    needed = FILE_FRAMES_MIN if source == "file" else ENROL_FRAMES_MIN if enrolling else GOOD_FRAMES_MIN
    problem = _problem(looks, usable, good, needed)
    if not problem and not _agree([vectors[i] for i in good], max(same, accept) if enrolling else same):
        problem = "changing"
    if problem:
        return Judgement(outcome=Outcome.UNCLEAR, detail=problem, threshold=accept, frames=len(looks), good=len(good))
    order = sorted(good, key=lambda index: looks[index].quality, reverse=True)[:BEST_FRAMES]
    if template is None:
        mean = np.mean([vectors[index] for index in order], axis=0)
        mean = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
        return Judgement(
            outcome=Outcome.PASSED, detail="enrolled", score=1.0, threshold=accept, frames=len(looks),
            good=len(good), template=mean, best=order[0],
        )  # fmt: skip
    score = float(np.mean([float(np.dot(vectors[index], template)) for index in order]))
    outcome, detail = _word(score, accept, grey)
    return Judgement(
        outcome=outcome, detail=detail, score=score, threshold=accept, frames=len(looks), good=len(good),
        best=order[0],
    )  # fmt: skip


def _word(score: float, accept: float, grey: float) -> tuple[Outcome, str]:
    if score >= accept:
        return Outcome.PASSED, ""
    if score < grey:
        return Outcome.MISMATCH, "mismatch"
    return Outcome.UNCLEAR, "not_sure"


def _problem(looks: Sequence[Look], usable: list[int], good: list[int], needed: int) -> str:
    """Why this burst cannot be compared; "" when it can."""
    problems = Counter(one.problem for one in looks if one.problem)
    if looks and problems["many_faces"] * 2 >= len(looks):
        return "many_faces"
    if len(good) >= needed:
        return ""
    if len(usable) >= needed:
        return "still"
    return problems.most_common(1)[0][0] if problems else "too_few"


def _agree(vectors: Sequence[np.ndarray], least: float) -> bool:
    """Every pair of frames shows one person. Written so that a vector that is not a number never agrees."""
    return all(float(np.dot(a, b)) >= least for a in vectors for b in vectors)


def _distinct(looks: Sequence[Look], usable: Sequence[int]) -> list[int]:
    """Without repeats: pictures equal to the pixel come from a file or a frozen driver, not from a live sensor."""
    kept: list[int] = []
    for index in usable:
        face = np.asarray(looks[index].aligned, np.float32)
        others = (np.asarray(looks[other].aligned, np.float32) for other in kept)
        if all(float(np.abs(face - other).mean()) >= STILL_DIFF for other in others):
            kept.append(index)
    return kept
