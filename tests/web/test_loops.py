"""The watch over every test: a call that blocks a loop is caught wherever it stands below `proctor` or `web`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from aiohttp import web as aiohttp_web
from aiohttp.test_utils import make_mocked_request
from blockbuster import BlockingError

from proctor.adapters.evidence_files import FileEvidence
from proctor.adapters.memory import MemoryFaceKeys
from tests.web.conftest import Site
from web.learner import door


async def test_reading_a_file_on_the_loop_is_caught(tmp_path: Path) -> None:
    keys = MemoryFaceKeys()
    evidence = FileEvidence(tmp_path, keys)
    key = await keys.sealing(learner_id=1, kind="burst")
    with pytest.raises(BlockingError):
        evidence._write(tmp_path / "ab" / "x", "x", b"data", key)
    evidence_id = await evidence.put(b"data", kind="burst", institution_id=1, learner_id=1)
    assert await evidence.get(evidence_id) == b"data", "in a thread it may wait"


async def test_sleeping_inside_a_callback_of_ours_is_caught(monkeypatch) -> None:
    monkeypatch.setattr(door, "render", lambda *_args, **_more: time.sleep(0.001))
    request = make_mocked_request("GET", "/login")
    monkeypatch.setattr(door.context, "signed_or_none", lambda _request: None)
    with pytest.raises(BlockingError):
        await door.login_page(request)


async def test_a_handler_that_blocks_fails_its_request_also_over_a_real_socket(site: Site, monkeypatch) -> None:
    def slow(request: aiohttp_web.Request) -> str:
        time.sleep(0.001)
        return "zh-CN"

    monkeypatch.setattr("web.security._lang", slow)
    person = await site.person()
    async with person.http.get("/about") as answer:
        assert answer.status == 500


def test_outside_a_loop_anybody_may_wait() -> None:
    time.sleep(0.001)
    asyncio.run(asyncio.sleep(0))
