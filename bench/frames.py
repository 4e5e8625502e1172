"""WebSocket frames by hand, as little as the load needs: small text out, small text in (RFC 6455)."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator

MASK = b"\x5a\x91\x3c\xe7"
_WIDE = int.from_bytes(MASK * 512, "big")
_WIDTH = len(MASK) * 512
TEXT, CLOSE, FIN = 0x1, 0x8, 0x80


def upgrade(host: str, port: int, path: str = "/") -> bytes:
    """The handshake's request."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def masked(payload: bytes, kind: int = TEXT) -> bytes:
    """One whole client frame; every client must mask, with whatever it likes."""
    size = len(payload)
    assert size <= _WIDTH
    head = bytes((FIN | kind, FIN | size)) if size < 126 else bytes((FIN | kind, FIN | 126)) + size.to_bytes(2, "big")
    body = int.from_bytes(payload, "big") ^ (_WIDE >> 8 * (_WIDTH - size))
    return head + MASK + body.to_bytes(size, "big")


class Reader:
    """Bytes in, payloads of text frames out; None once, when the handshake was answered with 101."""

    __slots__ = ("_rest", "_greeted", "closed")

    def __init__(self) -> None:
        self._rest = b""
        self._greeted = False
        self.closed = b""

    def feed(self, data: bytes) -> Iterator[bytes | None]:
        data = self._rest + data if self._rest else data
        if not self._greeted:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            assert head.startswith(b"HTTP/1.1 101"), head[:200]
            self._greeted = True
            yield None
        at, size = 0, len(data)
        while size - at >= 2:
            length, start = data[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if size < start + length:
                break
            if data[at] & 0xF == TEXT:
                yield data[start : start + length]
            elif data[at] & 0xF == CLOSE:
                self.closed = data[start : start + length]
            at = start + length
        self._rest = data[at:]

    def close_reason(self) -> str:
        """How the server closed, in words."""
        code = int.from_bytes(self.closed[:2], "big") if self.closed else 0
        return f"closed {code} {self.closed[2:].decode(errors='replace')}".strip()
