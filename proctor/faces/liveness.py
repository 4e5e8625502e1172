"""Was a living head before the camera, and did it do what was asked? Pure rules over the looks of an active burst.

They bar stills, prints, screens, films made beforehand and people taking turns. They do not bar a face that a program
renders on demand (a deep fake fed into the camera); nothing in a page can. Turns are measured by where the nose
stands between the eyes, in eye distances: a head of bone shows depth there, a flat picture does not, however it is
held. What a learner can do better is a `problem`; what speaks against a live person is a cue, and stays with people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import msgspec
import numpy as np

from proctor.core.actions import DARK, LIGHT, side
from proctor.faces.borders import framed
from proctor.faces.models import SFACE, Face
from proctor.faces.quality import Look
from proctor.ports import Shot

FRONTAL_YAW = 0.20  # for comparing: beyond it embeddings begin to fade
FRONTAL_MIN = 2  # to measure turns against
FRAMES_MIN = 5  # of a burst; the player takes six to eight
TURN_MIN = 0.16  # from the learner's own straight look; about 13 degrees
OPPOSITE = 0.10  # to the wrong side: no head swings so far by accident
# The nose against where a flat picture would have it, in heights from eyes to mouth. Of prints turned by 30 to 62
# degrees close to the camera 1 in 250 gets as far in one frame and in one direction, of turned heads 97 in 100.
DEPTH_MIN = 0.16
PASSERS_MAX = 1  # frames with somebody else in them: people walk by
CLOSER = 1.22  # growth of the face
LIGHT_MIN = 1.04  # bright against dark, where the room lets the screen be seen at all
YAW_SPEED_MAX = 6.0  # eye distances a second: faster no head turns, but a film that is cut does
GAP_MS_MIN = 60
SPAN_MS_MIN = 700  # for each action: nobody reads an arrow and turns faster
SPAN_MS_MAX = 60_000
CLOCKS_MS = 500  # that the page's clock may run ahead of ours over a burst


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`problem`: why the actions were not seen, a words key, or "". `frontal`: frames fit for comparing, in order."""

    problem: str = ""
    cues: tuple[str, ...] = ()
    frontal: tuple[int, ...] = ()


def examine(
    looks: Sequence[Look], vectors: Mapping[int, np.ndarray], actions: Sequence[str], shots: Sequence[Shot],
    open_ms: int = 0, kin: float = SFACE.kin,
) -> Finding:
    """`vectors` by index of the look, of straight and of turned faces. `open_ms`: from the server's asking until it
    had the burst, by its own clock; 0: not known. `kin`: see `models.Thresholds`."""
    if not _in_time(shots, len(looks), len(actions)) or (open_ms and not _so_long(shots, open_ms)):
        return Finding(problem="too_few", cues=("timing",))
    straight = [i for i, one in enumerate(looks) if not one.problem and shots[i].action < 0]
    frontal = [i for i, one in enumerate(looks) if not one.problem and abs(one.yaw) <= FRONTAL_YAW and i in vectors]
    if sum(one.problem == "many_faces" for one in looks) > PASSERS_MAX:
        return Finding(problem="many_faces", frontal=tuple(frontal))
    if len(frontal) < FRONTAL_MIN or not straight:
        return Finding(problem=_commonest([one for one, shot in zip(looks, shots, strict=True) if shot.action < 0]))
    base = straight[int(np.argsort([looks[i].yaw for i in straight])[len(straight) // 2])]
    problems, cues = [], []
    for number, action in enumerate(actions):
        frames = [i for i in range(len(looks)) if shots[i].action == number]
        problem, cue = _done(action, looks, vectors, frames, base)
        problems += [problem] if problem else []
        cues += [cue] if cue else []
    cues += _throughout(looks, vectors, shots, frontal, kin)
    # Who turned the other way hears that first: it is the surest advice.
    problems.sort(key=lambda one: one != "wrong_way")
    return Finding(problem=problems[0] if problems else "", cues=tuple(dict.fromkeys(cues)), frontal=tuple(frontal))


def _in_time(shots: Sequence[Shot], frames: int, actions: int) -> bool:
    """One shot a frame, enough of them, in order, neither at once nor for ever, the actions one after the other."""
    if len(shots) != frames or frames < FRAMES_MIN:
        return False
    gaps = [after.at_ms - before.at_ms for before, after in zip(shots, shots[1:], strict=False)]
    asked = [shot.action for shot in shots if shot.action >= 0]
    return (
        all(gap >= GAP_MS_MIN for gap in gaps)
        and SPAN_MS_MIN * actions <= shots[-1].at_ms - shots[0].at_ms <= SPAN_MS_MAX
        and asked == sorted(asked)
        and set(asked) == set(range(actions))
    )


def _so_long(shots: Sequence[Shot], open_ms: int) -> bool:
    """Nobody can have performed for longer than since it was asked: such a burst was made beforehand."""
    return shots[-1].at_ms - shots[0].at_ms <= open_ms + CLOCKS_MS


def _commonest(looks: Sequence[Look]) -> str:
    problems = [one.problem or "turned" for one in looks]
    return max(set(problems), key=problems.count) if problems else "too_few"


def _done(
    action: str, looks: Sequence[Look], vectors: Mapping[int, np.ndarray], frames: Sequence[int], base: int
) -> tuple[str, str]:
    """Problem and cue of one action, seen in its own frames; both "" when it was done."""
    if side(action):
        return _turned(side(action), looks, vectors, frames, base)
    seen = [i for i in frames if looks[i].face is not None]
    if action == "closer" and seen:
        growth = max(_size(looks[i]) for i in seen) / max(_size(looks[base]), 1e-6)
        return ("" if growth >= CLOSER else "closer_more"), ""
    if action.startswith(LIGHT):
        return _lit(action.removeprefix(LIGHT), looks, frames)
    return "not_followed", ""  # also of an action that nobody draws


def _turned(
    way: int, looks: Sequence[Look], vectors: Mapping[int, np.ndarray], frames: Sequence[int], base: int
) -> tuple[str, str]:
    """`way`: 1 to the learner's left, -1 to the right. Only a face that is seen well enough to be known counts."""
    seen = [i for i in frames if looks[i].face is not None and i in vectors]
    if not seen:
        poor = [looks[i].problem for i in frames if looks[i].face is not None]
        return (poor[0] if poor else "turn_less"), ""
    turns = {i: way * (looks[i].yaw - looks[base].yaw) for i in seen}
    if min(turns.values()) <= -OPPOSITE:
        return "wrong_way", ""
    far = [i for i in seen if turns[i] >= TURN_MIN]
    if not far:
        return "turn_more", ""
    first = looks[base].face
    assert first is not None
    if all(way * depth(first, then) < DEPTH_MIN for i in far if (then := looks[i].face) is not None):
        return "turn_more", "planar"
    return "", ""


def depth(first: Face, then: Face) -> float:
    """How far the nose moved along the eyes beyond what the same picture held differently would show.

    Eyes and corners of the mouth lie nearly in a plane: the homography that carries them over carries every flat
    picture of the face, and leaves the nose of a real one behind. In heights from eyes to mouth.
    """
    before, after = (np.array(one.points, np.float32) for one in (first, then))
    flat = [0, 1, 3, 4]
    across = after[1] - after[0]
    height = float(np.hypot(*((after[0] + after[1]) / 2 - (after[3] + after[4]) / 2)))
    length = float(np.hypot(*across))
    if min(height, length) < 1.0:
        return 0.0
    carried = cv2.perspectiveTransform(before[None, 2:3], cv2.getPerspectiveTransform(before[flat], after[flat]))[
        0, 0
    ]
    found = float(np.dot(after[2] - carried, across / length)) / height
    return found if np.isfinite(found) else 0.0


def _size(look: Look) -> float:
    return look.face.area**0.5 / max(look.size[0], 1) if look.face is not None else 0.0


def _lit(steps: str, looks: Sequence[Look], frames: Sequence[int]) -> tuple[str, str]:
    """Did the face brighten with the screen? One frame a step; a bright room hides it, so it is no reproach."""
    if len(frames) != len(steps):
        return "not_followed", ""
    luma: dict[bool, list[float]] = {True: [], False: []}
    for step, index in zip(steps, frames, strict=True):
        face = looks[index].aligned
        if face is not None:
            luma[step == DARK].append(float(face.mean()))
    if not luma[True] or not luma[False]:
        return "not_followed", ""
    followed = min(luma[False]) >= LIGHT_MIN * max(luma[True])
    return "", "" if followed else "light"


def _throughout(
    looks: Sequence[Look], vectors: Mapping[int, np.ndarray], shots: Sequence[Shot], frontal: Sequence[int],
    kin: float,
) -> list[str]:  # fmt: skip
    """Cues that belong to the whole burst."""
    cues = []
    straight = np.stack([vectors[i] for i in frontal])
    # Written so that a vector that is not a number is nobody's kin.
    if not all(float((straight @ vector).max()) >= kin for i, vector in vectors.items() if i not in frontal):
        cues.append("switched")
    faced = [i for i, one in enumerate(looks) if one.face is not None]
    for before, after in zip(faced, faced[1:], strict=False):
        seconds = (shots[after].at_ms - shots[before].at_ms) / 1_000
        if abs(looks[after].yaw - looks[before].yaw) > YAW_SPEED_MAX * seconds:
            cues.append("jump")
            break
    if _bordered(looks, frontal):
        cues.append("border")
    return cues


def _bordered(looks: Sequence[Look], frontal: Sequence[int]) -> bool:
    """In the first or the last straight frame: a hand holds a screen a little differently by then."""
    for index in dict.fromkeys((frontal[0], frontal[-1])):
        one = looks[index]
        if one.face is not None and one.scene is not None and framed(one.scene, one.face, one.size[0]):
            return True
    return False
