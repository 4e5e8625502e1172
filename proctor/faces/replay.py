"""Has this capture been sent before? Traces of a learner's captures, and the search through them.

A trace holds no picture. Its hash says of each of 32 x 32 cells of the upright face whether it is brighter or darker
than its surroundings; brightness, contrast, noise and compression hardly move that. Because the cells keep their
places, a copy that was cropped, scaled or tilted a little can be moved back onto the earlier one before they are
compared: copies then agree at 0.9, while fresh captures of the same talking man a second apart stay below 0.75.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import cv2
import msgspec
import numpy as np

from proctor.faces.quality import Look

CELLS = 32
CELL_PX = 3.0  # of the aligned face of 112 pixels
MIDDLE = (56.0, 58.0)  # of the face in it
AROUND = 2.2  # cells: the surroundings a cell is compared with
SMOOTH_PX = 1.35  # takes sensor noise away before anything is compared
REPEATED = 0.80  # agreement of two hashes, from -1 to 1
# A face in the very same place of the picture needs less agreement: nobody sits down twice to the pixel.
REPEATED_IN_PLACE = 0.74
IN_PLACE = 0.004  # of the picture's width
KIN = 0.70  # cosine of two embeddings: copies never fall below, most captures of other days do
HOPEFUL = 0.35  # agreement before moving back, below which no copy begins
NEAREST = 2  # earlier captures that are compared closely
SHIFTS = 2  # cells to each side
UNMOVED = (0.0, 1.0, 0.0, 0.0)  # a move: degrees, scale, cells across, cells down
STEPS = np.array([3.0, 0.04, 0.5, 0.5])  # first steps of moving back
ROUNDS = 4
WORTH = 0.55  # agreement after the first round, below which no copy stays
FINER = 0.6
TRACES = 3  # of one burst


class Trace(msgspec.Struct, frozen=True, array_like=True):
    """One usable frame of a burst. It is biometric data: kept sealed like a template, for as long as policy says.

    A burst that is judged again must not be given its own traces as earlier ones.
    """

    hash: bytes  # CELLS x CELLS bits
    place: tuple[float, float, float]  # middle of the face and its width, in widths of the picture
    embedding: bytes  # float16


def trace(look: Look, vector: np.ndarray) -> Trace:
    """Of a look that has an aligned face."""
    assert look.aligned is not None and look.face is not None
    bits = np.packbits(_cells(_smooth(look.aligned)) > 0)
    return Trace(bits.tobytes(), _place(look), vector.astype("<f2").tobytes())


def repeated(
    looks: Sequence[Look], vectors: Mapping[int, np.ndarray], frames: Sequence[int], earlier: Sequence[Trace]
) -> Iterator[int]:
    """Those of `frames` (indexes of looks with a vector) that show an earlier capture, also a changed one."""
    if not earlier or not frames:
        return
    kept = np.stack([np.frombuffer(one.embedding, "<f2") for one in earlier]).astype(np.float32)
    hashes = np.stack([_signs(one.hash) for one in earlier])
    for index in frames:
        kin = np.flatnonzero(kept @ vectors[index] >= KIN)
        if kin.size and _seen(looks[index], hashes[kin], [earlier[int(i)].place for i in kin]):
            yield index


def _seen(look: Look, hashes: np.ndarray, places: Sequence[tuple[float, float, float]]) -> bool:
    """Is this face one of those? Also when it was mirrored."""
    assert look.aligned is not None
    face = _smooth(look.aligned)
    place = _place(look)
    for flipped in (False, True):
        turned = np.ascontiguousarray(face[:, ::-1]) if flipped else face
        near, moves = _nearest(turned, hashes)
        for which in np.argsort(near)[::-1][:NEAREST]:
            if near[which] < HOPEFUL:
                break
            still = not flipped and max(abs(a - b) for a, b in zip(place, places[which], strict=True)) < IN_PLACE
            if _agreement(turned, hashes[which], moves[which]) >= (REPEATED_IN_PLACE if still else REPEATED):
                return True
    return False


def _nearest(face: np.ndarray, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each hash the best agreement over small shifts, and that shift as a move."""
    side = 2 * SHIFTS + 1
    best = np.full(len(hashes), -1.0, np.float32)
    moves = np.tile(np.array(UNMOVED), (len(hashes), 1))
    for half_x, half_y in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5)):
        wide = np.sign(_cells(face, (0.0, 1.0, half_x, half_y), SHIFTS))
        windows = np.lib.stride_tricks.sliding_window_view(wide, (CELLS, CELLS)).reshape(side * side, -1)
        found = (windows @ hashes.T) / CELLS**2
        top = found.argmax(axis=0)
        value = found[top, np.arange(len(hashes))]
        better = value > best
        best[better] = value[better]
        moves[better, 2] = half_x + top[better] % side - SHIFTS
        moves[better, 3] = half_y + top[better] // side - SHIFTS
    return best, moves


def _agreement(face: np.ndarray, signs: np.ndarray, move: np.ndarray) -> float:
    """The best agreement that moving back finds, in ever smaller steps."""

    def at(tried: np.ndarray) -> float:
        return float(np.sign(_cells(face, tried)).ravel() @ signs) / CELLS**2

    best, steps = at(move), STEPS.copy()
    for _round in range(ROUNDS):
        for axis in range(len(steps)):
            for way in (-1, 1):
                tried = move.copy()
                tried[axis] += way * steps[axis]
                value = at(tried)
                if value > best:
                    best, move = value, tried
                    break
        if best < WORTH:
            break
        steps *= FINER
    return best


def _smooth(aligned: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY).astype(np.float32), (0, 0), SMOOTH_PX)


def _cells(face: np.ndarray, move: Sequence[float] | np.ndarray = UNMOVED, more: int = 0) -> np.ndarray:
    """Each cell against its surroundings. `move`: degrees, scale, cells across, down; `more`: cells of margin."""
    angle, scale, right, down = (float(value) for value in move)
    count = CELLS + 2 * more
    cos, sin = np.cos(np.deg2rad(angle)) * scale * CELL_PX, np.sin(np.deg2rad(angle)) * scale * CELL_PX
    half = (count - 1) / 2
    back = np.array([
        [cos, -sin, MIDDLE[0] + right * CELL_PX - (cos - sin) * half],
        [sin, cos, MIDDLE[1] + down * CELL_PX - (sin + cos) * half],
    ])  # fmt: skip
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    small = cv2.warpAffine(face, back, (count, count), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return small - cv2.GaussianBlur(small, (0, 0), AROUND)


def _signs(bits: bytes) -> np.ndarray:
    return np.unpackbits(np.frombuffer(bits, np.uint8)).astype(np.float32) * 2 - 1


def _place(look: Look) -> tuple[float, float, float]:
    assert look.face is not None
    left, top, width, height = look.face.box
    across = max(look.size[0], 1)
    return (left + width / 2) / across, (top + height / 2) / across, width / across
