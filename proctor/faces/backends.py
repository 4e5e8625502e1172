"""The face models there are: SFace (the default), dlib by name, or an ONNX embedder of the operator's own.

All use YuNet to find and align faces; an embedder only turns the aligned face into numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import cv2
import msgspec
import numpy as np

from proctor.errors import Unavailable
from proctor.faces import align, engines, models
from proctor.faces.engines import Engine, Network
from proctor.faces.models import DETECTOR, EMBEDDER, SHA256, Embedder, Face, Thresholds, checked, model_folder, unit
from proctor.faces.onnxfold import folded
from proctor.faces.yunet import YuNet

SFACE, DLIB, OWN = "sface", "dlib", "own"
BACKENDS = (SFACE, DLIB, OWN)
NAME = "sface-2021dec-int8bq"
EMBEDDING = 128
VERSION_CHARS_MAX = 48
DIGEST_CHARS = 12
BATCH = 3  # a second compiled copy for the stills of a routine burst: dearer in memory, a sixth cheaper with AMX


class Model:
    """A detector and an embedder: `models.FaceModel`."""

    def __init__(self, finder: YuNet, embedder: Embedder) -> None:
        self._finder = finder
        self._embedder = embedder
        self.name = embedder.name
        self.version = embedder.version
        self.precision = embedder.precision
        self.own = embedder.own

    def faces(self, picture: np.ndarray) -> list[Face]:
        return self._finder.faces(picture)

    def aligned(self, picture: np.ndarray, face: Face) -> np.ndarray:
        return align.aligned(picture, face)

    def embeddings(self, faces: Sequence[np.ndarray]) -> list[np.ndarray]:
        return self._embedder.embeddings(faces)


def load(
    backend: str = SFACE, engine: str = engines.AUTO, precision: str = engines.AUTO, recipe: str = "",
    folder: Path | None = None,
) -> Model:  # fmt: skip
    """`recipe`: the JSON file of an own embedder. Raises Unavailable("models") when anything is missing, altered
    or not what was asked for."""
    assert backend in BACKENDS, "a backend nobody knows"
    where = folder or model_folder()
    runs = engines.choose(engine, precision)
    finder = YuNet(runs.load(folded(checked(where / DETECTOR, SHA256[DETECTOR]))))
    if backend == DLIB:
        return Model(finder, Dlib())
    if backend == OWN:
        return Model(finder, own(Path(recipe), runs))
    network = runs.load(folded(checked(where / EMBEDDER, SHA256[EMBEDDER])))
    ours = Recipe(name=NAME, sha256=SHA256[EMBEDDER], file=EMBEDDER, size=EMBEDDING)
    return Model(finder, Onnx(network, ours, runs))


def judged_by(backend: str, recipe: str, accept: float, grey: float) -> tuple[str, Thresholds]:
    """Name and thresholds of the model that the settings name, without loading it; `accept` and `grey` are theirs.

    Raises Unavailable("models") when the recipe cannot be read.
    """
    if backend == DLIB:
        assert Dlib.own is not None
        return Dlib.name, Dlib.own
    if backend == OWN:
        found, limits = read_recipe(Path(recipe))
        return name_of(found), limits
    return NAME, msgspec.structs.replace(models.SFACE, accept=accept, grey=grey)


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an ONNX embedder wants its face: `(pixel - mean) x scale`, three channels first.

    `thresholds` must be measured for an operator's own model (`python -m bench faces` does); the default has the
    settings'.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=48)]  # such as "arcface-r50-2026"
    file: str  # beside the recipe, or absolute
    sha256: str
    size: int  # numbers in a vector
    side: int = align.SIDE  # pixels of the input, square
    colour: Literal["rgb", "bgr"] = "rgb"
    mean: float = 0.0
    scale: float = 1.0
    thresholds: Thresholds | None = None


class Onnx:
    """An embedder in an ONNX file."""

    def __init__(self, network: Network, recipe: Recipe, runs: Engine) -> None:
        self._network = network
        self._recipe = recipe
        digest = recipe.sha256[:DIGEST_CHARS]
        self.name = name_of(recipe)
        self.version = f"{digest} {runs.name} {runs.version}"[:VERSION_CHARS_MAX]
        self.precision = network.precision
        self.own = recipe.thresholds

    def embeddings(self, faces: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Vectors of length 1 in the faces' order. Raises Unavailable("models") when the recipe does not fit."""
        at, found = 0, []
        while at < len(faces):
            count = BATCH if len(faces) - at >= BATCH else 1
            found += self._batch(faces[at : at + count])
            at += count
        return found

    def _batch(self, faces: Sequence[np.ndarray]) -> list[np.ndarray]:
        recipe = self._recipe
        blob = cv2.dnn.blobFromImages(
            list(faces), recipe.scale, (recipe.side, recipe.side), (recipe.mean,) * 3, swapRB=recipe.colour == "rgb"
        )
        out = next(iter(self._network.run(blob).values())).reshape(len(faces), -1)
        if out.shape[1] != recipe.size:
            raise Unavailable("models", f"{recipe.name} gives {out.shape[1]} numbers, its recipe says {recipe.size}")
        return [unit(vector) for vector in out]


def name_of(recipe: Recipe) -> str:
    """A new file under an old name makes other numbers: templates of the old one are not compared with them."""
    if (recipe.name, recipe.sha256) == (NAME, SHA256[EMBEDDER]):
        return NAME
    return f"{recipe.name}@{recipe.sha256[:DIGEST_CHARS]}"


def read_recipe(path: Path) -> tuple[Recipe, Thresholds]:
    """An operator's recipe and its thresholds. Raises Unavailable("models") in words about what is wrong."""
    try:
        recipe = msgspec.json.decode(path.read_bytes(), type=Recipe)
    except OSError:
        raise Unavailable("models", f"the recipe {path.name or '(face_recipe is not set)'} cannot be read") from None
    except msgspec.MsgspecError as wrong:
        raise Unavailable("models", f"{path.name}: {wrong}") from None
    if recipe.thresholds is None:
        raise Unavailable("models", f"{path.name}: thresholds are missing; those of another model mean nothing to it")
    return recipe, recipe.thresholds


def own(path: Path, runs: Engine) -> Onnx:
    """An operator's embedder from its recipe. Raises Unavailable("models") in words about what is wrong."""
    recipe, _limits = read_recipe(path)
    data = checked(path.parent / recipe.file, recipe.sha256)
    made = Onnx(runs.load(folded(data)), recipe, runs)
    try:
        made.embeddings([np.zeros((align.SIDE, align.SIDE, 3), np.uint8)])
    except (RuntimeError, cv2.error):
        raise Unavailable("models", f"{recipe.name} does not take what its recipe says") from None
    return made


class Dlib:
    """The package `face_recognition`: optional, off unless named, measured beside the default.

    Unfit as the judge of East-Asian faces: at its usual tolerance it takes 42 % of different people for the same.
    """

    name = "dlib-resnet-v1"
    precision = engines.F32
    # Its vectors are nearly of length 1, so a distance d is the cosine 1 - d * d / 2: 0.45, 0.6 and 0.7; a turned
    # face may be as far as two straight ones, and people look at two accounts from 0.43 on.
    own: Thresholds | None = Thresholds(accept=0.899, grey=0.82, same=0.755, kin=0.755, alike=0.908)

    def __init__(self) -> None:
        """Raises Unavailable("models") when the package is not installed."""
        try:
            import face_recognition
        except (ImportError, SystemExit):  # it exits the process when its own models are missing
            raise Unavailable("models", "the package face_recognition is not installed") from None
        self._encode = face_recognition.face_encodings
        self.version = f"face_recognition {face_recognition.__version__}"[:VERSION_CHARS_MAX]

    def embeddings(self, faces: Sequence[np.ndarray]) -> list[np.ndarray]:
        """128 float32 of length 1 each."""
        return [self._embedding(face) for face in faces]

    def _embedding(self, face: np.ndarray) -> np.ndarray:
        height, width = face.shape[:2]
        rgb = np.ascontiguousarray(face[:, :, ::-1])
        return models.unit(self._encode(rgb, [(0, width, height, 0)])[0])
