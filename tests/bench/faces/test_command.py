"""`bench faces` over a folder made of installed pictures: every part runs and every row has a figure."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.faces import command, data
from tests import pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two people with four pictures each, the pairs between them, and one list."""
    (tmp_path / "images").mkdir()
    man = pictures.moving_man()
    for name, frames in (("A_Man", [man[i] for i in (0, 20, 40, 60)]), ("B_Woman", pictures.astronaut()[:4])):
        for number, frame in enumerate(frames, 1):
            square = cv2.resize(np.ascontiguousarray(frame), (250, 250))
            cv2.imwrite(str(tmp_path / "images" / f"{name}_{number:04}.jpg"), square)
    pairs = [f"{fold},1,A_Man_0001.jpg,A_Man_000{fold + 1}.jpg" for fold in (1, 2, 3)]
    pairs += [f"{fold},0,A_Man_0001.jpg,B_Woman_000{fold}.jpg" for fold in (1, 2, 3)]
    (tmp_path / "pairs.csv").write_text("fold,same,a,b\n" + "\n".join(pairs) + "\n", "utf-8")
    (tmp_path / "east-asian-identities.txt").write_text("A_Man\nB_Woman\n", "utf-8")
    return tmp_path


def test_accuracy_of_a_folder(folder: Path) -> None:
    said: list[str] = []
    found = command.run(folder, 1, 0, ["sface"], ["accuracy"], said.append)
    figures = {row.measure: row for row in found.rows}
    assert figures["pairs of the protocol told right"].value == 100
    assert figures["TAR at FMR 0.001"].met and figures["pictures without a face"].value == 0
    assert found.raw["accuracy"]["sface"]["genuine"] == 12 and said
    far = found.raw["far"]
    assert far.genuine.count == 4 - far.refused and far.impostors.count == far.genuine.count
    assert far.impostors.hits == 0


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no pictures"):
        data.read(tmp_path)
