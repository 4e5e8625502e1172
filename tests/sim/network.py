"""Sockets between pages and gateways: in order, of varying speed, swallowed or broken at any moment.

The server's end is the real `gateway.Connection`; here is the transport it writes to, and the page's end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from random import Random
from types import SimpleNamespace

import msgspec
from picows import WSMsgType

from proctor.gateway.connection import Connection
from tests.sim.loop import MS, Loop

_decode = msgspec.json.decode
_encode = msgspec.json.encode
UPGRADE = SimpleNamespace(headers={})


class Frame:
    """What picows hands to a listener."""

    fin = True
    rsv1 = rsv2 = rsv3 = False
    msg_type = WSMsgType.TEXT

    def __init__(self, data: bytes) -> None:
        self.payload_size = len(data)
        self._data = data

    def get_payload_as_memoryview(self) -> memoryview:
        return memoryview(self._data)


class Wire:
    """The weather of one page's network: latency, and moments in which nothing passes."""

    def __init__(self, loop: Loop, random: Random, context: Context) -> None:
        self.loop = loop
        self.context = context  # of nobody's process: what is under way arrives, whoever dies
        self.random = random
        self.slow_ms = 20 + 80 * random.random()
        self.jitter_p = 0.0  # a packet that is retransmitted: everything behind it waits
        self.hole_until_ms = 0  # nothing passes until then
        self.offline = False

    def delay_ms(self) -> float:
        wait_ms = self.slow_ms * (0.5 + self.random.random())
        if self.random.random() < self.jitter_p:
            wait_ms += self.random.random() * 4_000
        return wait_ms + max(0, self.hole_until_ms - self.loop.now_ms)


class Socket:
    """One TCP connection. `page`: has `socket_opened`, `frame` and `socket_closed`."""

    def __init__(self, wire: Wire, gateway, page: Callable[..., None]) -> None:
        self.wire = wire
        self.loop = wire.loop
        self.gateway = gateway
        self.page = page  # (socket, kind, value)
        self.connection: Connection | None = None
        self.client_gone = False
        self.server_gone = False
        self.broken = False
        self.is_close_frame_sent = False
        self._up_s = self._down_s = 0.0
        self.told_ms: dict[int, int] = {}  # beat: when the page said it
        self.underlying_transport = self
        self.request, self.response = SimpleNamespace(headers={}), SimpleNamespace(headers={})
        self._later(self.wire.delay_ms() * 2 * MS, self._accept)

    def _later(self, wait_s: float, what: Callable[..., None]) -> None:
        self.loop.call_later(wait_s, what, context=self.wire.context)

    def set_write_buffer_limits(self, high: int, low: int) -> None: ...

    def get_extra_info(self, name: str):
        return ("10.0.0.1", 1)

    # The server's side.

    def _accept(self) -> None:
        gateway = self.gateway
        if gateway.process.dead or gateway.closed or self.wire.offline:
            self._tell(self._at_page, "closed", 1006)
            return
        gateway.process.call(self._connected)

    def _connected(self) -> None:
        if self.client_gone:
            return
        self.connection = self.gateway.admit()
        self.gateway.sockets.append(self)
        self._tell(self._at_page, "opened", None)
        self.connection.on_ws_connected(self)

    def send(self, _kind, data: bytes) -> None:
        if not self.server_gone:
            self._tell(self._at_page, "frame", data)

    def send_close(self, code, _reason: bytes = b"") -> None:
        self.is_close_frame_sent = True
        self._tell(self._at_page, "closed", int(code))

    def disconnect(self, graceful: bool = True) -> None:
        self.server_lost()

    def server_lost(self) -> None:
        """The server's end learns that the socket is gone."""
        if self.server_gone:
            return
        self.server_gone = True
        if self in self.gateway.sockets:
            self.gateway.sockets.remove(self)
        if self.connection is not None:
            self.gateway.process.call(self.connection.on_ws_disconnected, self)

    def _tell(self, what: Callable[..., None], kind: str, value) -> None:
        """Downwards, in order."""
        self._down_s = max(self._down_s, self.loop.time() + self.wire.delay_ms() * MS)
        self.loop.call_at(self._down_s, what, kind, value, context=self.wire.context)

    def _swallows(self) -> bool:
        """A line that lost one packet for good delivers nothing behind it."""
        self.broken = self.broken or self.wire.offline
        return self.broken

    # The page's side.

    def _at_page(self, kind: str, value) -> None:
        if self.client_gone or self._swallows():
            return
        if kind == "closed":
            self.client_gone = True
            self._later(0.05, self.server_lost)
        self.page(self, kind, _decode(value) if kind == "frame" else value)

    def send_up(self, frame: dict) -> None:
        if self.client_gone:
            return
        if frame["t"] == "beat":
            self.told_ms[frame["seq"]] = self.loop.now_ms
        data = _encode(frame)
        self._up_s = max(self._up_s, self.loop.time() + self.wire.delay_ms() * MS)
        self.loop.call_at(self._up_s, self._at_server, data, context=self.wire.context)

    def _at_server(self, data: bytes) -> None:
        if not self.server_gone and self.connection is not None and not self._swallows():
            self.gateway.process.call(self._deliver, data)

    def _deliver(self, data: bytes) -> None:
        if not self.server_gone and self.connection is not None:
            self.connection.on_ws_frame(self, Frame(data))

    def hang_up(self) -> None:
        """The page closes, or its process dies: the server hears of it, sooner or later."""
        if not self.client_gone:
            self.client_gone = True
            # What was sent before arrives before, also at a process that is busy with something else.
            at_s = max(self._up_s, self.loop.time() + self.wire.delay_ms() * MS)
            self.loop.call_at(at_s, self.gateway.process.call, self.server_lost, context=self.wire.context)

    def cut(self, heard: bool) -> None:
        """The line breaks; the page hears of it at once, or only by the silence."""
        if self.client_gone:
            return
        if heard:
            self.client_gone = True
            self.page(self, "closed", 1006)
        else:
            self.client_gone = True  # nothing arrives any more, and nobody says so
        if self.wire.random.random() < 0.6:
            self._later(self.wire.delay_ms() * MS, self.server_lost)
