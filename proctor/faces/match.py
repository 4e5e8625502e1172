"""From the looks of one burst to a word on it, by public thresholds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from proctor.core.facts import Outcome
from proctor.faces.quality import Look

GOOD_FRAMES_MIN = 2  # of a camera's burst; one lucky frame says little
SAME_PERSON = 0.5  # cosine between frames of one burst: below it two people took turns
STILL_DIFF = 0.35  # mean grey levels between aligned faces: a live camera has noise, a repeated file has none
BEST_FRAMES = 3


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A word on one burst. `template`: what an enrolment stores; `best`: index of the frame to keep with it."""

    outcome: Outcome
    detail: str = ""
    score: float = 0.0
    threshold: float = 0.0
    frames: int = 0  # pictures in the burst
    template: np.ndarray | None = None
    best: int = -1


def compare(
    looks: Sequence[Look], embeddings: Sequence[np.ndarray], template: np.ndarray | None, *, accept: float,
    grey: float, source: str,
) -> Judgement:  # fmt: skip
    """`embeddings` belong to the usable looks, in order. Without `template` the burst enrols.

    Poor pictures are unclear, never a mismatch: only faces that were seen well can be another person's.
    """
    good = [index for index, one in enumerate(looks) if not one.problem]
    problem = _problem(looks, good, embeddings, source)
    if problem:
        return Judgement(outcome=Outcome.UNCLEAR, detail=problem, threshold=accept, frames=len(looks))
    order = sorted(range(len(good)), key=lambda i: looks[good[i]].quality, reverse=True)[:BEST_FRAMES]
    mean = np.mean([embeddings[i] for i in order], axis=0)
    mean = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    best = good[order[0]]
    if template is None:
        return Judgement(
            outcome=Outcome.PASSED, detail="enrolled", score=1.0, threshold=accept, frames=len(looks), template=mean,
            best=best,
        )  # fmt: skip
    score = float(np.mean([float(np.dot(embeddings[i], template)) for i in order]))
    if score >= accept:
        outcome, detail = Outcome.PASSED, ""
    elif score < grey:
        outcome, detail = Outcome.MISMATCH, "mismatch"
    else:
        outcome, detail = Outcome.UNCLEAR, "not_sure"
    return Judgement(outcome=outcome, detail=detail, score=score, threshold=accept, frames=len(looks), best=best)


def _problem(looks: Sequence[Look], good: list[int], embeddings: Sequence[np.ndarray], source: str) -> str:
    """Why this burst cannot be compared; "" when it can."""
    needed = 1 if source == "file" else GOOD_FRAMES_MIN
    problems = Counter(one.problem for one in looks if one.problem)
    if problems.get("many_faces", 0) * 2 >= len(looks) and looks:
        return "many_faces"
    if len(good) < needed:
        return problems.most_common(1)[0][0] if problems else "too_few"
    if source != "file" and _still([looks[index].aligned for index in good]):
        return "still"
    similar = min((float(np.dot(a, b)) for a in embeddings for b in embeddings), default=1.0)
    return "changing" if similar < SAME_PERSON else ""


def _still(faces: list[np.ndarray | None]) -> bool:
    """All frames of a burst equal to the pixel: a file is being played, not a camera."""
    if len(faces) < 2:
        return False
    first = np.asarray(faces[0], np.float32)
    return all(float(np.abs(np.asarray(face, np.float32) - first).mean()) < STILL_DIFF for face in faces[1:])
