"""Which pictures are good enough to compare, and the word that each poor one gets."""

from __future__ import annotations

import io
import struct
import time

import cv2
import numpy as np
import pytest
from PIL import Image

from proctor.faces import quality
from proctor.faces.backends import Model
from proctor.faces.models import Face
from proctor.faces.quality import Limits, decode, look
from tests import pictures


def _jpeg(picture: np.ndarray, *flags: int) -> bytes:
    return cv2.imencode(".jpg", picture, list(flags))[1].tobytes()


def _noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)


def _frame() -> np.ndarray:
    return pictures.moving_man()[0]


def _sized(data: bytes, width: int, height: int) -> bytes:
    """The same file, whose frame header claims another size."""
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def test_an_ordinary_picture_of_a_person_is_usable(models: Model) -> None:
    for frame in (_frame(), pictures.astronaut()[0]):
        found = look(models, decode(_jpeg(frame)))
        assert found.problem == "" and abs(found.yaw) < 0.2
        assert found.aligned is not None and found.aligned.shape == (112, 112, 3)


def test_a_progressive_picture_is_read_too() -> None:
    assert decode(_jpeg(_frame(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xe0\x00\x00" + bytes(40), b"GIF89a" + bytes(90),
        cv2.imencode(".png", _noise(200, 200))[1].tobytes(), bytes(1_000),
    ],
)  # fmt: skip
def test_what_is_no_jpeg_is_not_decoded(data: bytes) -> None:
    assert decode(data) is None


@pytest.mark.parametrize("size", [(4_001, 3_000), (65_000, 65_000), (95, 400), (2_000, 400), (400, 0)])
def test_a_size_that_no_camera_has_is_refused_before_anything_is_decoded(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_args: object) -> None:
        raise AssertionError("the picture was decoded")

    data = _sized(_jpeg(_noise(200, 200)), *size)
    monkeypatch.setattr(cv2, "imdecode", never)
    assert decode(data) is None


@pytest.mark.parametrize("marker", [0x00, 0x01, 0xD0, 0xD7, 0xD8, 0xC3, 0xC9])
def test_no_second_frame_header_hides_behind_a_marker_without_length(
    marker: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lenient decoder skips two bytes here and meets the large header; by its length we would meet the small."""
    small = _jpeg(_noise(200, 200))
    large = _sized(small, 65_000, 65_000)
    begin = small.index(b"\xff\xc0")
    trick = small[:2] + bytes((0xFF, marker)) + large[begin : begin + 19] + bytes(0xFFC0 - 19) + small[2:]
    monkeypatch.setattr(cv2, "imdecode", lambda *_args: pytest.fail("the picture was decoded"))
    assert decode(trick) is None


def _exif(data: bytes, orientation: int) -> bytes:
    """The same file with a note on how the camera was held."""
    note = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes((orientation, 0, 0, 0)) + bytes(4)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note + data[2:]


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [(3, cv2.ROTATE_180), (6, cv2.ROTATE_90_COUNTERCLOCKWISE), (8, cv2.ROTATE_90_CLOCKWISE)],
)
def test_a_phone_held_sideways_gives_an_upright_face(models: Model, orientation: int, turned: int) -> None:
    picture = decode(_exif(_jpeg(cv2.rotate(_frame(), turned)), orientation))
    assert picture is not None and np.abs(picture.astype(int) - _frame()).mean() < 4
    assert look(models, picture).problem == ""


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_print_colours_and_grey_are_read(models: Model, mode: str) -> None:
    out = io.BytesIO()
    Image.fromarray(_frame()[:, :, ::-1]).convert(mode).save(out, "JPEG", quality=90)
    assert look(models, decode(out.getvalue())).problem == ""


@pytest.mark.parametrize(("times", "width"), [(1, 640), (2, 640), (3, 960), (4, 640)])
def test_a_large_picture_is_decoded_smaller(models: Model, times: int, width: int) -> None:
    """Twelve million pixels would take longer to decode than to judge."""
    large = cv2.resize(_frame(), None, fx=times, fy=times)
    found = look(models, decode(_jpeg(large, cv2.IMWRITE_JPEG_QUALITY, 80)))
    assert (found.problem, found.size[0]) == ("", width)


def _other_formats() -> dict[str, bytes]:
    deep = cv2.imencode(".png", _frame().astype(np.uint16) * 257)[1].tobytes()
    clear = cv2.imencode(".png", cv2.cvtColor(_frame(), cv2.COLOR_BGR2BGRA))[1].tobytes()
    plain = _jpeg(np.full((480, 640, 3), 90, np.uint8))
    at = plain.index(b"\xff\xc0") + 4
    scan = plain.index(b"\xff\xda")
    many = _jpeg(_noise(200, 200), cv2.IMWRITE_JPEG_PROGRESSIVE, 1).replace(b"\xff\xc2", b"\xff\xc0", 1)
    return {
        "16 bits": deep, "alpha": clear, "webp": cv2.imencode(".webp", _frame())[1].tobytes(), "svg": b"<svg/>" * 30,
        "12 bits": plain[:at] + b"\x0c" + plain[at + 1 :], "a thousand scans": plain[:-2] + plain[scan:-2] * 1_000,
        "progressive and huge": _sized(many, 3_900, 3_000),
        "a strip": _jpeg(_noise(1_000, 200)), "a bomb": _sized(plain, 60_000, 60_000), "a zip": b"PK\x03\x04" * 90,
    }  # fmt: skip


@pytest.mark.parametrize("name", _other_formats())
def test_what_no_camera_sends_is_refused_at_once(name: str) -> None:
    data = _other_formats()[name]
    started_s = time.thread_time()
    assert decode(data) is None
    assert time.thread_time() - started_s < 0.05


def crowd() -> np.ndarray:
    """Twenty times the same face."""
    face = cv2.resize(_frame()[60:460, 120:520], (120, 120), interpolation=cv2.INTER_AREA)
    return np.vstack([np.hstack([face] * 5)] * 4)


def test_twenty_faces_are_too_many(models: Model) -> None:
    assert len(models.faces(crowd())) >= 12
    assert look(models, crowd()).problem == "many_faces"


def test_every_cut_and_many_flips_are_survived() -> None:
    data = _jpeg(_noise(120, 100))
    for length in range(0, len(data), 97):
        decode(data[:length])
    dice = np.random.default_rng(7)
    for _ in range(150):
        flipped = bytearray(data)
        flipped[int(dice.integers(0, 700))] = int(dice.integers(0, 256))
        picture = decode(bytes(flipped))
        assert picture is None or picture.size <= quality.PIXELS_MAX * 3


def test_nothing_and_nobody(models: Model) -> None:
    assert look(models, None).problem == "unreadable"
    assert look(models, pictures.empty_room()[0]).problem == "no_face"
    assert look(models, np.zeros((480, 640, 3), np.uint8)).problem == "dark"


def test_light(models: Model) -> None:
    assert look(models, pictures.dark_man()[0]).problem == "dark"
    glaring = np.clip(pictures.astronaut()[0].astype(np.float32) + 150, 0, 255).astype(np.uint8)
    assert look(models, glaring).problem == "bright"


def test_blur(models: Model) -> None:
    assert look(models, cv2.GaussianBlur(_frame(), (0, 0), 9)).problem == "blurred"


def test_distance(models: Model) -> None:
    far = np.full((480, 640, 3), 120, np.uint8)
    far[210:300, 250:370] = cv2.resize(_frame(), (120, 90), interpolation=cv2.INTER_AREA)
    assert look(models, far).problem == "small"


def test_two_people(models: Model) -> None:
    assert look(models, pictures.two_people()[0]).problem == "many_faces"


class _Found:
    """A detector that finds what a test says."""

    def __init__(self, models: Model, *faces: Face) -> None:
        self._models = models
        self._faces = list(faces)

    def faces(self, picture: np.ndarray) -> list[Face]:
        return self._faces

    def aligned(self, picture: np.ndarray, face: Face) -> np.ndarray:
        return self._models.aligned(picture, face)


def _other(face: Face, ratio: float) -> Face:
    side = (face.area * ratio) ** 0.5
    return Face((0.0, 0.0, side, side), face.points, 0.9)


@pytest.mark.parametrize(("ratio", "problem"), [(0.39, ""), (0.41, "many_faces")])
def test_a_face_on_a_poster_does_not_count_as_somebody(models: Model, ratio: float, problem: str) -> None:
    face = models.faces(_frame())[0]
    assert look(_Found(models, face, _other(face, ratio)), _frame()).problem == problem


@pytest.mark.parametrize(("yaw", "problem"), [(0.0, ""), (0.3, ""), (-0.3, ""), (0.4, "turned"), (-0.4, "turned")])
def test_a_turned_head_is_told_from_the_nose(models: Model, yaw: float, problem: str) -> None:
    face = models.faces(_frame())[0]
    right, left, nose, *mouth = (np.array(point) for point in face.points)
    axis = (left - right) / np.linalg.norm(left - right)
    moved = nose + (yaw - face.yaw) * face.eyes_px * axis
    points = tuple((float(x), float(y)) for x, y in (right, left, moved, *mouth))
    turned = Face(face.box, points, face.score)
    assert turned.yaw == pytest.approx(yaw, abs=1e-6)
    assert look(_Found(models, turned), _frame()).problem == problem


def test_limits_can_be_given(models: Model) -> None:
    assert look(models, _frame(), Limits(eyes_px_min=400)).problem == "small"
