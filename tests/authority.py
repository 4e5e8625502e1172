"""An identity authority for tests, behind real HTTP: it knows some people, and can be away, slow or a liar."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from proctor.adapters import signed_http


@dataclass
class Simulator:
    """`people`: (name, number) -> SHA-256 of the photo that the authority has. `trouble`: what it does instead."""

    key: bytes
    people: dict[tuple[str, str], str] = field(default_factory=dict)
    trouble: str = ""  # away, slow, unsigned, other (answers to somebody else), nonsense
    asked: list[dict] = field(default_factory=list)

    def register(self, name: str, number: str, photo: bytes) -> None:
        self.people[name, number] = hashlib.sha256(photo).hexdigest()

    def app(self) -> web.Application:
        made = web.Application()
        made.router.add_post("/ask", self.answer)
        return made

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not signed_http.is_signed(self.key, body, request.headers[signed_http.HEADER], int(time.time())):
            return web.Response(status=401)
        asked = msgspec.json.decode(body)
        self.asked.append(asked)
        if self.trouble == "away":
            return web.Response(status=503)
        if self.trouble == "slow":
            await asyncio.sleep(2)
        known = self.people.get((asked["name"], asked["number"]))
        seen = hashlib.sha256(base64.b64decode(asked["photo"])).hexdigest()
        word = "unknown" if known is None else "same" if known == seen else "different"
        reference = "enrolment-0" if self.trouble == "other" else asked["reference"]
        answer = b"?" if self.trouble == "nonsense" else msgspec.json.encode({"word": word, "reference": reference})
        key = b"not the key at all" if self.trouble == "unsigned" else self.key
        return web.Response(
            body=answer, headers={signed_http.HEADER: signed_http.signature(key, answer, int(time.time()))}
        )
