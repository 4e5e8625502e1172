"""The embedders: the pinned default on both engines, an operator's own by its recipe, and the optional one."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from proctor.errors import Unavailable
from proctor.faces import backends, quality
from proctor.faces.backends import DLIB, NAME, OWN, Model, load
from proctor.faces.judge import Judge
from proctor.faces.models import DETECTOR, EMBEDDER, SFACE, SHA256, model_folder
from proctor.settings import Settings
from tests import pictures


def _copied(folder: Path) -> Path:
    for name in (DETECTOR, EMBEDDER):
        shutil.copy(model_folder() / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def exact() -> Model:
    """The default in float32, whatever this machine could do faster."""
    return load(precision="f32")


def _faces(models: Model) -> list[np.ndarray]:
    frames = [quality.decode(data) for data in (*pictures.person_a(), *pictures.person_b())]
    frames += [*pictures.moving_man()[:60:20], pictures.astronaut()[0]]
    return [models.aligned(frame, models.faces(frame)[0]) for frame in frames if frame is not None]


def test_an_altered_model_judges_nobody(tmp_path: Path) -> None:
    path = _copied(tmp_path) / EMBEDDER
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(Unavailable, match="was altered") as caught:
        load(folder=tmp_path)
    assert caught.value.port == "models"
    (tmp_path / DETECTOR).unlink()
    with pytest.raises(Unavailable, match="is missing"):
        load(folder=tmp_path)


def test_people_are_near_themselves_and_far_from_others(models: Model) -> None:
    first, second, third, other, *_rest = models.embeddings(_faces(models))
    assert min(float(first @ second), float(first @ third)) >= 0.65
    assert float(first @ other) <= 0.27
    assert float(np.linalg.norm(first)) == pytest.approx(1.0, abs=1e-5)


def test_both_engines_see_the_same(exact: Model, fallback: Model) -> None:
    assert exact.name == fallback.name == NAME, "templates of one are templates of the other"
    assert exact.version.startswith(f"{SHA256[EMBEDDER][:12]} ") and exact.version != fallback.version
    ours = exact.embeddings(_faces(exact))
    theirs = fallback.embeddings(_faces(fallback))
    assert min(float(a @ b) for a, b in zip(ours, theirs, strict=True)) >= 0.999


def test_the_fast_precision_is_near_enough_to_share_templates(exact: Model, models: Model) -> None:
    faces = _faces(exact)
    near = [float(a @ b) for a, b in zip(exact.embeddings(faces), models.embeddings(faces), strict=True)]
    assert min(near) >= 0.998


def test_a_batch_gives_what_one_by_one_gives(fallback: Model) -> None:
    faces = _faces(fallback)[:5]
    single = [fallback.embeddings([face])[0] for face in faces]
    for alone, together in zip(single, fallback.embeddings(faces), strict=True):
        assert float(alone @ together) >= 0.99999
    assert fallback.embeddings([]) == []


def test_both_engines_say_the_same_of_every_burst(exact: Model, fallback: Model) -> None:
    man = pictures.moving_man()
    bursts = [man[40:], pictures.astronaut(), pictures.two_people(), pictures.dark_man(), pictures.empty_room()]
    bursts.append(pictures.live(pictures.person_a()[0], 20))
    words = []
    for models in (exact, fallback):
        judge = Judge(models, 0.45, 0.36)
        template = judge.template_of(pictures.jpegs(man, 1)[0])
        found = [judge.judge(pictures.jpegs(frames), template, "camera") for frames in bursts]
        words.append([(one.outcome, one.detail, round(one.score, 2)) for one in found])
    assert words[0] == words[1]
    assert len({word[:2] for word in words[0]}) >= 4, "the bursts differ in what is said of them"


def _recipe(folder: Path, **changes: object) -> Path:
    """A recipe for the default's file under another name, with some of it changed."""
    data = (model_folder() / EMBEDDER).read_bytes()
    (folder / "mine.onnx").write_bytes(data)
    said: dict[str, object] = {
        "name": "mine-1", "file": "mine.onnx", "sha256": hashlib.sha256(data).hexdigest(), "size": 128,
        "thresholds": {"accept": 0.5, "grey": 0.4, "same": 0.45}, **changes,
    }  # fmt: skip
    path = folder / "mine.json"
    path.write_text(json.dumps({name: value for name, value in said.items() if value is not None}))
    return path


def test_an_embedder_of_the_operator_s_own(tmp_path: Path, models: Model) -> None:
    judge = Judge.load(Settings(face_backend=OWN, face_recipe=str(_recipe(tmp_path))))
    digest = hashlib.sha256((tmp_path / "mine.onnx").read_bytes()).hexdigest()[:12]
    assert judge.model == f"mine-1@{digest}", "another file under this name would not meet templates of this one"
    assert re.fullmatch(rf"{digest} (openvino|opencv) \d+\.\d+\S*", judge.version)
    template = judge.template_of(pictures.person_a()[0])
    found = judge.judge([pictures.person_a()[1]], template, "file")
    assert found.threshold == 0.5 and found.score > 0.6, "its own thresholds, not the settings'"


def test_another_file_under_the_name_of_the_default_is_another_model() -> None:
    """Else its vectors would be compared with SFace's."""
    given = {"name": NAME, "file": "x.onnx", "size": 128}
    assert backends.name_of(backends.Recipe(sha256=SHA256[EMBEDDER], **given)) == NAME
    assert backends.name_of(backends.Recipe(sha256="0" * 64, **given)) == f"{NAME}@{'0' * 12}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "0" * 64}, "was altered"), ({"file": "none.onnx"}, "is missing"), ({"size": 512}, "gives 128"),
        ({"side": 96}, "does not take"), ({"thresholds": None}, "thresholds are missing"), ({"mena": 127.5}, "mena"),
        ({"colour": "grey"}, "grey"), ({"thresholds": {"accept": 0.3, "grey": 0.4, "same": 0.5}}, "cosines"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_is_told_in_words(tmp_path: Path, changes: dict, words: str) -> None:
    runs = backends.engines.choose("opencv")
    with pytest.raises(Unavailable, match=words):
        backends.own(_recipe(tmp_path, **changes), runs)


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        backends.own(tmp_path / "none.json", backends.engines.choose("opencv"))


def test_each_backend_has_its_own_scale_for_kin_and_second_accounts() -> None:
    scale = backends.Dlib.own
    assert scale is not None and scale.kin <= scale.same and scale.accept < scale.alike
    assert scale.kin > SFACE.kin and scale.alike > SFACE.alike


def test_the_optional_backend_says_that_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "face_recognition", None)
    with pytest.raises(Unavailable, match="face_recognition"):
        load(DLIB)
