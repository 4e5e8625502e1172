"""`ports.Messages`: a signed webhook of an SMS provider, a mail gateway, or an outbox that an operator reads."""

from __future__ import annotations

import asyncio
import os
import smtplib
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from proctor.adapters.signed_http import SignedHttp
from proctor.errors import Unavailable
from proctor.modules.accounts.rules import masked_phone
from proctor.ports import Messages

OUTBOX_BYTES_MAX = 1_000_000  # one older file is kept
SMTP_S = 5.0
SUBJECT = "真学"


class Sender(Messages, Protocol):
    """A wired adapter: what was opened is closed."""

    async def close(self) -> None: ...


class OutboxMessages:
    """For demonstrations and tests: one line a text in `data/outbox/texts.log`, readable by the owner only."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "texts.log"

    async def send(self, phone: str, words: str) -> None:
        try:
            await asyncio.to_thread(self._write, f"{masked_phone(phone)}  {' '.join(words.split())}")
        except OSError as error:
            raise Unavailable("messages", type(error).__name__) from None

    def _write(self, text: str) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size > OUTBOX_BYTES_MAX:
            os.replace(self.path, self.path.with_suffix(".log.1"))
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n".encode())
        finally:
            os.close(handle)

    async def close(self) -> None:
        return


class WebhookMessages:
    """POST {"phone", "text"} to a provider, or to a small service of the operator's before one."""

    def __init__(self, url: str, key: bytes) -> None:
        self._http = SignedHttp(url, key, "messages")

    async def send(self, phone: str, words: str) -> None:
        await self._http.post(msgspec.json.encode({"phone": phone, "text": words}))

    async def close(self) -> None:
        await self._http.close()


class SmtpMessages:
    """A mail gateway that turns mails into texts: `smtp://user@host:port?from=a@b&to={phone}@gateway`.

    `smtps` speaks TLS from the start, `smtp` asks for it and goes without only to this very machine.
    """

    def __init__(self, url: str, password: str = "") -> None:
        parts = urlsplit(url)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        assert parts.hostname and "{phone}" in query.get("to", "") and "@" in query.get("from", ""), (
            "messages_url names no mail gateway: smtp://host?from=a@b&to={phone}@gateway"
        )
        self._host, self._tls = parts.hostname, parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 25)
        self._user, self._password = unquote(parts.username or ""), password
        self._from, self._to = query["from"], query["to"]
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="smtp")

    async def send(self, phone: str, words: str) -> None:
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = SUBJECT, self._from, self._to.replace("{phone}", phone)
        mail["Date"] = formatdate(usegmt=True)
        mail.set_content(words)
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._send, mail)
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable("messages", type(error).__name__) from None

    def _send(self, mail: EmailMessage) -> None:
        context, near = ssl.create_default_context(), self._host in ("127.0.0.1", "localhost", "::1")
        more: dict[str, Any] = {"context": context} if self._tls else {}
        opened = smtplib.SMTP_SSL if self._tls else smtplib.SMTP
        with opened(self._host, self._port, timeout=SMTP_S, **more) as server:
            if not self._tls and not near:
                server.starttls(context=context)
            if self._user:
                server.login(self._user, self._password)
            server.send_message(mail)

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)  # a mail under way is sent: somebody waits for its code


def messages_of(url: str, key_file: str, data_dir: Path) -> Sender:
    """The adapter that the settings name. Raises OSError when the key file cannot be read."""
    if not url:
        return OutboxMessages(data_dir / "outbox")
    key = Path(key_file).read_bytes().strip() if key_file else b""
    if url.startswith("smtp"):
        return SmtpMessages(url, key.decode())
    return WebhookMessages(url, key)
