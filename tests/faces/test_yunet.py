"""Finding faces: our reading of the network's numbers against OpenCV's detector, on both engines."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from proctor.faces import engines, yunet
from proctor.faces.backends import Model
from proctor.faces.models import DETECTOR, Face, model_folder
from proctor.faces.onnxfold import folded
from proctor.faces.yunet import YuNet, decoded, placed
from tests import pictures


def _pictures() -> list[np.ndarray]:
    portraits = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) for data in pictures.person_a()]
    small = cv2.resize(pictures.moving_man()[9], (200, 150), interpolation=cv2.INTER_AREA)
    return [*pictures.moving_man()[:90:30], pictures.two_people()[0], pictures.empty_room()[0], small, *portraits]


def _theirs(picture: np.ndarray) -> np.ndarray:
    """Rows of OpenCV's own detector over the same canvas, largest first, in pixels of the canvas."""
    detector = cv2.FaceDetectorYN.create(str(model_folder() / DETECTOR), "", (320, 320), 0.7, 0.3, 50)
    canvas, _scale = placed(picture)
    detector.setInputSize((canvas.shape[1], canvas.shape[0]))
    rows = detector.detect(canvas)[1]
    return np.zeros((0, 15)) if rows is None else rows[np.argsort(-rows[:, 2] * rows[:, 3])]


def _row(face: Face, scale: float) -> list[float]:
    numbers = (*face.box, *(value for point in face.points for value in point))
    return [*(value * scale for value in numbers), face.score]


@pytest.mark.parametrize("name", [engines.OPENVINO, engines.OPENCV])
def test_boxes_and_points_are_opencv_s(name: str) -> None:
    runs = engines.choose(name, engines.F32)
    finder = YuNet(runs.load(folded((model_folder() / DETECTOR).read_bytes())))
    counts = []
    for picture in _pictures():
        scale = placed(picture)[1]
        ours = np.array([_row(face, scale) for face in finder.faces(picture)]).reshape(-1, 15)
        theirs = _theirs(picture)
        assert ours.shape == theirs.shape and ours == pytest.approx(theirs, abs=0.01)
        counts.append(len(ours))
    assert set(counts) >= {0, 1, 2}


@pytest.mark.parametrize(
    ("width", "height", "canvas", "scale"),
    [
        (640, 480, (320, 256), 0.5), (480, 640, (256, 320), 0.5), (250, 250, (320, 256), 1),
        (256, 300, (256, 320), 1),
        (1_000, 1_000, (320, 320), 0.32), (4_000, 1_000, (320, 256), 0.08), (1_000, 4_000, (256, 320), 0.08),
    ],
)  # fmt: skip
def test_every_picture_fits_one_of_three_canvases(
    width: int, height: int, canvas: tuple[int, int], scale: float
) -> None:
    made, how = placed(np.full((height, width, 3), 200, np.uint8))
    assert (made.shape[1], made.shape[0]) == canvas and how == pytest.approx(scale)
    assert made[0, 0, 0] == 200 and (canvas == (320, 320) or made[-1, -1, 0] == 0)


def test_faces_come_largest_first_in_pixels_of_the_whole_picture(models: Model) -> None:
    frame = pictures.two_people()[0]
    found = models.faces(frame)
    assert len(found) == 2 and found[0].area >= found[1].area
    assert all(face.eyes_px > 20 and 0 <= face.points[2][0] < frame.shape[1] for face in found)
    assert {face.points[2][0] > frame.shape[1] / 2 for face in found} == {True, False}


def test_a_network_that_sees_faces_everywhere_is_cut_short() -> None:
    """A pattern made to be a face in every cell costs no more than the bound of candidates."""
    outputs = {}
    for stride in yunet.STRIDES:
        cells = (320 // stride) * (256 // stride)
        outputs |= {
            f"cls_{stride}": np.ones((1, cells, 1), np.float32),
            f"obj_{stride}": np.ones((1, cells, 1), np.float32),
            f"bbox_{stride}": np.full((1, cells, 4), -3, np.float32),
            f"kps_{stride}": np.zeros((1, cells, 10), np.float32),
        }
    assert 1 <= len(decoded(outputs, 320, 256)) <= yunet.CANDIDATES_MAX
