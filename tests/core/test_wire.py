"""Frames: shared examples with JavaScript, and bytes that are no frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proctor.core import wire

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "wire.json").read_text())
name_of = {"ids": lambda case: case["name"]}
SERVER = msgspec.json.Decoder(wire.ServerFrame)


@pytest.mark.parametrize("case", VECTORS["client"], **name_of)
def test_a_client_frame_is_read_as_the_example_says(case) -> None:
    found = wire.decode(case["json"].encode())
    assert json.loads(msgspec.json.encode(found)) == case["frame"]


@pytest.mark.parametrize("case", VECTORS["refused"], **name_of)
def test_what_is_no_frame_is_refused(case) -> None:
    with pytest.raises(wire.BadFrame):
        wire.decode(case["json"].encode())


@pytest.mark.parametrize("case", VECTORS["server"], **name_of)
def test_a_server_frame_is_written_to_the_letter(case) -> None:
    frame = msgspec.convert(case["frame"], wire.ServerFrame)
    assert wire.encode(frame).decode() == case["json"] and SERVER.decode(case["json"]) == frame


def test_every_kind_of_frame_has_an_example() -> None:
    for key, kinds in (("client", wire.ClientFrame), ("server", wire.ServerFrame)):
        tags = {kind.__struct_config__.tag for kind in get_args(kinds)}
        assert {case["frame"]["t"] for case in VECTORS[key]} == tags


def test_a_frame_above_its_bound_is_refused_and_at_the_bound_is_read() -> None:
    empty = b'{"t":"bye","x":""}'
    room = wire.FRAME_BYTES_MAX - len(empty)
    assert wire.decode(empty[:-2] + b"x" * room + empty[-2:]) == wire.Bye()
    with pytest.raises(wire.BadFrame, match="too large"):
        wire.decode(empty[:-2] + b"x" * (room + 1) + empty[-2:])


number = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
json_value = st.recursive(
    st.none() | st.booleans() | number | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ["v", "ticket", "token", "fence", "pos", "spans", "frames", "seq", "kind", "span", "check", "state", "nonce"]


def read(data: bytes) -> None:
    try:
        wire.decode(data)
    except wire.BadFrame:
        pass


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_bad_frame(data) -> None:
    read(data)


@settings(max_examples=300)
@given(
    st.sampled_from(["start", "resume", "beat", "sheet", "bye", "x"]),
    st.dictionaries(st.sampled_from(FIELDS), json_value, max_size=8),
)
def test_any_json_is_a_frame_or_a_bad_frame(kind, fields) -> None:
    read(json.dumps({"t": kind, **fields}).encode())


def test_deep_nesting_is_a_bad_frame() -> None:
    read(b'{"t":"bye","x":' + b"[" * 1_000 + b"]" * 1_000 + b"}")
    with pytest.raises(wire.BadFrame):
        wire.decode(b"[" * 2_000)


@settings(max_examples=100)
@given(st.dictionaries(st.text(min_size=2, max_size=8).map(lambda name: f"x_{name}"), json_value, max_size=3))
def test_unknown_fields_change_nothing(fields) -> None:
    known = {"t": "beat", "seq": 1, "kind": "play", "pos": 0}
    assert wire.decode(json.dumps({**known, **fields}).encode()) == wire.Beat(seq=1, kind="play", pos=0)


@pytest.mark.parametrize("word", ["\0", "a\0b", "\n", "\x7f", "摄像头"])
def test_words_of_a_player_are_plain(word) -> None:
    """A NUL in `why` reached the row of a check: PostgreSQL takes none, and the gateway's journal died of it."""
    for frame in (
        {"t": "sheet", "check": "c1", "state": "declined", "why": word},
        {"t": "beat", "seq": 1, "kind": "beat", "pos": 0, "signals": [word]},
    ):
        with pytest.raises(wire.BadFrame):
            wire.decode(json.dumps(frame).encode())
