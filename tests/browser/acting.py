"""People before the camera who do what the sheet says: a stream that follows its instructions, as a learner would.

No camera file can answer an order that is drawn for each try. So the pictures are given to the page, which shows the
ones that fit the instruction that stands, a human moment after it changed. Heads that turn are SYNTHETIC: re-rendered
in three dimensions from one photograph (`bench/faces/mesh.py`), never warped flat.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from bench.faces.mesh import Head
from bench.faces.scenes import jpeg, moved
from proctor.faces import backends, quality
from tests import pictures

FAR_DEG = 40.0
NEAR = 1.4
EACH = 4  # pictures of each pose: nobody holds quite still

# The camera: a drawing board that shows pictures of the pose that the sheet asks for, with a sensor's noise.
CAMERA = """
(() => {
  const poses = %s, lit = %s;
  const paper = document.createElement('canvas');
  paper.width = 640; paper.height = 480;
  const pen = paper.getContext('2d');
  const ready = Promise.all(Object.entries(poses).map(async ([name, frames]) => {
    poses[name] = await Promise.all(frames.map((data) => createImageBitmap(
      new Blob([Uint8Array.from(atob(data), (one) => one.charCodeAt(0))], { type: 'image/jpeg' }))));
  }));
  let pose = 'front', asked = 'front', since = 0, count = 0;
  async function draw() {
    await ready;
    const round = document.querySelector('.zx-round');
    const guide = (round && round.dataset.guide) || 'front';
    const wanted = poses[guide] ? guide : 'front';
    if (wanted !== asked) { asked = wanted; since = performance.now(); }
    if (performance.now() - since > 200) pose = asked;
    count += 1;
    const frames = poses[pose];
    pen.drawImage(frames[(count >> 2) %% frames.length], Math.sin(count / 9), Math.cos(count / 11));
    const veil = document.querySelector('.zx-veil');
    if (lit && veil && veil.dataset.shine === '0') {
      pen.fillStyle = 'rgba(0, 0, 0, .2)';
      pen.fillRect(0, 0, 640, 480);
    }
    const strip = pen.getImageData(0, 0, 640, 480);
    for (let at = 0; at < strip.data.length; at += 4) {
      const grain = (Math.random() - 0.5) * 9;
      strip.data[at] += grain; strip.data[at + 1] += grain; strip.data[at + 2] += grain;
    }
    pen.putImageData(strip, 0, 0);
  }
  setInterval(draw, 80);
  navigator.mediaDevices.getUserMedia = async () => { await ready; await draw(); return paper.captureStream(15); };
})();
"""


@cache
def _head(who: str) -> Head:
    frames = {"man": pictures.moving_man, "astronaut": pictures.astronaut}[who]()
    head = Head.of(backends.load(), frames[0])
    assert head is not None
    return head


def turned(who: str, yaw_deg: float) -> np.ndarray:
    """That person's head, turned by so much; above zero to their own left."""
    return _head(who).turned(yaw_deg)


def _even(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The face as bright in each: the man sits in a moving car, and here only the screen changes the light."""
    models = backends.load()
    faces = [quality.look(models, one).aligned for one in frames]
    bright = [float(one.mean()) for one in faces if one is not None]
    assert len(bright) == len(frames)
    return [
        np.clip(one * (bright[0] / mean), 0, 255).astype(np.uint8) for one, mean in zip(frames, bright, strict=True)
    ]


def _poses(who: str) -> dict[str, list[np.ndarray]]:
    steady = {"man": pictures.moving_man, "astronaut": pictures.astronaut}[who]()
    return {
        "front": _even(steady[: 12 * EACH : 12]),
        "left": [turned(who, FAR_DEG + step) for step in range(EACH)],
        "right": [turned(who, -FAR_DEG - step) for step in range(EACH)],
        "closer": [moved(frame, NEAR) for frame in steady[: 12 * EACH : 12]],
    }


@cache
def follows(who: str, *, lit: bool = True) -> str:
    """A script for a page: its camera shows this person, who does what the sheet asks. `lit`: by the screen, too,
    which is the only lamp that changes."""
    coded = {
        name: [base64.b64encode(jpeg(one, 92)).decode() for one in frames] for name, frames in _poses(who).items()
    }
    return CAMERA % (json.dumps(coded), json.dumps(lit))


def film(path: Path, who: str, turns: Sequence[float], rate: int = 15) -> Path:
    """A camera file of an earlier check: straight, then each turn for 1.5 s with a second between, over and over."""
    still, frames = {"man": pictures.moving_man, "astronaut": pictures.astronaut}[who](), []
    dice = np.random.default_rng(5)
    for turn in turns:
        frames += still[: 2 * rate]
        for step in range(2 * rate):
            yaw = turn * min(1.0, step / (rate / 3), (2 * rate - step) / (rate / 3))
            frames.append(turned(who, round(yaw)))
    noisy = [np.clip(one + dice.normal(0, 3, one.shape), 0, 255).astype(np.uint8) for one in frames]
    with path.open("wb") as out:
        for one in noisy:
            out.write(jpeg(one, 90))
    return path
