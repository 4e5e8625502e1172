"""The way of a picture into a verdict: whatever the bytes are, it ends with a documented word, and soon."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from hypothesis import strategies as st

from proctor.faces import backends, quality
from proctor.faces.backends import Model
from tests import pictures
from tests.fuzz.budget import damaged, fuzz

WORDS = {"", "unreadable", "no_face", "many_faces", "small", "dark", "bright", "blurred", "turned"}
REFUSED_S_MAX = 0.05  # of CPU: the bar for bad input
JUDGED_S_MAX = 0.5


@pytest.fixture(scope="module")
def models() -> Model:
    return backends.load()


def _files() -> list[bytes]:
    """Small ones, so that accidents hit what matters: plain, progressive, grey, and a face."""
    face = cv2.resize(pictures.moving_man()[0], (240, 180), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(3).integers(0, 255, (100, 130, 3), np.uint8)
    grey = cv2.cvtColor(noise, cv2.COLOR_BGR2GRAY)
    settings = ([], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 4])
    made = [(one, flags) for one in (face, noise, grey) for flags in settings]
    return [cv2.imencode(".jpg", one, flags)[1].tobytes() for one, flags in made]


@st.composite
def bytes_of_pictures(draw) -> bytes:
    """Accidents anywhere, then a few in the tables and headers at the beginning."""
    data = bytearray(draw(damaged(st.sampled_from(_files()))))
    for _more in range(draw(st.integers(0, 3))):
        if data:
            data[draw(st.integers(0, min(len(data) - 1, 640)))] = draw(st.integers(0, 255))
    return bytes(data)


def test_whatever_the_bytes_are_there_is_a_word_for_them(models: Model) -> None:
    def check(data: bytes) -> str:
        started_s = time.thread_time()
        found = quality.look(models, quality.decode(data))
        took_s = time.thread_time() - started_s
        assert found.problem in WORDS
        assert took_s <= (REFUSED_S_MAX if found.problem == "unreadable" else JUDGED_S_MAX), f"{took_s:.3f} s"
        assert (found.aligned is not None) == (found.problem in ("", "turned"))
        return found.problem or "usable"

    seen = fuzz("pictures", bytes_of_pictures(), check)
    assert {"unreadable", "usable", "no_face"} <= seen.keys(), seen
