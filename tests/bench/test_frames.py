"""Frames by hand: what goes out is what RFC 6455 says, what comes in may be cut anywhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.frames import MASK, Reader, masked


def unmasked(frame: bytes) -> bytes:
    """The payload of one client frame, by the book."""
    assert frame[0] == 0x81 and frame[1] & 0x80
    size, start = frame[1] & 0x7F, 2
    if size == 126:
        size, start = int.from_bytes(frame[2:4], "big"), 4
    key, body = frame[start : start + 4], frame[start + 4 :]
    assert key == MASK and len(body) == size
    return bytes(byte ^ key[index % 4] for index, byte in enumerate(body))


@given(st.binary(min_size=1, max_size=2_000))
def test_a_masked_frame_carries_its_payload(payload: bytes) -> None:
    assert unmasked(masked(payload)) == payload


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 50))
def test_frames_come_whole_however_they_are_cut(payloads: list[bytes], cut: int) -> None:
    stream = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
    for payload in payloads:
        size = len(payload)
        stream += bytes((0x81, size)) if size < 126 else bytes((0x81, 126)) + size.to_bytes(2, "big")
        stream += payload
    reader, found = Reader(), []
    for start in range(0, len(stream), cut):
        found += reader.feed(stream[start : start + cut])
    assert found == [None, *payloads]


def test_a_close_is_kept_in_words() -> None:
    reader = Reader()
    list(reader.feed(b"HTTP/1.1 101 x\r\n\r\n" + bytes((0x88, 6)) + (4003).to_bytes(2, "big") + b"busy"))
    assert reader.close_reason() == "closed 4003 busy"
