"""Quantised constants worked out: against the formula by hand, and against what OpenCV makes of the original file."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from proctor.errors import Unavailable
from proctor.faces import onnxfold
from proctor.faces.models import EMBEDDER, model_folder
from proctor.faces.onnxfold import LENGTH, VARINT, folded


def _node(operation: str, inputs: list[str], output: str, **integers: int) -> tuple[int, int, bytes]:
    fields = [(1, LENGTH, name.encode()) for name in inputs] + [(2, LENGTH, output.encode())]
    fields.append((4, LENGTH, operation.encode()))
    for name, value in integers.items():
        fields.append((5, LENGTH, onnxfold._message([(1, LENGTH, name.encode()), (3, VARINT, value)])))
    return onnxfold.GRAPH_NODE, LENGTH, onnxfold._message(fields)


def _model(constants: dict[str, np.ndarray], *nodes: tuple[int, int, bytes]) -> bytes:
    tensors = [(onnxfold.GRAPH_INITIALIZER, LENGTH, onnxfold._packed(name, one)) for name, one in constants.items()]
    names = [(onnxfold.GRAPH_INPUT, LENGTH, onnxfold._message([(1, LENGTH, name)])) for name in (b"data", b"stale")]
    graph = onnxfold._message([*nodes, *tensors, *names])
    return onnxfold._message([(1, VARINT, 6), (onnxfold.MODEL_GRAPH, LENGTH, graph)])


def _graph(model: bytes) -> tuple[list[str], dict[str, np.ndarray], int]:
    """Operations, constants, and the number of inputs."""
    graph = next(value for number, _wire, value in onnxfold._fields(model) if number == onnxfold.MODEL_GRAPH)
    assert isinstance(graph, bytes)
    operations, constants, inputs = [], {}, 0
    for number, _wire, value in onnxfold._fields(graph):
        assert isinstance(value, bytes)
        if number == onnxfold.GRAPH_NODE:
            operations.append(onnxfold._node(value)[0])
        elif number == onnxfold.GRAPH_INITIALIZER:
            name, array = onnxfold._tensor(value)
            assert array is not None
            constants[name] = array
        elif number == onnxfold.GRAPH_INPUT:
            inputs += 1
    return operations, constants, inputs


def test_blocks_along_an_axis_become_one_constant() -> None:
    """Five values in blocks of two: the last block is short."""
    values = np.array([[10, 20, 30, 40, 50]], np.int8)
    scales, zeros = np.array([[0.5, 1.0, 2.0]], np.float32), np.array([[0, 10, 20]], np.int8)
    model = _model(
        {"q": values, "s": scales, "z": zeros, "shape": np.array([5, 1], np.int64)},
        _node("DequantizeLinear", ["q", "s", "z"], "w", axis=1, block_size=2),
        _node("Reshape", ["w", "shape"], "wr"),
        _node("MatMul", ["data", "wr"], "out"),
    )
    operations, constants, inputs = _graph(folded(model))
    assert operations == ["MatMul"] and inputs == 1, "the name that no node reads is no input"
    assert constants["wr"].tolist() == [[5.0], [10.0], [20.0], [30.0], [60.0]] and constants.keys() == {"wr"}


def test_scales_of_channels_and_of_the_whole() -> None:
    values = np.array([[2, 4], [6, 8]], np.uint8)
    for scales, axis, wanted in (
        (np.array([1, 10], np.float32), 0, [[2, 4], [60, 80]]),
        (np.array([1, 10], np.float32), 1, [[2, 40], [6, 80]]),
        (np.array(3, np.float32), 1, [[6, 12], [18, 24]]),
    ):
        node = _node("DequantizeLinear", ["q", "s"], "w", axis=axis)
        _ops, constants, _inputs = _graph(
            folded(_model({"q": values, "s": scales}, node, _node("Add", ["data", "w"], "o")))
        )
        assert constants["w"].tolist() == wanted


def test_what_depends_on_the_picture_stays_in_the_graph() -> None:
    model = _model({"s": np.array([3], np.int64)}, _node("Reshape", ["data", "s"], "out"))
    assert _graph(folded(model))[0] == ["Reshape"]


@pytest.mark.parametrize("data", [b"\x3a\xff", b"\x3a\x05ab", b"\x38\x01", b"\xff" * 12, b"\x3b\x00"])
def test_a_broken_file_is_told_in_words(data: bytes) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        folded(data)


def test_opencv_hears_the_same_numbers_from_both_files() -> None:
    """OpenCV works the blocks out by itself: an independent reader of the same file."""
    path = model_folder() / EMBEDDER
    face = np.random.default_rng(5).integers(0, 255, (1, 3, 112, 112)).astype(np.float32)
    found = []
    for net in (
        cv2.dnn.readNetFromONNX(str(path)),
        cv2.dnn.readNetFromONNX(np.frombuffer(folded(path.read_bytes()), np.uint8)),
    ):
        net.setInput(face, "data")
        found.append(net.forward().reshape(-1))
    assert np.abs(found[0] - found[1]).max() < 1e-3 * np.abs(found[0]).max()
