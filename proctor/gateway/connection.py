"""One learner's socket: first frame, then beats; bounded in size, rate and unsent bytes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import structlog
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from proctor import errors
from proctor.core import wire
from proctor.errors import Refused
from proctor.live.learner import Claim, Learner

if TYPE_CHECKING:
    from proctor.gateway.server import Gateway

log = structlog.get_logger("socket")

TEXT = WSMsgType.TEXT  # named once: an enumeration's attribute is a look-up
REASON_BYTES_MAX = 100  # a close frame carries at most 123
CLOSE_GRACE_S = 2.0  # for the peer's answer to our close frame


class Connection(WSListener):
    """picows calls it; `send` and `close` are what the hub sees of it (`live.learner.Link`)."""

    __slots__ = (
        "_gateway", "address", "_refuse", "_transport", "learner", "since_s", "greeted", "closing", "_bytes_max",
    )  # fmt: skip

    def __init__(self, gateway: Gateway, address: str, refuse: tuple[int, str] | None) -> None:
        super().__init__()
        self._gateway = gateway
        self.address = address
        self._refuse = refuse
        self._transport: WSTransport | None = None
        self.learner: Learner | None = None
        self.since_s = time.monotonic()
        self.greeted = False
        self.closing = False
        self._bytes_max = gateway.settings.frame_bytes_max

    # picows.

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        # Read by now; the transport would keep every socket's headers as long as it lives.
        transport.response.headers.clear()
        transport.request.headers = transport.response.headers
        transport.underlying_transport.set_write_buffer_limits(
            high=self._gateway.settings.send_buffer_bytes_max, low=0
        )
        self._gateway.joined(self)
        if self._refuse is not None:
            self.close(*self._refuse)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            self._closed_by_peer(transport, frame)
        elif self.closing or transport.is_close_frame_sent:
            # The library goes on reading behind a frame that it refused: nothing of that is listened to.
            return
        elif frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._bad("an extension that was not agreed")
        elif kind == WSMsgType.TEXT and frame.fin:
            if frame.payload_size > self._gateway.settings.frame_bytes_max:
                self._bad("too large")
            else:
                self._text(frame.get_payload_as_memoryview())
        elif kind not in (WSMsgType.PING, WSMsgType.PONG):
            # Players send whole text frames; anything else is somebody else's program.
            self._bad("not a text frame")

    def _closed_by_peer(self, transport: WSTransport, frame: WSFrame) -> None:
        """The peer's word, or its answer to ours. What it leaves unread must not hold the socket any longer."""
        self.closing = True
        if not transport.is_close_frame_sent:
            transport.send_close(frame.get_close_code())
        transport.disconnect()
        self._gateway.close_later(self, CLOSE_GRACE_S)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        self.closing = True
        self._gateway.gone(self)
        # Learner and socket name each other: the circle is opened here, for the collector walks no old objects.
        learner, self.learner = self.learner, None
        if learner is not None:
            self._gateway.hub.disconnected(learner)

    def pause_writing(self) -> None:
        """The send buffer passed its limit: this reader is too slow to study with."""
        self.close(errors.CLOSE_SLOW_READER, "slow reader")

    # Frames.

    def _text(self, data: memoryview) -> None:
        try:
            frame = wire.decode(data)
        except wire.BadFrame:
            self._bad("bad frame")
            return
        learner = self.learner
        if type(frame) is wire.Beat and learner is not None:
            self._gateway.hub.beat(learner, frame)
        elif isinstance(frame, (wire.Start, wire.Resume)):
            self._hello(frame)
        elif learner is None:
            self._bad("no hello")
        elif isinstance(frame, wire.Sheet):
            self._gateway.hub.sheet(learner, frame)
        else:
            self._gateway.hub.bye(learner)

    def _hello(self, hello: wire.Start | wire.Resume) -> None:
        if self.greeted:
            self._bad("second hello")
            return
        self.greeted = True
        if hello.v != wire.PROTOCOL_VERSION:
            self.close(errors.CLOSE_VERSION, "version")
            return
        if not self._gateway.may_open():
            self.close(errors.CLOSE_BUSY, "busy")
            return
        try:
            claim = self._gateway.claim_of(hello)
        except Refused as refused:
            if isinstance(hello, wire.Start):
                self.close(errors.CLOSE_TICKET, refused.code)
            else:
                self.close(errors.CLOSE_LOGIN_ENDED, refused.code)
            return
        self._gateway.room.enter()
        self._gateway.hub.spawn(self._open(claim, hello))

    async def _open(self, claim: Claim, hello: wire.Start | wire.Resume) -> None:
        began_s = time.monotonic()
        try:
            learner = await self._gateway.hub.open(claim, hello, self)
        except Exception:
            # A bug of ours, logged by the hub: the player dials again instead of waiting at a dead socket.
            self.close(errors.CLOSE_UNAVAILABLE, "broken")
            raise
        finally:
            self._gateway.room.leave(time.monotonic() - began_s)
        if learner is None:
            return
        if self._transport is None:
            # The socket went away while its seat was opened.
            self._gateway.hub.disconnected(learner)
        else:
            self.learner = learner

    def _bad(self, why: str) -> None:
        self._gateway.hub.counts["bad_frames"] += 1
        self.close(errors.CLOSE_PROTOCOL, why)

    # Link.

    @property
    def gone(self) -> bool:
        return self._transport is None or self.closing

    def send(self, frame: wire.ServerFrame) -> None:
        transport = self._transport
        if transport is not None and not self.closing:
            transport.send(TEXT, wire.encode(frame))

    def close(self, code: int, reason: str = "") -> None:
        transport = self._transport
        if transport is None or self.closing:
            return
        self.closing = True
        # The library types only the transport's own codes; ours pass through.
        transport.send_close(cast(WSCloseCode, code), reason.encode()[:REASON_BYTES_MAX])
        self._gateway.close_later(self, CLOSE_GRACE_S)

    def abort(self) -> None:
        """The peer did not answer our close frame in time."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)
