"""A signed POST to somebody else's system, and its bounded answer.

`X-Zhenxue-Signature: t=<epoch seconds>,v1=<hex HMAC-SHA-256 of "<t>.<body>">`: the other side knows who asks, and
that it is no old request sent again. An answer that is to be believed carries the same header over its own body.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable

import aiohttp

from proctor.errors import Unavailable

HEADER = "X-Zhenxue-Signature"
ANSWER_BYTES_MAX = 65_536
TIMEOUT_S = 5.0
SKEW_S = 300


def signature(key: bytes, body: bytes, at_s: int) -> str:
    mac = hmac.new(key, str(at_s).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={mac}"


def is_signed(key: bytes, body: bytes, header: str, now_s: int) -> bool:
    """Whether `header` signs `body`, made within a few minutes of now."""
    stamp, _comma, _rest = header.partition(",")
    text = stamp.removeprefix("t=")
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        return False
    fresh = abs(now_s - int(text)) <= SKEW_S
    return fresh and hmac.compare_digest(header.encode(), signature(key, body, int(text)).encode())


class SignedHttp:
    """One address of one other system. The session opens with the first call; `close` ends it."""

    def __init__(
        self, url: str, key: bytes, port: str, *, timeout_s: float = TIMEOUT_S, now_s: Callable[[], float] = time.time
    ) -> None:
        assert len(key) >= 16, "a shared key has at least 16 bytes"
        self._url, self._key, self._port, self._now_s = url, key, port, now_s
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: bytes, *, believe: bool = False) -> bytes:
        """The answer's bytes. `believe`: its signature is asked for. Raises Unavailable: no answer in time, not 2xx,
        too long, not signed."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        headers = {"Content-Type": "application/json", HEADER: signature(self._key, body, int(self._now_s()))}
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                data = await answer.content.read(ANSWER_BYTES_MAX + 1)
                status, signed = answer.status, answer.headers.get(HEADER, "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(self._port, type(error).__name__) from None
        if not 200 <= status < 300:
            raise Unavailable(self._port, f"status {status}")
        if len(data) > ANSWER_BYTES_MAX:
            raise Unavailable(self._port, "its answer is too long")
        if believe and not is_signed(self._key, data, signed, int(self._now_s())):
            raise Unavailable(self._port, "its answer is not signed")
        return data

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
