"""What runs a network: OpenVINO where its wheel exists, else OpenCV. Same bytes in, same numbers out.

One network belongs to one thread: it keeps its last input. Workers are processes, one a core, each with one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Protocol

import cv2
import numpy as np

from proctor.errors import Unavailable

OPENVINO, OPENCV, AUTO = "openvino", "opencv", "auto"
F32, BF16 = "f32", "bf16"
ENGINES = (AUTO, OPENVINO, OPENCV)
PRECISIONS = (AUTO, BF16, F32)


class Network(Protocol):
    """A loaded model with one input."""

    precision: str

    def run(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        """`batch`: float32, n x channels x height x width. The outputs by name, float32; they are the caller's."""
        ...


class Engine(Protocol):
    """Loads networks. `name` is openvino or opencv, `version` the library's, `precision` f32 or bf16."""

    name: str
    version: str
    precision: str

    def load(self, model: bytes, precision: str = "") -> Network:
        """`model`: an ONNX file without quantised blocks; `precision` where it is to differ from the engine's.
        Raises Unavailable("models")."""
        ...


def choose(name: str = AUTO, precision: str = AUTO) -> Engine:
    """`auto` takes OpenVINO where it is installed, and bf16 where the processor multiplies it in hardware.

    Raises Unavailable("models") when what was named outright is not there.
    """
    assert name in ENGINES and precision in PRECISIONS, "an engine or precision nobody knows"
    if name == OPENVINO or (name == AUTO and find_spec("openvino") is not None):
        return OpenVino(precision)
    if precision == BF16:
        raise Unavailable("models", "OpenCV knows no bf16: install openvino, or let the precision be auto or f32")
    return OpenCv()


class OpenVino:
    """The CPU plugin, one thread a network."""

    name = OPENVINO

    def __init__(self, precision: str = AUTO) -> None:
        """Raises Unavailable("models") when the package is missing or the processor lacks the precision."""
        try:
            import openvino
        except ImportError:
            raise Unavailable("models", "the package openvino is not installed") from None
        self._core = openvino.Core()
        able = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == BF16 and not able:
            raise Unavailable("models", "this processor has no bf16: let the precision be auto or f32")
        self.precision = BF16 if able and precision != F32 else F32
        self.version: str = openvino.__version__.split("-")[0]

    def load(self, model: bytes, precision: str = "") -> Network:
        """Raises Unavailable("models")."""
        hint = precision or self.precision
        try:
            read = self._core.read_model(model)
            if len(read.inputs) != 1:
                raise Unavailable("models", "a model with more than one input is not known here")
            return _OpenVinoNetwork(self._core, read, hint)
        except RuntimeError:
            raise Unavailable("models", "OpenVINO cannot read an ONNX file") from None


class _OpenVinoNetwork:
    """Compiled once for each shape that comes: fixed shapes run faster, and there are few of them."""

    def __init__(self, core: Any, model: Any, precision: str) -> None:
        self.precision = precision
        self._core = core
        self._model = model
        self._requests: dict[tuple[int, ...], Any] = {}
        self._names = [output.get_any_name() for output in model.outputs]

    def run(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        request = self._requests.get(batch.shape) or self._compiled(batch.shape)
        request.infer([batch], share_inputs=True)
        return {name: np.array(request.get_output_tensor(at).data) for at, name in enumerate(self._names)}

    def _compiled(self, shape: tuple[int, ...]) -> Any:
        model = self._model.clone()
        model.reshape({model.inputs[0]: list(shape)})
        settings = {
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # several workers would be pinned to the same core
            "INFERENCE_PRECISION_HINT": self.precision,
        }
        request = self._core.compile_model(model, "CPU", settings).create_infer_request()
        self._requests[shape] = request
        return request


class OpenCv:
    """The DNN module of the library that decodes the pictures: it is there wherever we are."""

    name = OPENCV
    precision = F32

    def __init__(self) -> None:
        self.version = cv2.__version__
        cv2.setNumThreads(1)
        # Hints about engines are no news to operators.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)

    def load(self, model: bytes, precision: str = "") -> Network:
        """Raises Unavailable("models")."""
        assert precision in ("", F32), "OpenCV computes in float32"
        try:
            return _OpenCvNetwork(cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8)))
        except cv2.error:
            raise Unavailable("models", "OpenCV cannot read an ONNX file") from None


class _OpenCvNetwork:
    precision = F32

    def __init__(self, net: Any) -> None:
        self._net = net
        self._names: Sequence[str] = net.getUnconnectedOutLayersNames()

    def run(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        self._net.setInput(batch)
        found = self._net.forward(self._names)
        return {name: np.array(values, np.float32) for name, values in zip(self._names, found, strict=True)}
