"""Signed tickets and tokens: checked without a lookup, bound to a purpose, never reusable for another one.

Form: base64url(msgpack body) + "." + base64url(HMAC-SHA256(key, purpose + body)). What is in a body is not
secret; whoever holds a ticket may read whom it is for.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, TypeVar

import msgspec

from proctor.errors import Refused
from proctor.ports import CheckTicket

TICKET_CHARS_MAX = 1_024
LEASE_MS = 30_000
T = TypeVar("T")


class StartTicket(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody is about to press play. Single-use; `jti` names it. `expires_ms`: epoch."""

    learner_id: int
    lesson_id: int
    class_id: int
    institution_id: int
    login_id: str  # "" for a WebView host
    account_version: int
    device_id: str
    page_id: str
    device_kind: str
    host: bool
    jti: str
    expires_ms: int
    lease_ms: int = LEASE_MS  # of the class's policy
    first_keeps: bool = False  # of the class's policy


class ResumeToken(msgspec.Struct, frozen=True, kw_only=True):
    """Reconnects the same page to the same lesson, also while the web is down.

    `fence`: of the seat that was welcomed. It is signed, or a page could guess the newest one and take the lease
    back without anybody pressing play.
    """

    learner_id: int
    lesson_id: int
    class_id: int
    institution_id: int
    login_id: str
    account_version: int
    device_id: str
    page_id: str
    device_kind: str
    host: bool
    expires_ms: int
    fence: int
    lease_ms: int = LEASE_MS
    first_keeps: bool = False


class MediaToken(msgspec.Struct, frozen=True, kw_only=True):
    """May fetch the media of one lesson until then."""

    lesson_id: int
    learner_id: int
    expires_ms: int


class Tickets:
    """Mints and reads with one key of this installation."""

    def __init__(self, key: bytes) -> None:
        assert len(key) >= 32, "tickets need a key of 256 bits"
        self._key = key

    def mint_start(self, ticket: StartTicket) -> str:
        return self._mint("start", ticket)

    def read_start(self, text: str, *, now_ms: int) -> StartTicket:
        """Raises Refused: ticket_invalid, ticket_expired."""
        return _alive(self._read("start", text, StartTicket), now_ms)

    def mint_resume(self, token: ResumeToken) -> str:
        return self._mint("resume", token)

    def read_resume(self, text: str, *, now_ms: int) -> ResumeToken:
        """Raises Refused: ticket_invalid, ticket_expired."""
        return _alive(self._read("resume", text, ResumeToken), now_ms)

    def mint_media(self, token: MediaToken) -> str:
        return self._mint("media", token)

    def read_media(self, text: str, *, now_ms: int) -> MediaToken:
        """Raises Refused: ticket_invalid, ticket_expired."""
        return _alive(self._read("media", text, MediaToken), now_ms)

    def mint_upload(self, ticket: CheckTicket) -> str:
        return self._mint("upload", ticket)

    def read_upload(self, text: str) -> CheckTicket:
        """Whether it is in time is for Redis to say. Raises Refused: ticket_invalid."""
        return self._read("upload", text, CheckTicket)

    def _sign(self, purpose: str, body: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + body, "sha256")

    def _mint(self, purpose: str, value: msgspec.Struct) -> str:
        body = msgspec.msgpack.encode(value)
        text = f"{_b64(body)}.{_b64(self._sign(purpose, body))}"
        assert len(text) <= TICKET_CHARS_MAX, "a ticket must fit into a frame"
        return text

    def _read(self, purpose: str, text: str, kind: type[T]) -> T:
        if len(text) > TICKET_CHARS_MAX or not text.isascii():
            raise Refused("ticket_invalid")
        body_text, _dot, mac_text = text.partition(".")
        try:
            body, mac = _unb64(body_text), _unb64(mac_text)
            if not hmac.compare_digest(mac, self._sign(purpose, body)):
                raise Refused("ticket_invalid")
            return msgspec.msgpack.decode(body, type=kind)
        except (binascii.Error, ValueError, msgspec.MsgspecError):
            raise Refused("ticket_invalid") from None


def _alive(ticket: Any, now_ms: int) -> Any:
    if ticket.expires_ms <= now_ms:
        raise Refused("ticket_expired")
    return ticket


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
