"""An operator's passive net: it may only speak against pictures, and a recipe that cannot be is told in words."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from proctor.core.facts import CheckWay, Outcome
from proctor.errors import Unavailable
from proctor.faces import backends, engines
from proctor.faces.backends import Model
from proctor.faces.engines import Engine
from proctor.faces.judge import Judge
from proctor.faces.onnxfold import GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_NODE, LENGTH, MODEL_GRAPH, VARINT
from proctor.faces.onnxfold import _message as message
from proctor.faces.onnxfold import _packed as packed
from proctor.faces.passive import CUE, Passive, PassiveRecipe, passive_of
from proctor.settings import Settings
from tests import pictures

SIDE = 32
GRAPH_OUTPUT, OPSET = 12, 8


def _typed(name: bytes, *shape: int) -> bytes:
    """A float32 input or output of that shape."""
    sizes = message([(1, LENGTH, message([(1, VARINT, size)])) for size in shape])
    kind = message([(1, LENGTH, message([(1, VARINT, 1), (2, LENGTH, sizes)]))])
    return message([(1, LENGTH, name), (2, LENGTH, kind)])


def _node(operation: bytes, inputs: tuple[bytes, ...], output: bytes) -> bytes:
    return message([*((1, LENGTH, name) for name in inputs), (2, LENGTH, output), (4, LENGTH, operation)])


def brightness_net() -> bytes:
    """Two outputs of a picture of values 0 to 1: how bright it is on the whole, and the rest to 1. The brighter, the
    more "live": what matters here is that a real network runs from a real file."""
    inputs = 3 * SIDE * SIDE
    weights = np.stack([np.full(inputs, 1 / inputs), np.full(inputs, -1 / inputs)], axis=1).astype(np.float32)
    tensors = {"shape": np.array([1, inputs], np.int64), "w": weights, "b": np.array([[0.0, 1.0]], np.float32)}
    nodes = (
        _node(b"Reshape", (b"data", b"shape"), b"flat"),
        _node(b"MatMul", (b"flat", b"w"), b"product"),
        _node(b"Add", (b"product", b"b"), b"out"),
    )
    graph = message([
        *((GRAPH_NODE, LENGTH, node) for node in nodes), (2, LENGTH, b"brightness"),
        *((GRAPH_INITIALIZER, LENGTH, packed(name, one)) for name, one in tensors.items()),
        (GRAPH_INPUT, LENGTH, _typed(b"data", 1, 3, SIDE, SIDE)), (GRAPH_OUTPUT, LENGTH, _typed(b"out", 1, 2)),
    ])  # fmt: skip
    opset = message([(2, VARINT, 13)])
    return message([(1, VARINT, 8), (MODEL_GRAPH, LENGTH, graph), (OPSET, LENGTH, opset)])


def recipe(folder: Path, **changes: object) -> Path:
    (folder / "live.onnx").write_bytes(brightness_net())
    said: dict[str, object] = {
        "name": "bright-1", "file": "live.onnx", "sha256": hashlib.sha256(brightness_net()).hexdigest(),
        "threshold": 0.5, "side": SIDE, "scale": 1 / 255, **changes,
    }  # fmt: skip
    path = folder / "live.json"
    path.write_text(json.dumps({name: value for name, value in said.items() if value is not None}))
    return path


@pytest.fixture(params=["openvino", "opencv"])
def runs(request) -> Engine:
    return engines.choose(request.param)


def test_nothing_named_is_no_net(runs: Engine) -> None:
    assert passive_of("", runs) is None


def test_a_net_looks_at_the_square_around_the_face(tmp_path: Path, models: Model, runs: Engine) -> None:
    net = passive_of(str(recipe(tmp_path)), runs)
    assert isinstance(net, Passive)
    man = pictures.moving_man()[0]
    face = models.faces(man)[0]
    plain, dark = net.live(man, face), net.live((man * 0.2).astype(np.uint8), face)
    assert 0.2 < plain < 0.8 and dark == pytest.approx(0.2 * plain, abs=0.02)
    left, top, width, height = face.box
    wide = max(width, height) + 2
    rows = slice(max(0, int(top + height / 2 - wide)), int(top + height / 2 + wide))
    columns = slice(max(0, int(left + width / 2 - wide)), int(left + width / 2 + wide))
    alone = np.zeros_like(man)
    alone[rows, columns] = man[rows, columns]
    # Where the square leaves the picture its edge is repeated: a little of that is left in what is seen.
    assert net.live(alone, face) == pytest.approx(plain, abs=0.02), "the room farther off is not looked at"


def judged(models: Model, net: Passive | None, way: CheckWay = CheckWay.ROUTINE, frames=None):
    judge = Judge(models, 0.45, 0.36, net)
    man = pictures.jpegs(pictures.moving_man()[40:]) if frames is None else frames
    template = judge.template_of(pictures.jpegs(pictures.moving_man(), 1)[0])
    return judge.judge(man, template, "camera", way=way)


def test_a_doubt_makes_a_routine_try_an_active_one_and_nothing_else(tmp_path: Path, models: Model) -> None:
    runs = engines.choose()
    trusting = judged(models, passive_of(str(recipe(tmp_path, threshold=0.01)), runs))
    assert (trusting.outcome, trusting.cues, trusting.active_next) == (Outcome.PASSED, (), False)
    doubting = judged(models, passive_of(str(recipe(tmp_path, threshold=0.99)), runs))
    assert (doubting.outcome, doubting.detail, doubting.cues) == (Outcome.UNCLEAR, "not_sure", (CUE,))
    assert doubting.active_next and doubting.score > 0.45
    other_output = judged(models, passive_of(str(recipe(tmp_path, threshold=0.01, live=1, logits=True)), runs))
    assert other_output.outcome is Outcome.PASSED


@pytest.mark.parametrize("frames", [pictures.astronaut, pictures.two_people, pictures.empty_room, pictures.dark_man])
def test_it_never_lets_anybody_pass_and_never_makes_a_mismatch(tmp_path: Path, models: Model, frames) -> None:
    runs, burst = engines.choose(), pictures.jpegs(frames())
    without = judged(models, None, frames=burst)
    for threshold in (0.01, 0.99):
        found = judged(models, passive_of(str(recipe(tmp_path, threshold=threshold)), runs), frames=burst)
        assert (found.outcome, found.detail) == (without.outcome, without.detail)


class Broken:
    """A network that divides by nothing."""

    precision = "f32"

    def run(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        return {"out": np.full((1, 2), np.nan, np.float32)}


def test_what_is_not_a_number_is_doubted(models: Model) -> None:
    net = Passive(Broken(), PassiveRecipe(name="n", file="f", sha256="s", threshold=0.5, side=SIDE))
    man = pictures.moving_man()[0]
    assert net.doubts([(man, models.faces(man)[0])])
    assert not net.doubts([]), "without a face there is nothing to doubt"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "0" * 64}, "was altered"), ({"file": "none.onnx"}, "is missing"),
        ({"live": 2}, "none is number"), ({"threshold": None}, "threshold"), ({"threshold": 1.5}, "between 0 and 1"),
        ({"trust": 1}, "trust"), ({"around": 0.5}, "around 1 to 6"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_is_told_in_words(tmp_path: Path, changes: dict, words: str, runs: Engine) -> None:
    with pytest.raises(Unavailable, match=words):
        passive_of(str(recipe(tmp_path, **changes)), runs)


def test_a_net_that_wants_other_pictures_than_its_recipe_says(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not take"):
        passive_of(str(recipe(tmp_path, side=64)), engines.choose("opencv"))


def test_the_setting_names_it(tmp_path: Path) -> None:
    judge = Judge.load(Settings(face_passive=str(recipe(tmp_path, threshold=0.99))))
    template = judge.template_of(pictures.jpegs(pictures.moving_man(), 1)[0])
    assert judge.judge(pictures.jpegs(pictures.moving_man()[40:]), template, "camera").cues == (CUE,)
    with pytest.raises(Unavailable, match="cannot be read"):
        Judge.load(Settings(face_passive=str(tmp_path / "none.json")))
    assert Judge.load(Settings()).model == backends.NAME
