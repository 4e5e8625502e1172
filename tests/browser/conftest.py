"""Running systems for browser tests. Pictures of pages go to `out/` beside this file and are never committed;
with ZHENXUE_NEW_PICTURES=1 the two of the README are made anew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import pictures
from tests.processes.conftest import STRICT, running
from tests.stack import ROOT, Stack, free_port

OUT = Path(__file__).parent / "out"


def picture(name: str) -> Path:
    """Where a picture of the README goes: into `docs/images` when somebody asks for new ones, else to the others."""
    return (ROOT / "docs" / "images" if os.environ.get("ZHENXUE_NEW_PICTURES") else OUT) / f"{name}.png"


# A fifth of the real times: cuts of 1, 4 and 36 s stand for 5 s, 20 s and 3 min.
FIFTH = {
    "gap_ms_max": 6_000, "durable_nudge_ms": 3_400, "durable_pause_ms": 5_000, "check_freeze_ms_max": 36_000,
}  # fmt: skip


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Iterator[Stack]:
    yield from running(Stack(tmp_path_factory.mktemp("browser")))


@pytest.fixture(scope="module")
def fifth(tmp_path_factory) -> Iterator[Stack]:
    # Players are sent to this port, where a test puts a relay that it can cut.
    relay = free_port()
    env = {"ZHENXUE_PUBLIC_WS_URL": f"ws://localhost:{relay}/"}
    stack = Stack(tmp_path_factory.mktemp("fifth"), policy=FIFTH, env=env)
    stack.relay_port = relay
    yield from running(stack)


@pytest.fixture(scope="module")
def strict(tmp_path_factory) -> Iterator[Stack]:
    # The camera plays one short film again and again, which is what the search for repeated captures finds.
    policy = {**STRICT, "check_window_ms": 20_000}
    yield from running(Stack(tmp_path_factory.mktemp("strict"), policy=policy, env={"ZHENXUE_TRACES_MAX": "0"}))


@pytest.fixture(scope="session")
def cameras(tmp_path_factory) -> dict[str, Path]:
    """What may sit before the camera, as files that Chromium plays."""
    folder = tmp_path_factory.mktemp("cameras")
    people = {
        "man": pictures.moving_man, "astronaut": pictures.astronaut, "two": pictures.two_people,
        "room": pictures.empty_room,
    }  # fmt: skip
    return {name: pictures.camera(folder / f"{name}.mjpeg", frames()) for name, frames in people.items()}
