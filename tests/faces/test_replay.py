"""Earlier captures are found again, also changed a little; fresh ones of the same person are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from proctor.faces import quality, replay
from proctor.faces.backends import Model
from tests import pictures


@pytest.fixture(scope="module")
def seen(models: Model):
    """A look and a vector of two moments of one talking man, seconds apart."""

    def of(picture: np.ndarray):
        look = quality.look(models, picture)
        assert not look.problem and look.aligned is not None
        return look, models.embeddings([look.aligned])[0]

    man = pictures.moving_man()
    return of, man[0], man[60]


def _found(of, picture: np.ndarray, earlier: np.ndarray) -> bool:
    before, vector = of(earlier)
    look, now = of(picture)
    return bool(list(replay.repeated([look], {0: now}, [0], [replay.trace(before, vector)])))


def test_a_fresh_capture_of_the_same_person_is_new(seen) -> None:
    of, first, later = seen
    assert not _found(of, later, first)


@pytest.mark.parametrize("change", ["same", "noise", "brighter", "jpeg", "cropped", "mirrored"])
def test_an_earlier_capture_is_found_again(seen, change: str) -> None:
    of, first, _later = seen
    height, width = first.shape[:2]
    noise = np.random.default_rng(2).integers(-2, 3, first.shape)
    changed = {
        "same": first,
        "noise": np.clip(first.astype(int) + noise, 0, 255).astype(np.uint8),
        "brighter": cv2.convertScaleAbs(first, alpha=1.1, beta=8),
        "jpeg": cv2.imdecode(cv2.imencode(".jpg", first, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR),
        "cropped": np.ascontiguousarray(first[height // 30 :, width // 40 :]),
        "mirrored": np.ascontiguousarray(first[:, ::-1]),
    }[change]
    assert _found(of, changed, first)


def test_a_trace_keeps_no_picture(seen) -> None:
    of, first, _later = seen
    kept = replay.trace(*of(first))
    assert len(kept.hash) == replay.CELLS**2 // 8
