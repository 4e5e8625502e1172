"""Frames: any bytes are a frame or a bad frame; any frames at any times are facts that can be stored."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import strategies as st

from proctor.core import wire
from proctor.core.facts import Credited, encode
from proctor.core.snapshot import decode_snapshot, encode_snapshot
from tests.core.worlds import Player
from tests.fuzz.budget import damaged, fuzz, json_values

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "wire.json").read_text())
VALID = [case["json"].encode() for case in VECTORS["client"]]
KINDS = ["start", "resume", "beat", "sheet", "bye", "x"]
FIELDS = ["v", "ticket", "token", "fence", "pos", "spans", "frames", "seq", "kind", "span", "playing", "visible",
          "pip", "rate", "ack", "check", "state", "why", "nonce", "signals"]  # fmt: skip
objects = st.builds(
    lambda kind, fields: json.dumps({"t": kind, **fields}).encode(),
    st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=9),
)  # fmt: skip
frames = st.one_of(damaged(st.sampled_from(VALID)), objects, st.binary(max_size=64))

spans = st.tuples(st.integers(0, 20_000), st.integers(0, 20_000)).map(sorted).map(tuple)
beats = st.builds(
    wire.Beat, seq=st.integers(0, 9), kind=st.sampled_from(["beat", "play", "pause", "seek", "hide", "show", "end"]),
    pos=st.integers(0, 700_000), span=st.none() | spans, playing=st.booleans(), visible=st.booleans(),
    focused=st.booleans(), pip=st.booleans(), frames=st.integers(-1, 2**31 - 1), rate=st.integers(0, 16_000),
    ack=st.integers(0, 9), nonce=st.text(max_size=16), signals=st.lists(st.text(max_size=24), max_size=8),
)  # fmt: skip
sheets = st.builds(
    wire.Sheet, check=st.sampled_from(["c1", "c2", "", "x"]),
    state=st.sampled_from(["open", "closed", "no_camera", "declined"]), why=st.text(max_size=24),
)  # fmt: skip
# An honest word in between keeps the run deep: without it everything is refused from the first frame on.
words = st.sampled_from(["play", "beat", "pause"]) | beats | sheets
steps = st.lists(st.tuples(st.integers(0, 40_000), words), max_size=9)


def check(value) -> str:
    return read(value) if isinstance(value, bytes) else study(value)


def read(data: bytes) -> str:
    try:
        return type(wire.decode(data)).__name__
    except wire.BadFrame:
        return "refused"


def study(given: list) -> str:
    player = Player()
    began_ms = player.now_ms
    for wait_ms, step in given:
        if isinstance(step, str):
            player.beat(step, wait_ms)
            continue
        player.now_ms += wait_ms
        player.tick()
        if isinstance(step, wire.Beat):
            player.add(player.session.beat(step, player.now_ms))
        else:
            player.add(player.session.sheet(step, player.now_ms, player.dice()))
    player.add(player.session.leave("left", player.now_ms))
    stored = [encode(fact) for fact in player.facts]
    assert all(b"\x00" not in body for body in stored)
    snapshot = player.session.snapshot(player.now_ms)
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot
    credited = sum(b - a for fact in player.facts if isinstance(fact, Credited) for a, b in fact.spans)
    assert credited <= player.now_ms - began_ms, "more was credited than time passed"
    return "studied" if credited else "nothing earned"


def test_whatever_a_player_sends_is_a_frame_or_refused_and_never_earns_more_than_time() -> None:
    seen = fuzz("wire", frames | steps, check)
    assert {"Beat", "refused", "studied"} <= seen.keys(), "both ways were tried"
