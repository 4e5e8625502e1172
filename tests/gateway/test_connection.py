"""One socket: frames that are no frames of ours, extensions, control frames, and every way to close."""

from __future__ import annotations

import asyncio
import json

import pytest

from proctor import errors
from proctor.core import wire
from proctor.core.facts import Outcome
from tests.gateway.house import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, gate, until

BEAT = json.dumps({"t": "beat", "seq": 1, "kind": "play", "pos": 0, "playing": True}).encode()
BYE = b'{"t":"bye"}'


async def test_start_beat_ack_and_bye_over_a_real_socket() -> None:
    async with gate() as gates:
        raw = await gates.welcomed()
        raw.send(TEXT, BEAT)
        assert (await raw.json())["t"] == "ack"
        raw.send(TEXT, BYE)
        assert await raw.close_code() == 1000
        raw.send(CLOSE, (1000).to_bytes(2, "big"))
        await raw.ended(0.5)
        await until(lambda: gates.gateway.sockets == 0)


async def test_a_socket_does_not_carry_its_headers_through_the_lesson() -> None:
    """With a browser's they weighed two kilobytes a learner."""
    async with gate() as gates:
        await gates.welcomed()
        (socket,) = gates.gateway._sockets
        assert not socket._transport.request.headers and not socket._transport.response.headers


async def test_the_answer_to_our_close_ends_the_socket_at_once() -> None:
    """It stayed for two seconds more: after our own close frame the peer's was not listened to."""
    async with gate() as gates:
        raw = await gates.dial()
        raw.send(TEXT, BEAT)
        assert await raw.close_code() == errors.CLOSE_PROTOCOL
        raw.send(CLOSE, (4500).to_bytes(2, "big"))
        await raw.ended(0.5)


async def test_the_peer_s_close_is_answered_with_its_code() -> None:
    async with gate() as gates:
        raw = await gates.welcomed()
        raw.send(CLOSE, (1001).to_bytes(2, "big"))
        assert await raw.close_code() == 1001
        await raw.ended(0.5)
        await until(lambda: not gates.house.hub.learners)


@pytest.mark.parametrize(
    "send",
    [
        lambda raw: raw.send(BINARY, BEAT),
        lambda raw: raw.send(TEXT, BEAT[:9], fin=False),
        lambda raw: raw.send(CONTINUATION, BEAT),
        lambda raw: (raw.send(TEXT, BEAT[:9], fin=False), raw.send(CONTINUATION, BEAT[9:])),
        lambda raw: raw.send(TEXT, BEAT, rsv=4),
        lambda raw: raw.send(TEXT, BEAT, rsv=1),
        lambda raw: raw.send(TEXT, b'{"t":"sheet","check":"\xff","state":"open"}'),
        lambda raw: raw.send(TEXT, b'{"t":"beat"}'),
        lambda raw: raw.send(TEXT, b""),
        lambda raw: raw.send(TEXT, b'{"t":"start","v":1,"ticket":"x"}'),
    ],
    ids=["binary", "fragment", "continuation", "fragments", "compressed", "other extension", "not UTF-8", "half",
         "empty", "second hello"],
)  # fmt: skip
async def test_what_no_player_sends_ends_with_4500_and_changes_nothing(send) -> None:
    async with gate() as gates:
        raw = await gates.welcomed()
        send(raw)
        assert await raw.close_code() == errors.CLOSE_PROTOCOL
        assert gates.house.hub.counts["bad_frames"] == 1 and gates.house.hub.counts["beats"] == 0


@pytest.mark.parametrize("frame", [BEAT, BYE, b"null"], ids=["beat", "bye", "null"])
async def test_whoever_does_not_begin_with_a_hello_is_closed(frame: bytes) -> None:
    async with gate() as gates:
        raw = await gates.dial()
        raw.send(TEXT, frame)
        assert await raw.close_code() == errors.CLOSE_PROTOCOL


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        ({"t": "start", "v": 2, "ticket": "x"}, errors.CLOSE_VERSION),
        ({"t": "start", "v": 1, "ticket": "forged"}, errors.CLOSE_TICKET),
        ({"t": "resume", "v": 1, "token": "forged", "fence": 1}, errors.CLOSE_LOGIN_ENDED),
    ],
)
async def test_a_hello_that_proves_nothing_is_told_what_to_do(hello: dict, code: int) -> None:
    async with gate() as gates:
        raw = await gates.dial()
        raw.send(TEXT, json.dumps(hello).encode())
        assert await raw.close_code() == code


async def test_pings_are_answered_and_pongs_ignored() -> None:
    async with gate() as gates:
        raw = await gates.welcomed()
        raw.send(PONG, b"nobody asked")
        raw.send(PING, b"are you there")
        assert await raw.frame() == (PONG, b"are you there")
        raw.send(TEXT, BEAT)
        assert (await raw.json())["t"] == "ack"


async def test_a_socket_whose_seat_could_not_be_opened_because_of_a_bug_is_closed() -> None:
    """It waited for ever: the failure was only logged, and a socket that had greeted was never looked at again."""
    async with gate() as gates:
        gates.house.sql.error = RuntimeError("a bug of ours")
        raw = await gates.dial()
        raw.send(TEXT, gates.start_frame())
        assert await raw.close_code() == errors.CLOSE_UNAVAILABLE
        gates.house.sql.error = None
        await gates.welcomed()


async def test_a_socket_that_goes_while_its_seat_is_opened_leaves_nobody_behind() -> None:
    async with gate() as gates:
        raw = await gates.dial()
        raw.send(TEXT, gates.start_frame())
        await raw.writer.drain()
        raw.hang_up()
        await until(lambda: gates.gateway.sockets == 0)
        await gates.house.hub.settle()
        assert gates.house.hub.learners == {}


async def test_a_seat_that_sql_opens_when_the_page_has_closed_gets_no_session(monkeypatch) -> None:
    async with gate() as gates:
        house, over = gates.house, asyncio.Event()
        real = house.records.open_seats

        async def slow(requests):
            await over.wait()
            return await real(requests)

        monkeypatch.setattr(house.records, "open_seats", slow)
        raw = await gates.dial()
        raw.send(TEXT, gates.start_frame())
        await until(lambda: house.sql.calls.get("open_seats"))
        raw.send(CLOSE, (1001).to_bytes(2, "big"))
        assert await raw.close_code() == 1001
        over.set()
        await house.hub.settle()
        assert house.hub.counts["refused_given_up"] == 1 and house.hub.counts["opened_start"] == 0
        assert house.records.seats[1].fence == 1 and house.hub.learners == {}


async def test_a_stopped_learner_gets_the_last_word_before_the_close() -> None:
    async with gate() as gates:
        raw = await gates.welcomed()
        for _burst in range(2):
            await gates.house.judge(gates.house.hub.learners[1], Outcome.MISMATCH)
        said = []
        while not said or said[-1] != "lost":
            said.append((await raw.json())["t"])
        assert await raw.close_code() == errors.CLOSE_CHECK_STOPPED


def test_a_reason_never_grows_a_close_frame_beyond_its_bound() -> None:
    from proctor.gateway.connection import REASON_BYTES_MAX

    assert REASON_BYTES_MAX + 2 <= 125 and len(wire.encode(wire.Lost(why="x" * 64))) < 2_048
