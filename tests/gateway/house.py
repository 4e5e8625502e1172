"""A real gateway on a loopback port over stores in memory, and a client that may send any bytes at any time."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from proctor.core import wire
from proctor.gateway.server import Gateway
from proctor.gateway.tickets import StartTicket
from proctor.live.ticker import run_ticker
from tests.live.house import House

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
_numbers = itertools.count(1)


class Gate:
    """One listening gateway of a house."""

    def __init__(self, house: House, port: int) -> None:
        self.house = house
        self.port = port
        self.gateway = Gateway(house.settings, house.hub, house.tickets)

    def start_frame(self, learner_id: int = 1, page: str = "") -> bytes:
        """What a page sends first; its ticket lives by the wall clock, as the gateway reads it."""
        claim = self.house.claim(learner_id, page or f"page-{next(_numbers)}")
        ticket = StartTicket(
            learner_id=claim.learner_id, lesson_id=claim.lesson_id, class_id=1, institution_id=1, login_id="",
            account_version=1, device_id=claim.device_id, page_id=claim.page_id, device_kind="pc", host=False,
            jti=claim.ticket_id, expires_ms=2**50,
        )  # fmt: skip
        frame = {"t": "start", "v": wire.PROTOCOL_VERSION, "ticket": self.house.tickets.mint_start(ticket)}
        return json.dumps(frame).encode()

    async def dial(self, **headers: str) -> Raw:
        raw = await Raw.connect(self.port)
        await raw.shake(**headers)
        return raw

    async def welcomed(self, learner_id: int = 1) -> Raw:
        raw = await self.dial()
        raw.send(TEXT, self.start_frame(learner_id))
        assert (await raw.json())["t"] == "welcome"
        return raw


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def gate(**settings: Any) -> AsyncIterator[Gate]:
    """Listening, scanning and ticking until the block ends; then drained."""
    port = free_port()
    house = House(host="127.0.0.1", gateway_port=port, drain_ms=200, tick_ms=20, **settings)
    made = Gate(house, port)
    stop = asyncio.Event()
    await made.gateway.listen(None)
    tasks = [asyncio.create_task(made.gateway.scan(stop)), asyncio.create_task(run_ticker(house.hub, stop))]
    try:
        yield made
    finally:
        stop.set()
        await made.gateway.drain()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Raw:
    """A socket that speaks the framing of RFC 6455 by hand, so that it can also speak it wrongly."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int) -> Raw:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def shake(self, **headers: str) -> bytes:
        key = base64.b64encode(os.urandom(16)).decode()
        given = {
            "Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13", **headers,
        }  # fmt: skip
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self.writer.write(f"GET / HTTP/1.1\r\n{lines}\r\n".encode())
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)

    def send(self, kind: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, length: int = -1) -> None:
        """One masked frame; `length` lies about the payload's size."""
        size = len(payload) if length < 0 else length
        head = bytes([(0x80 if fin else 0) | rsv << 4 | kind])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65_536:
            head += bytes([0xFE]) + size.to_bytes(2, "big")
        else:
            head += bytes([0xFF]) + size.to_bytes(8, "big")
        mask = os.urandom(4)
        self.writer.write(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))

    async def frame(self, wait_s: float = 10.0) -> tuple[int, bytes]:
        async with asyncio.timeout(wait_s):
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            return first & 0x0F, await self.reader.readexactly(size)

    async def json(self) -> dict[str, Any]:
        kind, payload = await self.frame()
        assert kind == TEXT, (kind, payload)
        return json.loads(payload)

    async def close_code(self, wait_s: float = 10.0) -> int:
        """Of the close frame that comes, whatever stands before it."""
        async with asyncio.timeout(wait_s):
            while True:
                kind, payload = await self.frame(wait_s)
                if kind == CLOSE:
                    return int.from_bytes(payload[:2], "big")

    async def ended(self, wait_s: float = 10.0) -> None:
        """Until the other side ends the connection."""
        async with asyncio.timeout(wait_s):
            try:
                while await self.reader.read(65_536):
                    pass
            except ConnectionError:
                pass

    def hang_up(self) -> None:
        self.writer.transport.abort()


async def until(condition, wait_s: float = 10.0) -> None:
    """Until the condition holds: the other side of a socket needs a moment."""
    async with asyncio.timeout(wait_s):
        while not condition():
            await asyncio.sleep(0.01)
