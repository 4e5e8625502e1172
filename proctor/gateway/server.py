"""The gateway: listens, admits, refuses and drains. picows carries the frames.

Several processes share one port (`SO_REUSEPORT`); each has its own admin port.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections import Counter
from urllib.parse import urlsplit

import structlog
from picows import WSUpgradeRequest, ws_create_server

from proctor import errors
from proctor.core import wire
from proctor.gateway.connection import Connection
from proctor.gateway.room import Room
from proctor.gateway.tickets import ResumeToken, Tickets
from proctor.live.hub import Hub
from proctor.live.learner import Claim
from proctor.settings import Settings

log = structlog.get_logger("gateway")

BACKLOG = 4_096
SCAN_S = 0.5
HANDSHAKE_S = 5.0
# An adapter, since the library makes a logger of its own for every socket of a plain one. Below its name, where
# `logs` keeps it quiet: its lines carry addresses.
PLAIN_LOG = logging.LoggerAdapter(logging.getLogger("picows.gateway"), {})
DEFAULT_PORTS = {"http": 80, "https": 443}


class Gateway:
    """All sockets of one process."""

    def __init__(self, settings: Settings, hub: Hub, tickets: Tickets) -> None:
        self.settings = settings
        self.hub = hub
        self._tickets = tickets
        self._sockets: set[Connection] = set()
        self._silent: dict[Connection, None] = {}  # without a first frame yet, the oldest first
        self._by_address: Counter[str] = Counter()
        self._closing: list[tuple[float, Connection]] = []
        self._accepts_s = 0
        self._accepts = 0
        self.room = Room(settings.openings_max)
        self._server: asyncio.Server | None = None
        self.draining = False

    @property
    def sockets(self) -> int:
        return len(self._sockets)

    # Listening.

    async def listen(self, tls: ssl.SSLContext | None) -> None:
        """Raises OSError when the port is taken by another program or user."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.setblocking(False)
            listener.bind((self.settings.host, self.settings.ws_port))
        except OSError:
            listener.close()
            raise
        # Every option that matters at scale is said here and not left to a default of the library.
        self._server = await ws_create_server(
            self._admit, None, None, sock=listener, ssl=tls, backlog=BACKLOG, disconnect_on_exception=True,
            websocket_handshake_timeout=HANDSHAKE_S, enable_auto_ping=False, enable_auto_pong=True,
            max_frame_size=self.settings.frame_bytes_max, read_buffer_init_size=self.settings.frame_bytes_max,
            use_aiofastnet=False, logger_name=PLAIN_LOG,
        )  # fmt: skip

    def _admit(self, request: WSUpgradeRequest) -> Connection:
        """Refusals are close codes: a browser cannot read an HTTP status of a failed handshake."""
        address = ""
        refuse: tuple[int, str] | None = None
        origin = request.headers.get("Origin", "")
        now_s = int(time.monotonic())
        if now_s != self._accepts_s:
            self._accepts_s, self._accepts = now_s, 0
        self._accepts += 1
        if self.draining:
            refuse = (errors.CLOSE_DRAIN, "drain")
        elif not self._allowed(origin, request.headers.get("Host", "")):
            refuse = (errors.CLOSE_ORIGIN, "origin")
        elif len(self._sockets) >= self.settings.sockets_max or self._accepts > self.settings.accepts_per_second:
            refuse = (errors.CLOSE_BUSY, "busy")
        if refuse is not None:
            self.hub.counts[f"refused_{refuse[1]}"] += 1
        return Connection(self, address, refuse)

    def _allowed(self, origin: str, host: str) -> bool:
        """Browsers always say their origin; programs and some WebViews do not, and still need a ticket."""
        if not origin:
            return True
        allowed = {name.strip().rstrip("/") for name in self.settings.origins.split(",") if name.strip()}
        allowed.add(self.settings.public_url.rstrip("/"))
        if origin.rstrip("/") in allowed:
            return True
        if self.settings.public_url:
            return False
        # No public address is set: the page must come from this very machine's web port.
        scheme = "https" if self.settings.tls_cert else "http"
        try:
            parts, own = urlsplit(origin), urlsplit(f"//{host}").hostname
            # Browsers leave the scheme's own port out.
            port = parts.port or DEFAULT_PORTS[scheme]
        except ValueError:
            return False
        return own is not None and (parts.scheme, parts.hostname, port) == (scheme, own, self.settings.port)

    # Sockets.

    def joined(self, connection: Connection) -> None:
        transport = connection._transport
        peer = transport.underlying_transport.get_extra_info("peername") if transport else None
        connection.address = peer[0] if peer else ""
        self._sockets.add(connection)
        self._silent[connection] = None
        self._by_address[connection.address] += 1
        if self._by_address[connection.address] > self.settings.sockets_per_address_max:
            connection.close(errors.CLOSE_BUSY, "busy")

    def gone(self, connection: Connection) -> None:
        self._silent.pop(connection, None)
        if connection in self._sockets:
            self._sockets.discard(connection)
            self._by_address[connection.address] -= 1
            if self._by_address[connection.address] <= 0:
                del self._by_address[connection.address]

    def close_later(self, connection: Connection, grace_s: float) -> None:
        self._closing.append((time.monotonic() + grace_s, connection))

    async def scan(self, stop: asyncio.Event) -> None:
        """Sockets without a first frame, and those whose peer does not answer a close frame."""
        hello_s = self.settings.hello_ms / 1_000
        while not stop.is_set():
            await asyncio.sleep(SCAN_S)
            now_s = time.monotonic()
            for connection in list(self._silent):
                if not connection.greeted and now_s - connection.since_s <= hello_s:
                    break
                del self._silent[connection]
                if not connection.greeted:
                    connection.close(errors.CLOSE_NO_HELLO, "no hello")
            overdue = [one for due_s, one in self._closing if due_s <= now_s]
            self._closing = [(due_s, one) for due_s, one in self._closing if due_s > now_s]
            for connection in overdue:
                connection.abort()

    # Tickets.

    def may_open(self) -> bool:
        """Is there room for one more opening?"""
        if not self.room.full:
            return True
        self.hub.counts["refused_openings"] += 1
        return False

    def claim_of(self, hello: wire.Start | wire.Resume) -> Claim:
        """Whom the first frame speaks for. Raises Refused: ticket_invalid, ticket_expired."""
        now_ms = time.time_ns() // 1_000_000
        if isinstance(hello, wire.Resume):
            token = self._tickets.read_resume(hello.token, now_ms=now_ms)
            if token.fence != hello.fence:
                raise errors.Refused("ticket_invalid")
            return _claim(token)
        ticket = self._tickets.read_start(hello.ticket, now_ms=now_ms)
        return _claim(ticket, ticket_id=ticket.jti, ticket_left_ms=ticket.expires_ms - now_ms)

    # Going down.

    async def drain(self) -> None:
        """New sockets are refused; players are asked to dial again; everything known is flushed."""
        self.draining = True
        if self._server is not None:
            self._server.close()
        half_ms = self.settings.drain_ms // 2
        learners = list(self.hub.learners.values())
        for learner in learners:
            learner.link.send(wire.Drain(in_ms=half_ms))
        deadline_s = time.monotonic() + half_ms / 1_000
        while self.hub.learners and time.monotonic() < deadline_s:
            await asyncio.sleep(0.05)
        await asyncio.gather(
            *(self.hub.finish(one, "drained", release=False) for one in list(self.hub.learners.values()))
        )
        for connection in list(self._sockets):
            connection.close(errors.CLOSE_DRAIN, "drain")
        await self.hub.settle()
        await asyncio.sleep(0.1)
        for connection in list(self._sockets):
            connection.abort()


def _claim(ticket, *, ticket_id: str = "", ticket_left_ms: int = 0) -> Claim:
    return Claim(
        learner_id=ticket.learner_id, lesson_id=ticket.lesson_id, class_id=ticket.class_id,
        institution_id=ticket.institution_id, login_id=ticket.login_id, account_version=ticket.account_version,
        device_id=ticket.device_id, page_id=ticket.page_id, device_kind=ticket.device_kind, host=ticket.host,
        lease_ms=ticket.lease_ms, first_keeps=ticket.first_keeps, ticket_id=ticket_id,
        ticket_left_ms=ticket_left_ms,
    )  # fmt: skip


def resume_token_of(claim: Claim, class_id: int, fence: int, expires_ms: int) -> ResumeToken:
    """What the welcome hands to the page."""
    return ResumeToken(
        learner_id=claim.learner_id, lesson_id=claim.lesson_id, class_id=class_id,
        institution_id=claim.institution_id, login_id=claim.login_id, account_version=claim.account_version,
        device_id=claim.device_id, page_id=claim.page_id, device_kind=claim.device_kind, host=claim.host,
        expires_ms=expires_ms, fence=fence, lease_ms=claim.lease_ms, first_keeps=claim.first_keeps,
    )  # fmt: skip
