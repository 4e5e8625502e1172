"""The simulated network keeps what a real one keeps: what was sent before a hang-up arrives before it."""

from __future__ import annotations

import asyncio
import contextvars
from random import Random

import pytest

from tests.sim.loop import Loop, Process
from tests.sim.network import Socket, Wire


class Gateway:
    """A server's end that writes down what it hears, in a process of its own."""

    closed = False

    def __init__(self, loop: Loop) -> None:
        self.process = Process(loop, "gateway")
        self.sockets: list[Socket] = []
        self.heard: list[str] = []

    def admit(self) -> Gateway:
        return self

    def on_ws_connected(self, _transport) -> None:
        self.heard.append("connected")

    def on_ws_frame(self, _transport, frame) -> None:
        self.heard.append(bytes(frame.get_payload_as_memoryview()).decode())

    def on_ws_disconnected(self, _transport) -> None:
        self.heard.append("gone")


@pytest.mark.parametrize("seed", range(20))
def test_a_goodbye_is_heard_before_the_hang_up(seed: int) -> None:
    """Seed 228: the last word came in the same moment as the end of the socket and was thrown away. The lease stood
    for its life time, and under "first keeps" the learner's own next lesson was refused."""
    loop, random = Loop(), Random(seed)
    gateway = Gateway(loop)
    frozen = seed % 2

    async def world() -> None:
        socket = Socket(Wire(loop, random, contextvars.copy_context()), gateway, lambda *_heard: None)
        await asyncio.sleep(1)
        if frozen:
            gateway.process.freeze()
        socket.send_up({"t": "bye"})
        socket.hang_up()
        await asyncio.sleep(1)
        gateway.process.thaw()
        await asyncio.sleep(1)

    loop.run_until_complete(world())
    loop.close()
    assert gateway.heard == ["connected", '{"t":"bye"}', "gone"]
