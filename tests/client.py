"""An independent client: signs in over HTTP, studies over `websockets`, exactly as docs/protocol.md says.

Nothing of the server's code is imported, so that a misunderstanding of ours cannot hide on both sides.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import ssl
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


class Person:
    """One signed-in browser of one account. Use as `async with Person(url) as person`.

    `source`: the loopback address it comes from; `claimed`: what it writes into X-Forwarded-For itself.
    """

    def __init__(
        self, url: str, *, agent: str = "tests", trusted: ssl.SSLContext | None = None, source: str = "",
        claimed: str = "",
    ) -> None:  # fmt: skip
        self.url = url
        self.trusted = trusted
        self.csrf = ""
        self.account = 0
        self.login = ""
        # The jar keeps cookies of addresses without a name, too.
        self.http = aiohttp.ClientSession(
            base_url=url, cookie_jar=aiohttp.CookieJar(unsafe=True),
            headers={"User-Agent": agent, **({"X-Forwarded-For": claimed} if claimed else {})},
            connector=aiohttp.TCPConnector(
                ssl=trusted if trusted else True, local_addr=(source, 0) if source else None
            ),
        )

    async def __aenter__(self) -> Person:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.http.close()

    async def page(self, path: str, status: int = 200) -> str:
        async with self.http.get(path) as answer:
            text = await answer.text()
            assert answer.status == status, (path, answer.status, text[:500])
            found = re.search(r'name="csrf" value="([^"]+)"', text) or re.search(r'"csrf":\s*"([^"]+)"', text)
            if found:
                self.csrf = found.group(1)
            return text

    async def page_that_says(self, path: str, words: str, wait_s: float = 10.0) -> str:
        """The page once `words` stand on it: what was studied is stored a moment later."""
        async with asyncio.timeout(wait_s):
            while words not in (text := await self.page(path)):
                await asyncio.sleep(0.1)
            return text

    async def post(self, path: str, **form: str) -> tuple[int, str]:
        async with self.http.post(path, data={"csrf": self.csrf, **form}) as answer:
            return answer.status, await answer.text()

    async def sign_in(self, login: str, password: str) -> None:
        await self.page("/login")
        status, text = await self.post("/login", login=login, password=password)
        assert status == 200 and "wrong_login" not in text, (status, text[:400])

    async def consent(self, choice: str = "given") -> None:
        text = await self.page("/consent")
        version = re.search(r'name="notice_version" value="([^"]+)"', text)
        assert version, text[:2_000]
        form = {"choice": choice, "notice_version": version.group(1), "next": "", "age": "adult"}
        status, text = await self.post("/consent", **form)
        assert status == 200, (status, text[:400])

    async def ticket(self, lesson_id: int, page_id: str) -> dict[str, Any]:
        await self.page("/consent")
        async with self.http.post(
            f"/api/v1/lessons/{lesson_id}/ticket", json={"page_id": page_id}, headers={"X-CSRF": self.csrf}
        ) as answer:
            body = await answer.json()
            assert answer.status == 200, body
            return body

    async def study(self, lesson_id: int, page_id: str = "") -> Study:
        """Press play."""
        page = page_id or secrets.token_hex(8)
        ticket = await self.ticket(lesson_id, page)
        study = Study(ticket["ws"], page, ticket["media"], self.trusted)
        await study.start(ticket["ticket"])
        return study

    async def upload(self, push: dict[str, Any], frames: list[bytes], source: str = "camera") -> tuple[int, dict]:
        """Answer a check. Returns status and body."""
        form = aiohttp.FormData()
        form.add_field("source", source)
        for index, frame in enumerate(frames):
            form.add_field(f"frame{index}", frame, filename=f"{index}.jpg", content_type="image/jpeg")
        async with self.http.post(push["upload"], data=form, headers={"X-Upload-Ticket": push["ticket"]}) as answer:
            return answer.status, await answer.json()

    async def by_code(self, push: dict[str, Any], **body: Any) -> tuple[int, dict]:
        """Answer a check by code: `send=True`, or `code` and `answer`. Returns status and body."""
        async with self.http.post(push["upload"], json=body, headers={"X-Upload-Ticket": push["ticket"]}) as answer:
            return answer.status, await answer.json()


class Study:
    """One socket of one page, with what the server said so far."""

    def __init__(self, ws: str, page_id: str, media: str = "", trusted: ssl.SSLContext | None = None) -> None:
        self.ws = ws
        self.trusted = trusted
        self.page_id = page_id
        self.media = media
        self.socket: ClientConnection | None = None
        self.welcome: dict[str, Any] = {}
        self.ack: dict[str, Any] = {}
        self.seq = 0
        self.pos = 0
        self.said: list[dict[str, Any]] = []

    async def start(self, ticket: str) -> dict[str, Any]:
        return await self._open({"t": "start", "v": 1, "ticket": ticket})

    async def resume(self, spans: list[tuple[int, int]] | None = None) -> dict[str, Any]:
        """Reconnect the same page with what was played since the newest durable beat."""
        welcome = self.welcome
        return await self._open({
            "t": "resume", "v": 1, "token": welcome["token"], "fence": welcome["fence"], "pos": self.pos,
            "spans": spans or [], "frames": 250,
        })  # fmt: skip

    async def _open(self, hello: dict[str, Any]) -> dict[str, Any]:
        self.socket = await connect(self.ws, compression=None, ssl=self.trusted)
        await self.send(hello)
        self.welcome = await self.hear("welcome")
        self.seq = 0
        self.pos = self.welcome["pos"]
        self.ack = {"seq": 0, "nonce": self.welcome["nonce"], "durable": 0, "stored": 0}
        return self.welcome

    async def send(self, frame: dict[str, Any]) -> None:
        assert self.socket is not None
        await self.socket.send(json.dumps(frame))

    async def hear(self, kind: str, seconds: float = 15.0) -> dict[str, Any]:
        """The next frame of this kind; others before it are kept in `said`. A close raises ConnectionClosed."""
        assert self.socket is not None
        async with asyncio.timeout(seconds):
            while True:
                frame = json.loads(await self.socket.recv())
                if frame["t"] == kind:
                    return frame
                self.said.append(frame)

    async def asked(self) -> dict[str, Any]:
        """The pending check: with the welcome, or as soon as the face workers have a turn for it."""
        return self.welcome["check"] or (await self.hear("check"))["check"]

    async def until_closed(self, seconds: float = 5.0) -> tuple[int, str]:
        """Code and reason of the close; frames before it are kept in `said`."""
        assert self.socket is not None
        async with asyncio.timeout(seconds):
            try:
                while True:
                    self.said.append(json.loads(await self.socket.recv()))
            except ConnectionClosed as closed:
                assert closed.rcvd is not None
                return closed.rcvd.code, closed.rcvd.reason

    async def beat(self, kind: str = "beat", played_ms: int = 0, **changes: Any) -> dict[str, Any]:
        """One beat and its ack; `played_ms` of media since the last one."""
        self.seq += 1
        span = [self.pos, self.pos + played_ms] if played_ms else None
        self.pos += played_ms
        frame = {
            "t": "beat", "seq": self.seq, "kind": kind, "pos": self.pos, "span": span,
            "playing": kind in ("play", "beat", "show"), "frames": max(1, played_ms // 40) if played_ms else 0,
            "ack": self.ack["seq"], "nonce": self.ack["nonce"], **changes,
        }  # fmt: skip
        await self.send(frame)
        self.ack = await self.hear("ack")
        return self.ack

    async def drop(self) -> None:
        """The line breaks: no goodbye."""
        assert self.socket is not None
        self.socket.transport.abort()
        await self.socket.wait_closed()

    async def leave(self) -> None:
        await self.send({"t": "bye"})
        assert self.socket is not None
        await self.socket.wait_closed()
