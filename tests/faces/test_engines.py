"""What runs the networks is found by what is there; what was named outright and is missing is told in words."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from proctor.errors import Unavailable
from proctor.faces import engines
from proctor.faces.engines import choose
from proctor.faces.models import DETECTOR, model_folder
from proctor.faces.onnxfold import folded


def _processor(monkeypatch: pytest.MonkeyPatch, able: list[str]) -> None:
    core = SimpleNamespace(get_property=lambda *_names: able)
    monkeypatch.setitem(sys.modules, "openvino", SimpleNamespace(Core=lambda: core, __version__="2026.4.1-1-x"))


def test_without_openvino_opencv_runs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda _name: None)
    found = choose()
    assert (found.name, found.precision) == ("opencv", "f32")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(Unavailable, match="openvino is not installed"):
        choose("openvino")


@pytest.mark.parametrize(
    ("able", "wanted", "precision"),
    [(["FP32", "BF16"], "auto", "bf16"), (["FP32", "BF16"], "f32", "f32"), (["FP32"], "auto", "f32")],
)
def test_the_processor_decides_what_auto_means(
    monkeypatch: pytest.MonkeyPatch, able: list[str], wanted: str, precision: str
) -> None:
    _processor(monkeypatch, able)
    assert choose("openvino", wanted).precision == precision


def test_bf16_where_there_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _processor(monkeypatch, ["FP32"])
    with pytest.raises(Unavailable, match="no bf16"):
        choose("openvino", "bf16")
    with pytest.raises(Unavailable, match="no bf16"):
        choose("opencv", "bf16")


@pytest.mark.parametrize("name", ["openvino", "opencv"])
def test_what_is_no_model_is_told_in_words(name: str) -> None:
    with pytest.raises(Unavailable, match="cannot read"):
        choose(name).load(b"no model")


def test_outputs_belong_to_the_caller() -> None:
    """The engine writes its next answer over the last one: whoever kept the last must not see it change."""
    model = folded((model_folder() / DETECTOR).read_bytes())
    for name in ("openvino", "opencv"):
        network = choose(name, "f32").load(model)
        first = network.run(np.zeros((1, 3, 64, 64), np.float32))["bbox_32"]
        kept = first.copy()
        network.run(np.full((1, 3, 64, 64), 200, np.float32))
        assert (first == kept).all()
