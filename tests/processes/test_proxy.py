"""One origin behind a reverse proxy: pages, uploads and sockets under one address, as operations.md sets it up."""

from __future__ import annotations

import ssl
from http.cookies import SimpleCookie
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import select

from proctor.modules.audit.tables import audit
from proctor.tls import local_certificate
from tests.client import Person
from tests.processes.proxy import SOCKETS_PATH, proxy
from tests.processes.test_study import passed, play
from tests.stack import Stack, free_port
from tests.world import PASSWORD

pytestmark = pytest.mark.processes


@pytest.fixture
def certificates(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of the proxy, and of whoever trusts its authority."""
    chain, key = local_certificate(tmp_path)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(chain, key)
    return served, ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.crt"))


async def wrong_sign_in(url: str, trusted: ssl.SSLContext, source: str, claimed: str = "") -> int:
    """Status of a try to sign in as nobody, from this address."""
    async with Person(url, trusted=trusted, source=source, claimed=claimed) as person:
        await person.page("/login")
        status, _text = await person.post("/login", login="nobody-at-all", password=PASSWORD)
        return status


async def test_one_origin_serves_pages_and_sockets_and_knows_who_comes(tmp_path: Path, certificates) -> None:
    served, trusted = certificates
    front = free_port()
    url = f"https://127.0.0.1:{front}"
    env = {
        "ZHENXUE_PUBLIC_URL": url, "ZHENXUE_PUBLIC_WS_URL": f"wss://127.0.0.1:{front}{SOCKETS_PATH}",
        "ZHENXUE_TRUSTED_PROXIES": "127.0.0.1", "ZHENXUE_HOST": "127.0.0.1",
        # The lock of an account, which no address opens, would come first.
        "ZHENXUE_LOGIN_TRIES": "100",
    }  # fmt: skip
    async with Stack(tmp_path / "data", env=env) as stack:
        pages, sockets = f"http://127.0.0.1:{stack.port}", f"ws://127.0.0.1:{stack.gateway_port}"
        async with proxy(front, pages=pages, sockets=sockets, tls=served):
            await cookies_are_secure(url, trusted)
            ((account, login),) = await stack.people()
            async with Person(url, trusted=trusted, source="127.0.0.4", claimed="203.0.113.9") as person:
                await person.sign_in(login, PASSWORD)
                await person.consent("given")
                assert await audited_address(stack, account) == "127.0.0.4"
                study = await passed(person)
                assert study.ws == env["ZHENXUE_PUBLIC_WS_URL"]
                await play(study, 2)
                assert study.ack["counting"] and study.ack["total_ms"] == 2_000
                await study.leave()
            await stack.stored(account, 1, provisional_ms=2_000)
            # Ten tries from one address; another address still has its own, and a claimed one is worth nothing.
            tries = [await wrong_sign_in(url, trusted, "127.0.0.2", f"203.0.113.{n}") for n in range(11)]
            assert tries == [401] * 10 + [429]
            assert await wrong_sign_in(url, trusted, "127.0.0.3") == 401
            async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics", ssl=trusted) as answer:
                assert answer.status == 404, "metrics are for this machine, not for whom a proxy lets in"


async def cookies_are_secure(url: str, trusted: ssl.SSLContext) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/login", ssl=trusted) as answer:
        made = [morsel for line in answer.headers.getall("Set-Cookie") for morsel in SimpleCookie(line).values()]
        assert made and all(morsel["secure"] and morsel["httponly"] for morsel in made)
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        policy = answer.headers["Content-Security-Policy"]
        assert f"connect-src 'self' {url.replace('https', 'wss')}" in policy


async def audited_address(stack: Stack, learner: int) -> str:
    """Where this learner made the newest choice about face checks from."""
    mine = select(audit.c.address).where(audit.c.account_id == learner).order_by(audit.c.id.desc()).limit(1)
    db = stack.database()
    async with db.read() as conn:
        found = (await conn.execute(mine)).scalar_one()
    await db.close()
    return found
