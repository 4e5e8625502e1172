"""Is one picture good enough to compare? Pure rules; each refusal is a words key that says what to do better."""

from __future__ import annotations

from typing import Protocol

import cv2
import msgspec
import numpy as np

from proctor.faces.models import Face

PIXELS_MAX = 12_000_000  # what a phone's camera gives; more is an attack on memory
SIDE_MIN = 96
SCENE_WIDTH = 320
ASPECT_MAX = 4  # no camera is narrower; a strip has no room for a face
WIDE = 640  # what the player sends; a larger picture is decoded at a half, a quarter or an eighth, not below this
# A progressive picture is gone through once a scan, however small the file: ten are usual, a bomb has thousands.
SCANNED_MAX = 24_000_000  # pixels times scans
START_OF_SCAN = b"\xff\xda"
FRAME_HEADERS = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive: what browsers and cameras write
BITS = 8  # a sample; medical pictures have twelve
# Tables and comments that may stand before the frame header. Whatever else libjpeg tolerates there (markers
# without a length, filler bytes) would let it find another header than ours, and allocate by that one.
SKIPPED = frozenset((0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)))


class Limits(msgspec.Struct, frozen=True):
    """Bounds of a usable face. They are generous: an honest learner in a dim dormitory must get through."""

    eyes_px_min: float = 18.0  # of a face of 45 pixels; below it the embedding guesses
    second_area_ratio: float = 0.4  # a smaller second face is a poster or somebody at the far end of a room
    luma_min: float = 38.0  # mean brightness of the face, 0-255
    luma_max: float = 232.0
    sharpness_min: float = 12.0  # variance of the Laplacian on the aligned 112 px face
    yaw_max: float = 0.34  # in eye distances: turned about 28 degrees


DEFAULT = Limits()


class Finder(Protocol):
    """What of the models this needs."""

    def faces(self, picture: np.ndarray) -> list[Face]: ...

    def aligned(self, picture: np.ndarray, face: Face) -> np.ndarray: ...


class Look(msgspec.Struct, frozen=True):
    """What one picture shows: a usable aligned face, or why it is not (`problem` is a words key).

    A face that is only turned away keeps its `aligned` picture: active checks ask for turned faces.
    """

    problem: str
    aligned: np.ndarray | None = None
    yaw: float = 0.0
    quality: float = 0.0  # for choosing the best of several
    face: Face | None = None  # where it is, when there is exactly one that counts
    scene: np.ndarray | None = None  # the whole picture, grey, at most SCENE_WIDTH wide: for borders around the face
    size: tuple[int, int] = (0, 0)  # width, height of the picture in pixels


def decode(data: bytes) -> np.ndarray | None:
    """A JPEG as uint8 BGR, upright by its EXIF note, or None when it is none, broken, or too much work.

    The header is read before the picture. Grey and CMYK come out as BGR; a large picture comes out reduced.
    """
    size = _jpeg_size(data)
    if size is None or not min(size) >= SIDE_MIN or max(size) > ASPECT_MAX * min(size):
        return None
    pixels = size[0] * size[1]
    if pixels > PIXELS_MAX or pixels * data.count(START_OF_SCAN) > SCANNED_MAX:
        return None
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), _reduced(max(size)))
    except cv2.error:
        return None


def _reduced(side: int) -> int:
    """How OpenCV shall decode a picture of this long side: the cosine transform gives smaller ones for less."""
    if side >= 8 * WIDE:
        return cv2.IMREAD_REDUCED_COLOR_8
    if side >= 4 * WIDE:
        return cv2.IMREAD_REDUCED_COLOR_4
    return cv2.IMREAD_REDUCED_COLOR_2 if side >= 2 * WIDE else cv2.IMREAD_COLOR


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height from the frame header, without decoding anything; None for samples of more than 8 bits."""
    if data[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            return None
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in FRAME_HEADERS:
            if data[at + 4] != BITS:
                return None
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        elif marker in SKIPPED and length >= 2:
            at += 2 + length
        else:
            return None
    return None


def look(finder: Finder, picture: np.ndarray | None, limits: Limits = DEFAULT) -> Look:
    """One decoded picture, judged for use."""
    if picture is None:
        return Look("unreadable")
    faces = finder.faces(picture)
    if not faces:
        return Look("dark" if float(picture.mean()) < limits.luma_min / 2 else "no_face")
    face = faces[0]
    if len(faces) > 1 and faces[1].area >= limits.second_area_ratio * face.area:
        return Look("many_faces")
    if face.size_px < limits.eyes_px_min:
        return Look("small", face=face)
    aligned = finder.aligned(picture, face)
    grey = cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY)
    luma = float(grey.mean())
    if luma < limits.luma_min:
        return Look("dark", face=face)
    if luma > limits.luma_max:
        return Look("bright", face=face)
    sharpness = float(cv2.Laplacian(grey, cv2.CV_64F).var())
    if sharpness < limits.sharpness_min:
        return Look("blurred", face=face)
    height, width = picture.shape[:2]
    return Look(
        "turned" if abs(face.yaw) > limits.yaw_max else "", aligned, face.yaw,
        face.score - abs(face.yaw) + min(sharpness, 200.0) / 1_000, face, _scene(picture), (width, height),
    )  # fmt: skip


def _scene(picture: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    scale = SCENE_WIDTH / grey.shape[1]
    if scale >= 1:
        return grey
    return cv2.resize(grey, (SCENE_WIDTH, max(1, round(grey.shape[0] * scale))), interpolation=cv2.INTER_AREA)
