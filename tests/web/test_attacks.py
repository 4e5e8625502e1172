"""What somebody sends who wants the web to stand still: packed, trickling and malformed requests."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from urllib.parse import urlsplit

import aiohttp
import pytest

from proctor.gateway.tickets import MediaToken, ResumeToken, StartTicket, Tickets
from proctor.ports import CheckTicket
from tests.web.conftest import Site
from web import errors


async def raw(site: Site, data: bytes, seconds: float = 10.0) -> bytes:
    """What comes back on a socket of our own, until the other side is done or time is over."""
    parts = urlsplit(site.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    found = b""
    try:
        writer.write(data)
        async with asyncio.timeout(seconds):
            while b"\r\n\r\n" not in found and (more := await reader.read(65_536)):
                found += more
    finally:
        writer.close()
    return found


async def test_a_packed_body_is_refused_before_it_unfolds(site: Site) -> None:
    """Fifty megabytes of nothing in fifty kilobytes; and what would be taken plainly is not taken packed."""
    started = time.monotonic()
    async with aiohttp.ClientSession(site.url) as http:
        for path, plain, kind in (
            ("/api/v1/checks/none/frames", bytes(50_000_000), "multipart/form-data; boundary=x"),
            ("/api/v1/host/tickets", json.dumps({"login": "x", "lesson_id": 1}).encode(), "application/json"),
        ):
            packer = zlib.compressobj(9, zlib.DEFLATED, 31)
            packed = packer.compress(plain) + packer.flush()
            headers = {"Content-Type": kind, "Authorization": f"Bearer {site.here.host_key}"}
            async with http.post(path, data=packed, headers={**headers, "Content-Encoding": "gzip"}) as answer:
                assert answer.status == 400 and (await answer.json())["error"]["code"] == "form_wrong"
        async with http.post(path, data=plain, headers=headers) as answer:
            assert (await answer.json())["error"]["code"] == "no_lesson"
    assert time.monotonic() - started < 5


async def test_a_body_that_trickles_in_is_not_waited_for(site: Site, monkeypatch) -> None:
    monkeypatch.setattr(errors, "POST_S", 0.3)
    head = (
        b"POST /api/v1/checks/none/frames HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    started = time.monotonic()
    assert b" 400 " in (await raw(site, head)).split(b"\r\n")[0]
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "head",
    [
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"GET /login HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n",
        b"GET /login HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_requests_of_two_meanings_are_refused(site: Site, head: bytes) -> None:
    answer = await raw(site, head)
    assert b" 400 " in answer.split(b"\r\n")[0] and b"Traceback" not in answer


@pytest.mark.parametrize("host", ["evil.example", "evil.example;script-src *", "a b", "[::1", "x" * 300, ""])
async def test_a_strange_host_header_reaches_no_header_of_ours(site: Site, host: str) -> None:
    answer = await raw(site, f"GET /login HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    head = answer.split(b"\r\n\r\n")[0].decode()
    assert " 500 " not in head
    assert "script-src *" not in head and head.count("script-src") == head.count("Content-Security-Policy")


async def test_a_ticket_of_one_purpose_is_none_of_another(site: Site) -> None:
    """A signature counts for what it was made for, and every changed letter is noticed."""
    tickets: Tickets = site.deps.tickets
    base = {
        "learner_id": site.here.world.learner, "lesson_id": site.here.world.lesson, "class_id": 1,
        "institution_id": site.here.world.institution, "login_id": "", "account_version": 1, "device_id": "d",
        "page_id": "p", "device_kind": "pc", "host": False, "expires_ms": 2**50,
    }  # fmt: skip
    start = tickets.mint_start(StartTicket(**base, jti="j"))
    resume = tickets.mint_resume(ResumeToken(**base, fence=1))
    media = tickets.mint_media(MediaToken(lesson_id=base["lesson_id"], learner_id=1, expires_ms=2**50))
    upload = tickets.mint_upload(
        CheckTicket(
            check_id="none", try_number=1, learner_id=base["learner_id"], institution_id=1, lesson_id=1,
            page_id="p", device_id="d", nonce="n", expires_redis_ms=2**50,
        )
    )  # fmt: skip
    lesson = site.here.world.lesson
    async with aiohttp.ClientSession(site.url) as http:
        mixed = f"{resume.split('.')[0]}.{start.split('.')[1]}"
        for wrong in (resume, media, upload, start[:-1], start[1:], f"{start}.x", mixed):
            async with http.post(f"/api/v1/embed/{lesson}", json={"ticket": wrong}) as answer:
                assert answer.status == 403, wrong
        async with http.post(f"/api/v1/embed/{lesson}", json={"ticket": start}) as answer:
            assert answer.status == 200
        async with http.post(f"/api/v1/embed/{site.there.world.lesson}", json={"ticket": start}) as answer:
            assert answer.status == 403, "a ticket names its lesson"
        for wrong in (start, resume, upload):
            async with http.get(f"/media/{wrong}/{lesson}/index.m3u8") as answer:
                assert answer.status == 403
        async with http.get(f"/media/{media}/{site.there.world.lesson}/index.m3u8") as answer:
            assert answer.status == 403
        for name in ("..%2f..%2fsecrets%2ffield.key", ".m3u8", "%2e%2e", "..m3u8/../../zhenxue.sqlite3"):
            async with http.get(f"/media/{media}/{lesson}/{name}") as answer:
                assert answer.status in (403, 404)
