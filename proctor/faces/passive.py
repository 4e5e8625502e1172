"""An operator's passive liveness net: it looks at single pictures, and may only speak against them.

Such nets err on one picture in five from a camera they were not trained on. So none is shipped, none ever lets
anybody pass, and a doubt is no refusal either: a routine try is followed by an active one, an active one by a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import msgspec
import numpy as np

from proctor.errors import Unavailable
from proctor.faces.engines import Engine, Network
from proctor.faces.models import Face, checked
from proctor.faces.onnxfold import folded

CUE = "passive"
FACES_MAX = 3  # of a burst: the best ones, which are compared as well


class PassiveRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an ONNX net wants its picture: `(pixel - mean) x scale`, three channels first."""

    name: str  # with its version
    file: str  # beside the recipe, or absolute
    sha256: str
    threshold: float  # of the mean of "live" over the best faces: below it a burst is doubted
    side: int  # pixels of the input, square
    around: float = 2.0  # side of the square that is cut out, in longer sides of the face's box
    colour: Literal["rgb", "bgr"] = "bgr"
    mean: float = 0.0
    scale: float = 1.0
    live: int = 0  # which output says "live"
    logits: bool = False  # outputs are no shares yet

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1 or not 16 <= self.side <= 512 or not 1 <= self.around <= 6 or self.live < 0:
            raise ValueError("threshold is between 0 and 1, side 16 to 512, around 1 to 6, live an output's number")


class Passive:
    """Not for several threads at once: a network keeps its last input."""

    def __init__(self, network: Network, recipe: PassiveRecipe) -> None:
        self._network, self._recipe = network, recipe
        self.name = recipe.name

    def live(self, picture: np.ndarray, face: Face) -> float:
        """How live this face looks, 0 to 1. `picture`: uint8 BGR. Raises Unavailable("models")."""
        recipe = self._recipe
        cut = _cut(picture, face, recipe.around, recipe.side)
        swap = recipe.colour == "rgb"
        blob = cv2.dnn.blobFromImage(cut, recipe.scale, (recipe.side, recipe.side), (recipe.mean,) * 3, swapRB=swap)
        out = np.asarray(next(iter(self._network.run(blob).values())), np.float64).reshape(-1)
        if recipe.live >= len(out):
            raise Unavailable("models", f"{recipe.name} gives {len(out)} numbers, none is number {recipe.live}")
        if recipe.logits:
            out = np.exp(out - out.max())
            out /= out.sum()
        return float(out[recipe.live])

    def doubts(self, seen: Sequence[tuple[np.ndarray, Face]]) -> bool:
        """Does a burst with these pictures and faces look like none of a living person? Without any: no."""
        if not seen:
            return False
        mean = float(np.mean([self.live(picture, face) for picture, face in seen[:FACES_MAX]]))
        return not mean >= self._recipe.threshold  # what is not a number is doubted


def _cut(picture: np.ndarray, face: Face, around: float, side: int) -> np.ndarray:
    """The square about the face, its edge repeated where the picture ends."""
    left, top, width, height = face.box
    wide = around * max(width, height, 1.0)
    scale = side / wide
    right, down = side / 2 - scale * (left + width / 2), side / 2 - scale * (top + height / 2)
    move = np.array([[scale, 0, right], [0, scale, down]])
    return cv2.warpAffine(picture, move, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def passive_of(path: str, runs: Engine) -> Passive | None:
    """The net of this recipe, None for "". Raises Unavailable("models") in words about what is wrong."""
    if not path:
        return None
    where = Path(path)
    try:
        recipe = msgspec.json.decode(where.read_bytes(), type=PassiveRecipe)
    except OSError:
        raise Unavailable("models", f"the recipe {where.name} cannot be read") from None
    except msgspec.MsgspecError as wrong:
        raise Unavailable("models", f"{where.name}: {wrong}") from None
    # In float32 whatever the machine could do faster: its threshold was measured so.
    made = Passive(runs.load(folded(checked(where.parent / recipe.file, recipe.sha256)), "f32"), recipe)
    try:
        made.live(np.zeros((64, 64, 3), np.uint8), Face((16.0, 16.0, 32.0, 32.0), ((32.0, 32.0),) * 5, 1.0))
    except (RuntimeError, cv2.error):
        raise Unavailable("models", f"{recipe.name} does not take what its recipe says") from None
    return made
