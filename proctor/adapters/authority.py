"""`ports.IdentityAuthority`: the local record, or somebody's system behind signed HTTP (docs/identity.md)."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Protocol
from urllib.parse import urlsplit

import msgspec

from proctor.adapters.signed_http import SignedHttp
from proctor.errors import Unavailable
from proctor.ports import Claimed, IdentityAuthority, Word


class Asked(IdentityAuthority, Protocol):
    """A wired adapter: what was opened is closed."""

    async def close(self) -> None: ...


class LocalAuthority:
    """Nobody is asked: the record here knows what staff entered, not whose face it is. A person decides."""

    name, is_local = "local", True

    async def ask(self, claimed: Claimed) -> Word:
        return "unknown"

    async def close(self) -> None:
        return


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    word: Word
    reference: Annotated[str, msgspec.Meta(max_length=64)]


class HttpAuthority:
    """POST {name, number, photo (base64 JPEG), reference} → {word, reference}; both ways signed with one key."""

    is_local = False

    def __init__(self, url: str, key: bytes, *, timeout_s: float = 8.0) -> None:
        self.name = urlsplit(url).hostname or ""
        self._http = SignedHttp(url, key, "authority", timeout_s=timeout_s)

    async def ask(self, claimed: Claimed) -> Word:
        body = {
            "name": claimed.name, "number": claimed.number, "reference": claimed.reference,
            "photo": base64.b64encode(claimed.photo).decode(),
        }  # fmt: skip
        data = await self._http.post(msgspec.json.encode(body), believe=True)
        try:
            answer = msgspec.json.decode(data, type=_Answer)
        except msgspec.MsgspecError:
            raise Unavailable("authority", "its answer is not understood") from None
        if answer.reference != claimed.reference:
            raise Unavailable("authority", "it answered to somebody else")
        return answer.word

    async def close(self) -> None:
        await self._http.close()


def authority_of(url: str, key_file: str) -> Asked:
    """The authority that the settings name. Raises OSError when the key file cannot be read."""
    return HttpAuthority(url, Path(key_file).read_bytes().strip()) if url else LocalAuthority()
