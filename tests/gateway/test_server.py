"""The gateway's bounds on a real port: slow, half-open and silent sockets hold nothing for longer than they may."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from types import SimpleNamespace

import pytest

from proctor import errors
from proctor.core import wire
from proctor.errors import Unavailable
from proctor.gateway import connection, server
from tests.gateway.house import TEXT, Raw, gate, until

BYE = b'{"t":"bye"}'


async def test_a_socket_without_a_hello_is_closed() -> None:
    async with gate(hello_ms=100) as gates:
        raw = await gates.dial()
        assert await raw.close_code(2.5) == errors.CLOSE_NO_HELLO


async def test_a_handshake_that_is_never_completed_is_closed(monkeypatch) -> None:
    monkeypatch.setattr(server, "HANDSHAKE_S", 0.2)
    async with gate() as gates:
        silent, slow = await Raw.connect(gates.port), await Raw.connect(gates.port)
        slow.writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        await silent.ended(4)
        await slow.ended(4)
        assert gates.gateway.sockets == 0


async def test_silence_after_the_welcome_is_closed_and_keeps_the_lease_for_a_reconnect() -> None:
    async with gate(idle_ms=5_000) as gates:
        raw = await gates.welcomed()
        gates.house.clock.advance(5_001)
        assert await raw.close_code() == 1001
        assert await gates.house.redis.holder(1) is not None and gates.house.hub.counts["idle"] == 1


async def test_a_reader_that_does_not_read_is_closed_at_the_send_buffer_s_bound(monkeypatch) -> None:
    monkeypatch.setattr(connection, "CLOSE_GRACE_S", 0.1)
    async with gate(send_buffer_bytes_max=8_192) as gates:
        raw = await gates.welcomed()
        raw.writer.transport.pause_reading()
        link = gates.house.hub.learners[1].link
        assert isinstance(link, connection.Connection) and link._transport is not None
        pipe = link._transport.underlying_transport
        largest = 0
        while not link.closing:
            link.send(wire.Hold(why="x" * 500))
            largest = max(largest, pipe.get_write_buffer_size())
        assert largest < 8_192 + 1_000
        await until(lambda: gates.gateway.sockets == 0)
        assert gates.house.hub.learners == {}


async def test_a_peer_that_never_answers_our_close_is_aborted(monkeypatch) -> None:
    monkeypatch.setattr(connection, "CLOSE_GRACE_S", 0.1)
    async with gate(hello_ms=100) as gates:
        raw = await gates.dial()
        assert await raw.close_code() == errors.CLOSE_NO_HELLO
        await until(lambda: gates.gateway.sockets == 0)
        await raw.ended()


async def test_a_peer_that_says_goodbye_and_leaves_our_bytes_unread_is_aborted(monkeypatch) -> None:
    """It stayed for ever: an orderly end waits until everything is sent, and this peer never reads."""
    monkeypatch.setattr(connection, "CLOSE_GRACE_S", 0.1)
    async with gate(send_buffer_bytes_max=65_536) as gates:
        raw = await gates.welcomed()
        raw.writer.transport.pause_reading()
        link = gates.house.hub.learners[1].link
        assert isinstance(link, connection.Connection) and link._transport is not None
        pipe = link._transport.underlying_transport
        while pipe.get_write_buffer_size() < 30_000:
            link.send(wire.Hold(why="x" * 500))
        raw.send(8, (1000).to_bytes(2, "big"))
        await until(lambda: gates.gateway.sockets == 0)


async def test_a_half_open_peer_is_let_go_with_its_learner() -> None:
    async with gate() as gates:
        raw = await gates.welcomed()
        raw.writer.write_eof()
        await until(lambda: gates.gateway.sockets == 0 and not gates.house.hub.learners)


async def test_more_sockets_than_the_bound_are_told_to_come_again() -> None:
    async with gate(sockets_max=2) as gates:
        held = [await gates.welcomed(1), await gates.welcomed(2)]
        late = await gates.dial()
        assert await late.close_code() == errors.CLOSE_BUSY
        assert gates.house.hub.counts["refused_busy"] == 1
        held[0].send(TEXT, BYE)
        await held[0].close_code()
        held[0].hang_up()
        late.hang_up()
        await until(lambda: gates.gateway.sockets == 1)
        await gates.welcomed(3)


async def test_more_sockets_of_one_address_than_the_bound_are_told_to_come_again() -> None:
    async with gate(sockets_per_address_max=1) as gates:
        first = await gates.welcomed()
        assert await (await gates.dial()).close_code() == errors.CLOSE_BUSY
        reader, writer = await asyncio.open_connection("127.0.0.1", gates.port, local_addr=("127.0.0.2", 0))
        other = Raw(reader, writer)
        await other.shake()
        other.send(TEXT, gates.start_frame(2))
        assert (await other.json())["t"] == "welcome"
        first.hang_up()
        await until(lambda: gates.gateway._by_address["127.0.0.1"] <= 1)


async def test_more_accepts_a_second_than_the_bound_are_told_to_come_again(monkeypatch) -> None:
    now_s = [1_000.0]
    # Only the gateway's own look at the clock stands still, not the loop's.
    monkeypatch.setattr(server, "time", SimpleNamespace(monotonic=lambda: now_s[0], time_ns=time.time_ns))
    async with gate(accepts_per_second=3) as gates:
        raws = [await gates.dial() for _n in range(5)]
        codes = [await raw.close_code() for raw in raws[3:]]
        assert codes == [errors.CLOSE_BUSY] * 2
        now_s[0] += 1
        raw = await gates.dial()
        raw.send(TEXT, gates.start_frame())
        assert (await raw.json())["t"] == "welcome"
        monkeypatch.undo()


async def test_more_openings_than_the_bound_are_told_to_come_again_and_lose_no_ticket(monkeypatch) -> None:
    """Dials were given up after three seconds and came again, and none of the work that they left behind was used."""
    async with gate(openings_max=2) as gates:
        opened, go_on = gates.house.hub.open, asyncio.Event()

        async def slow(*given):
            await go_on.wait()
            return await opened(*given)

        monkeypatch.setattr(gates.house.hub, "open", slow)
        raws = [await gates.dial() for _n in range(4)]
        frames = [gates.start_frame(learner_id) for learner_id in (1, 2, 3)]
        for raw, frame in zip(raws, frames, strict=False):
            raw.send(TEXT, frame)
        assert await raws[2].close_code() == errors.CLOSE_BUSY
        assert gates.gateway.room.taken == 2
        raws[0].hang_up()
        await until(lambda: gates.gateway.sockets <= 3)
        raws[3].send(TEXT, frames[2])
        assert await raws[3].close_code() == errors.CLOSE_BUSY, "work that goes on for nobody is work"
        assert gates.house.hub.counts["refused_openings"] == 2
        go_on.set()
        assert (await raws[1].json())["t"] == "welcome"
        await until(lambda: gates.gateway.room.taken == 0)
        raw = await gates.dial()
        raw.send(TEXT, frames[2])
        assert (await raw.json())["t"] == "welcome"


@pytest.mark.parametrize("error", [Unavailable("sql"), RuntimeError("a bug")])
async def test_an_opening_that_fails_makes_room(monkeypatch, error: Exception) -> None:
    async with gate(openings_max=1) as gates:

        async def broken(*_given):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(gates.house.hub.opener, "open", broken)
            for _again in range(2):
                raw = await gates.dial()
                raw.send(TEXT, gates.start_frame())
                assert await raw.close_code() == errors.CLOSE_UNAVAILABLE
        await gates.welcomed()


@pytest.mark.parametrize(
    ("origin", "fine"),
    [("", True), ("http://localhost:8080", True), ("http://evil.example", False), ("http://localhost:9", False),
     ("http://localhost:8080.evil.example", False), ("null", False), ("http://[", False)],
)  # fmt: skip
async def test_only_pages_of_ours_may_open_a_socket(origin: str, fine: bool) -> None:
    async with gate() as gates:
        raw = await gates.dial(**({"Origin": origin} if origin else {}))
        raw.send(TEXT, gates.start_frame())
        kind, payload = await raw.frame()
        assert (kind == TEXT) is fine
        if not fine:
            assert int.from_bytes(payload[:2], "big") == errors.CLOSE_ORIGIN


async def test_a_public_address_and_further_origins_are_the_only_ones_when_they_are_set() -> None:
    async with gate(public_url="https://xue.example.cn", origins="https://a.example, https://b.example/") as gates:
        allowed = gates.gateway._allowed
        assert allowed("https://xue.example.cn", "x") and allowed("https://a.example", "x")
        assert allowed("https://b.example", "x") and not allowed("http://localhost:8080", "localhost:8081")


async def test_draining_asks_players_to_dial_again_and_keeps_what_they_earned() -> None:
    async with gate() as gates:
        raw = await gates.welcomed()
        draining = asyncio.create_task(gates.gateway.drain())
        assert (await raw.json())["t"] == "drain"
        assert await raw.close_code() == errors.CLOSE_DRAIN
        await draining
        assert gates.gateway.sockets == 0 and gates.house.hub.learners == {}
        assert await gates.house.redis.holder(1) is not None, "the page comes back to another gateway"
        with contextlib.suppress(OSError):
            late = await Raw.connect(gates.port)
            await late.ended()


async def test_a_port_of_another_program_is_an_error_and_leaks_no_socket() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        house_port = taken.getsockname()[1]
        from tests.live.house import House

        house = House(host="127.0.0.1", gateway_port=house_port)
        with pytest.raises(OSError):
            await server.Gateway(house.settings, house.hub, house.tickets).listen(None)


async def test_a_resume_token_reconnects_the_page_and_only_until_it_expires() -> None:
    async with gate() as gates:
        raw = await gates.dial()
        raw.send(TEXT, gates.start_frame(page="page-one"))
        welcome = await raw.json()
        raw.hang_up()
        back = await gates.dial()
        hello = wire.Resume(v=1, token=welcome["token"], fence=welcome["fence"])
        claim = gates.gateway.claim_of(hello)
        assert (claim.page_id, claim.ticket_id) == ("page-one", "")
        back.send(TEXT, b'{"t":"resume","v":1,"token":"%s","fence":1}' % welcome["token"].encode())
        assert (await back.json())["fence"] == 2


async def test_a_resume_names_the_fence_that_its_token_was_signed_for() -> None:
    """A page that was thrown out could guess the newest fence, and take the lease without a press of play."""
    async with gate() as gates:
        first = await gates.dial()
        first.send(TEXT, gates.start_frame(page="page-one"))
        old = await first.json()
        guess = wire.Resume(v=1, token=old["token"], fence=old["fence"] + 1)
        with pytest.raises(errors.Refused, match="ticket_invalid"):
            gates.gateway.claim_of(guess)
