"""The real web application without a socket: requests of any bytes go through its middlewares and handlers."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from proctor.adapters.redis_client import connect
from proctor.compose import WebDeps
from proctor.ports import CheckTicket
from proctor.settings import Settings
from tests.web.conftest import Place, wire
from tests.world import PASSWORD
from web.app import make_app
from web.context import SITE
from web.errors import WORDS, status_of
from web.security import SESSION_COOKIE

_numbers = itertools.count(1)


@dataclass
class House:
    """One application in one loop. `learner`: headers of a signed-in learner's requests."""

    runner: asyncio.Runner
    app: web.Application
    deps: WebDeps
    here: Place
    learner: dict[str, str]

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> web.StreamResponse:
        return self.runner.run(self._ask(method, path, headers, body))

    async def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> web.StreamResponse:
        protocol = _Line(asyncio.get_running_loop())
        payload = StreamReader(protocol, 2**16, loop=asyncio.get_running_loop())
        payload.feed_data(body)
        payload.feed_eof()
        given = CIMultiDict({"Host": "localhost", "Content-Length": str(len(body)), **headers})
        request = make_mocked_request(
            method, path, given, payload=payload, app=self.app, protocol=protocol, transport=_Nobody(),
            client_max_size=self.app._client_max_size,
        )  # fmt: skip
        try:
            return await self.app._handle(request)
        except web.HTTPException as redirect:
            return redirect

    def burst(self) -> tuple[str, str]:
        """A check of this learner that waits for pictures: its address and upload ticket."""
        ticket = CheckTicket(
            check_id=f"fuzz{next(_numbers)}", try_number=1, learner_id=self.here.world.learner,
            institution_id=self.here.world.institution, lesson_id=self.here.world.lesson, device_id="d", page_id="p",
            nonce="n", expires_redis_ms=2**50,
        )  # fmt: skip
        self.runner.run(self.deps.checks.open(ticket, 60_000, "fuzz"))
        return f"/api/v1/checks/{ticket.check_id}/frames", self.deps.tickets.mint_upload(ticket)


class _Line(BaseProtocol):
    """The library's own protocol, with room for what a mocked request hangs on it."""

    ssl_context = peername = sockname = None
    max_field_size, max_headers = 8_190, 128


class _Nobody:
    """A transport without a peer."""

    def get_extra_info(self, _name: str, default: object = None) -> object:
        return default

    def is_closing(self) -> bool:
        return False


def open_house(valkey: str, master, folder: Path, runner: asyncio.Runner) -> House:
    made = master(folder)
    settings = Settings(data=str(folder), redis_url=f"{valkey}?db=8", upload_bytes_max=20_000, jobs_max=20)
    deps = wire(settings, connect(settings.redis))
    app = make_app(deps)
    app.freeze()
    accounts = app[SITE].accounts

    async def sign_in() -> dict[str, str]:
        opened = await accounts.sign_in(
            made.here.logins["learner"], PASSWORD, device_id="d" * 32, device_kind="pc", address=""
        )
        signed = await accounts.session(opened.cookie)
        assert signed is not None
        return {"Cookie": f"{SESSION_COOKIE}={opened.cookie}", "X-CSRF": signed.csrf}

    return House(runner, app, deps, made.here, runner.run(sign_in()))


def close_house(house: House) -> None:
    async def close() -> None:
        await house.deps.db.close()
        await house.deps.leases._client.flushdb()
        await house.deps.leases._client.aclose()

    house.runner.run(close())


def told(answer: web.StreamResponse) -> str:
    """What happened, in one word: `fine`, or the code of a documented refusal. Anything else is a failure."""
    assert isinstance(answer, web.Response)
    if answer.status in (200, 202, 303):
        return "fine"
    assert isinstance(answer.body, bytes)
    error = json.loads(answer.body)["error"]
    assert set(error) == {"code", "words", "request_id"} and error["words"]
    assert error["code"] in WORDS and answer.status == status_of(error["code"]), error
    assert 400 <= answer.status < 500, error
    return error["code"]
