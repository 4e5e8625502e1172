"""Facts of the library under the gateway that would bite if they changed, or if the gateway forgot them."""

from __future__ import annotations

import asyncio
import json
import resource

import pytest

from proctor.gateway import connection
from tests.gateway.house import CLOSE, PING, TEXT, Raw, gate, until

BEAT = json.dumps({"t": "beat", "seq": 1, "kind": "play", "pos": 0, "playing": True}).encode()


async def test_a_frame_above_the_limit_is_refused_by_its_header_alone() -> None:
    async with gate() as gates:
        raw = await gates.welcomed()
        raw.send(TEXT, b"", length=2_049)
        assert await raw.close_code() == 1009
        await raw.ended(1)


async def test_the_limit_is_soft_what_comes_behind_it_is_still_read_and_must_not_be_heard() -> None:
    """Behind a refused header the library parses on, and hands the oversized frame itself to the listener."""
    async with gate() as gates:
        raw = await gates.welcomed()
        big = BEAT[:-1] + b"," + b" " * 3_000 + b'"x":1}'
        raw.send(TEXT, big)
        raw.send(TEXT, BEAT)
        assert await raw.close_code() == 1009
        await raw.ended(1)
        await until(lambda: gates.gateway.sockets == 0)
        assert gates.house.hub.counts["beats"] == 0


async def test_a_frame_before_a_wrong_one_in_the_same_read_may_be_lost_never_half_done() -> None:
    async with gate() as gates:
        raw = await gates.welcomed()
        raw.send(TEXT, BEAT)
        raw.send(3, b"no such kind")
        assert await raw.close_code() == 1002
        assert gates.house.hub.counts["beats"] in (0, 1)


@pytest.mark.parametrize(("length", "body"), [(2**62, 8_000_000), (2**63, 100)], ids=["huge", "impossible"])
async def test_data_behind_a_refused_frame_is_not_kept_for_long(length: int, body: int) -> None:
    """The library reads on without a bound until it disconnects: after 10 ms, whatever the peer wants."""
    async with gate() as gates:
        raw = await gates.welcomed()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        raw.send(TEXT, b"", length=length)
        raw.writer.write(b"x" * body)
        with pytest.raises((ConnectionError, TimeoutError)):
            async with asyncio.timeout(5):
                while True:
                    raw.writer.write(b"x" * 1_000_000)
                    await raw.writer.drain()
        await until(lambda: gates.gateway.sockets == 0)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 120_000, "KB"


async def test_unmasked_frames_and_broken_control_frames_are_refused() -> None:
    async with gate() as gates:
        for data in (b"\x81\x02{}", bytes([0x09, 0x80, 0, 0, 0, 0]), bytes([0x89, 0xFE, 0, 200]) + b"m" * 204):
            raw = await gates.welcomed()
            raw.writer.write(data)
            assert await raw.close_code() == 1002
            await raw.ended(1)


@pytest.mark.parametrize("payload", [b"\x03", (1005).to_bytes(2, "big"), (1000).to_bytes(2, "big") + b"\xff"])
async def test_a_broken_close_frame_ends_the_socket_all_the_same(payload: bytes) -> None:
    async with gate() as gates:
        raw = await gates.welcomed()
        raw.send(CLOSE, payload)
        await raw.ended(1)
        await until(lambda: gates.gateway.sockets == 0 and not gates.house.hub.learners)


async def test_a_request_that_is_none_gets_an_http_answer_or_an_end() -> None:
    async with gate() as gates:
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00\xff\r\n\r\n"):
            raw = await Raw.connect(gates.port)
            raw.writer.write(data)
            answer = await asyncio.wait_for(raw.reader.read(-1), 2)
            assert answer.startswith(b"HTTP/1.1 400") or answer == b"", answer
        assert gates.gateway.sockets == 0


async def test_a_request_without_an_end_is_cut_at_the_library_s_bound() -> None:
    async with gate() as gates:
        raw = await Raw.connect(gates.port)
        raw.writer.write(b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000)
        await raw.ended(2)


async def test_a_flood_of_pings_to_a_peer_that_does_not_read_is_bounded_by_the_send_buffer(monkeypatch) -> None:
    monkeypatch.setattr(connection, "CLOSE_GRACE_S", 0.1)
    async with gate(send_buffer_bytes_max=4_096) as gates:
        raw = await gates.welcomed()
        raw.writer.transport.pause_reading()
        async with asyncio.timeout(8):
            while gates.gateway.sockets:
                for _n in range(400):
                    raw.send(PING, b"p" * 125)
                try:
                    await raw.writer.drain()
                except ConnectionError:
                    break
                await asyncio.sleep(0)
        await until(lambda: gates.gateway.sockets == 0)
