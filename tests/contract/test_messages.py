"""`ports.Messages`: every adapter hands over what it was given, or says that nobody took it."""

from __future__ import annotations

import asyncio
import email
import json
import stat
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email.policy import default

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from proctor.adapters import messages, signed_http
from proctor.adapters.memory_messages import MemoryMessages
from proctor.adapters.messages import OutboxMessages, Sender, SmtpMessages, WebhookMessages, messages_of
from proctor.errors import Unavailable

PHONE, WORDS, KEY = "14000000001", "【真学】验证码 123456，5 分钟内有效。", b"a key of both sides"


@dataclass
class Post:
    """Whoever delivers: what arrived, and whether it takes anything at all."""

    sender: Sender
    arrived: Callable[[], list[tuple[str, str]]]
    breaks: Callable[[], None]


@dataclass
class Provider:
    """A provider of texts behind HTTP."""

    seen: list[tuple[bytes, str]] = field(default_factory=list)
    status: int = 200

    async def take(self, request: web.Request) -> web.Response:
        self.seen.append((await request.read(), request.headers[signed_http.HEADER]))
        return web.Response(status=self.status)


@dataclass
class MailHouse:
    """A mail server that speaks as much SMTP as a mail needs."""

    mails: list[bytes] = field(default_factory=list)
    refuses: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        data: list[bytes] | None = None
        while line := await reader.readline():
            if data is not None:
                if line == b".\r\n":
                    self.mails.append(b"".join(data))
                    data = None
                    writer.write(b"250 taken\r\n")
                else:
                    data.append(line)
                continue
            word = line[:4].upper()
            if word == b"DATA":
                data = []
                writer.write(b"354 go on\r\n")
            elif word == b"RCPT" and self.refuses:
                writer.write(b"550 nobody\r\n")
            else:
                writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
        writer.close()

    def arrived(self) -> list[tuple[str, str]]:
        read = [email.message_from_bytes(mail, policy=default) for mail in self.mails]
        return [(mail["To"].partition("@")[0], mail.get_content().strip()) for mail in read]


@pytest.fixture(params=["memory", "webhook", "smtp"])
async def post(request, tmp_path) -> AsyncIterator[Post]:
    if request.param == "memory":
        memory = MemoryMessages()
        yield Post(memory, lambda: memory.sent, lambda: setattr(memory, "gone", True))
    elif request.param == "webhook":
        provider, app = Provider(), web.Application()
        app.router.add_post("/send", provider.take)
        async with TestServer(app) as server:
            sender = WebhookMessages(str(server.make_url("/send")), KEY)

            def arrived() -> list[tuple[str, str]]:
                bodies = [json.loads(body) for body, _mac in provider.seen]
                return [(body["phone"], body["text"]) for body in bodies]

            yield Post(sender, arrived, lambda: setattr(provider, "status", 503))
            await sender.close()
    else:
        house = MailHouse()
        server = await asyncio.start_server(house.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        mail = SmtpMessages(f"smtp://127.0.0.1:{port}?from=zx@example.cn&to={{phone}}@gateway.example.cn")
        yield Post(mail, house.arrived, lambda: setattr(house, "refuses", True))
        await mail.close()
        server.close()


async def test_a_text_arrives_whole_and_once(post: Post) -> None:
    await post.sender.send(PHONE, WORDS)
    assert post.arrived() == [(PHONE, WORDS)]


async def test_who_takes_nothing_is_unavailable(post: Post) -> None:
    post.breaks()
    with pytest.raises(Unavailable):
        await post.sender.send(PHONE, WORDS)


async def test_a_provider_knows_who_asks_and_that_it_is_no_old_request() -> None:
    provider, app = Provider(), web.Application()
    app.router.add_post("/", provider.take)
    async with TestServer(app) as server:
        sender = WebhookMessages(str(server.make_url("/")), KEY)
        await sender.send(PHONE, WORDS)
        await sender.close()
    ((body, mac),) = provider.seen
    at_s = int(mac.partition(",")[0].removeprefix("t="))
    assert signed_http.is_signed(KEY, body, mac, at_s + 299) and not signed_http.is_signed(KEY, body, mac, at_s + 301)
    assert not signed_http.is_signed(b"another key of a", body, mac, at_s)
    assert not signed_http.is_signed(KEY, body.replace(b"1", b"2"), mac, at_s)
    for wrong in ("", "t=,v1=", "t=x,v1=00", mac[:-1], f"t={at_s + 1},{mac.partition(',')[2]}", "é"):
        assert not signed_http.is_signed(KEY, body, wrong, at_s)


async def test_nobody_there_is_unavailable(unused_tcp_port: int) -> None:
    there = f"127.0.0.1:{unused_tcp_port}"
    for made in (WebhookMessages(f"http://{there}/", KEY), SmtpMessages(f"smtp://{there}?from=a@b&to={{phone}}@c")):
        with pytest.raises(Unavailable):
            await made.send(PHONE, WORDS)
        await made.close()


async def test_the_outbox_is_a_file_for_the_operator_and_holds_no_whole_number(tmp_path, monkeypatch) -> None:
    box = messages_of("", "", tmp_path)
    assert isinstance(box, OutboxMessages)
    await box.send(PHONE, WORDS)
    await box.send(PHONE, "two\nlines")
    lines = box.path.read_text("utf-8").splitlines()
    assert len(lines) == 2 and WORDS in lines[0] and "140****0001" in lines[0] and "two lines" in lines[1]
    assert PHONE not in "".join(lines) and stat.S_IMODE(box.path.stat().st_mode) == 0o600
    monkeypatch.setattr(messages, "OUTBOX_BYTES_MAX", 10)
    await box.send(PHONE, "after the turn")
    assert "after the turn" in box.path.read_text("utf-8") and WORDS not in box.path.read_text("utf-8")
    blocked = OutboxMessages(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable):
        await blocked.send(PHONE, WORDS)


def test_an_address_that_is_no_mail_gateway_is_said_at_load() -> None:
    for url in ("smtp://host", "smtp://host?from=a@b&to=c@d", "smtp://?from=a@b&to={phone}@c"):
        with pytest.raises(AssertionError, match="mail gateway"):
            SmtpMessages(url)
