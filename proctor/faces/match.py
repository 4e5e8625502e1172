"""From the looks of one burst to a word on it, by public thresholds.

A routine burst (one to three stills) asks: is this the learner, and is the capture new? An active one (frames while
ordered actions are done) asks as well whether a living head did what was asked. What speaks against a live person is
a cue: after a routine burst the next try is an active one, after an active burst the word stays open and a person
decides in the end. The page hears only what its learner can do better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from proctor.core.facts import CheckWay, Outcome
from proctor.faces import liveness, replay
from proctor.faces.models import SFACE
from proctor.faces.quality import Look
from proctor.faces.replay import Trace
from proctor.ports import Shot

GOOD_FRAMES_MIN = 2  # of a camera's routine burst; one lucky frame says little
ACTIVE_FRAMES_MIN = 3  # straight ones of an active burst: its word stands on the mean of the three best
ENROL_FRAMES_MIN = 3  # everything later is compared with it, so it asks for more
FILE_FRAMES_MIN = 1  # a phone without a camera interface sends one picture; the capture is flagged as untrusted
STILL_DIFF = 0.35  # mean grey levels between aligned faces: a live camera has noise, a repeated file has none
BEST_FRAMES = 3
REPLAYED_MIN = 2  # frames of an active burst that were seen before; of a routine one a single frame is enough
NOT_SURE = "not_sure"


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
    active_next: bool = False  # the next try of this check asks for actions
    cues: tuple[str, ...] = ()  # what spoke against a live person; for people, never for the page
    traces: tuple[Trace, ...] = ()  # of this burst, to be kept and given as `earlier` with later ones


def compare(
    looks: Sequence[Look], vectors: Mapping[int, np.ndarray], template: np.ndarray | None, *, accept: float,
    grey: float, source: str, same: float = SFACE.same, way: CheckWay = CheckWay.ROUTINE,
    actions: Sequence[str] = (), shots: Sequence[Shot] = (), earlier: Sequence[Trace] = (),
    cues: tuple[str, ...] = (), open_ms: int = 0, kin: float = SFACE.kin,
) -> Judgement:  # fmt: skip
    """`vectors` by index of the look: of every usable one, in an active burst also of turned faces.
    Without `template` the burst enrols.

    Poor pictures and actions that were not seen are unclear, never a mismatch: only a face that was seen well can be
    another person's. `same` and `kin` are cosines within the burst (`models.Thresholds`). `cues`: of others who
    looked at these pictures.
    """
    active = way is CheckWay.ACTIVE
    if source == "file" and (template is None or active):
        # Whoever picks a file picks whose face it shows, and a file performs nothing: this needs a live camera.
        return Judgement(outcome=Outcome.UNCLEAR, detail="needs_camera", threshold=accept, frames=len(looks))
    if active:
        acted = liveness.examine(looks, vectors, actions, shots, open_ms, kin)
        usable = list(acted.frontal)
    else:
        acted = liveness.Finding()
        usable = [index for index, one in enumerate(looks) if not one.problem]
    # A repeated picture is no further witness. A file is one picture by nature.
    good = usable if source == "file" else _distinct(looks, usable)
    enrolling = template is None
    needed = _needed(source, enrolling, active)
    problem = acted.problem or _problem(looks, usable, good, needed)
    if not problem and not _agree([vectors[i] for i in good], max(same, accept) if enrolling else same):
        problem = "changing"
    order = sorted(good, key=lambda index: looks[index].quality, reverse=True)[:BEST_FRAMES]
    cues = _cues((*acted.cues, *cues), problem, looks, vectors, order, earlier, active)
    unclear = Judgement(
        outcome=Outcome.UNCLEAR, detail=problem or NOT_SURE, threshold=accept, frames=len(looks), good=len(good),
        cues=cues, active_next=bool(cues) and not active, best=order[0] if order else -1,
        traces=tuple(replay.trace(looks[i], vectors[i]) for i in order if looks[i].face is not None),
    )  # fmt: skip
    return unclear if problem else _decided(unclear, [vectors[i] for i in order], template, grey, active)


def _needed(source: str, enrolling: bool, active: bool) -> int:
    if source == "file":
        return FILE_FRAMES_MIN
    return ENROL_FRAMES_MIN if enrolling else ACTIVE_FRAMES_MIN if active else GOOD_FRAMES_MIN


def _decided(
    unclear: Judgement, best: Sequence[np.ndarray], template: np.ndarray | None, grey: float, active: bool
) -> Judgement:
    """The word on a burst whose best frames can be compared."""
    passed = not unclear.cues
    if template is None:
        if not passed:
            return unclear
        mean = np.mean(best, axis=0)
        mean = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
        return msgspec.structs.replace(unclear, outcome=Outcome.PASSED, detail="enrolled", score=1.0, template=mean)
    score = float(np.mean([float(np.dot(one, template)) for one in best]))
    if score < grey:
        return msgspec.structs.replace(unclear, outcome=Outcome.MISMATCH, detail="mismatch", score=score)
    if passed and score >= unclear.threshold:
        return msgspec.structs.replace(unclear, outcome=Outcome.PASSED, detail="", score=score)
    return msgspec.structs.replace(unclear, score=score, active_next=not active)


def _cues(
    acted: tuple[str, ...], problem: str, looks: Sequence[Look], vectors: Mapping[int, np.ndarray],
    order: Sequence[int], earlier: Sequence[Trace], active: bool,
) -> tuple[str, ...]:  # fmt: skip
    """What speaks against a live person in this burst, each word once."""
    found = [*acted]
    if problem == "still":
        found.append("still")
    if problem == "changing":
        found.append("switched")
    seen = replay.repeated(looks, vectors, order, earlier)
    needed = min(REPLAYED_MIN, len(order)) if active else 1
    if order and sum(1 for _one in zip(range(needed), seen, strict=False)) >= needed:
        found.append("replay")
    return tuple(dict.fromkeys(found))


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
