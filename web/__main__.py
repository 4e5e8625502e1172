"""`python -m web`: the web process of the supervisor, or on its own behind a proxy."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import ssl
import sys

import structlog
import uvloop
from aiohttp import web

from proctor import compose, logs
from proctor.settings import Settings, load
from web import context
from web.app import make_app

log = structlog.get_logger("web")
GRACE_S = 3.0


def main() -> int:
    try:
        settings = load()
        logs.set_up("web", settings.log_level)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        uvloop.run(serve(settings))
    except OSError as error:
        # A port in use or a certificate that cannot be read: a sentence, not a trace.
        sys.stderr.write(f"the web cannot start: {error.strerror or error}\n")
        return 1
    return 0


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then say so on /readyz, finish what runs, and leave."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with compose.web(settings) as deps:
        app = make_app(deps)
        # The access log is ours (no addresses, no ids): aiohttp's own would write both.
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_S, keepalive_timeout=75.0)
        await runner.setup()
        site = web.TCPSite(
            runner, settings.host, settings.port, ssl_context=tls(settings), backlog=1_024, reuse_address=True
        )
        await site.start()
        log.info("serving", port=settings.port, tls=bool(settings.tls_cert))
        await stop.wait()
        app[context.SITE].ready[0] = False
        log.info("stopping")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(runner.cleanup(), GRACE_S + 1)


def tls(settings: Settings) -> ssl.SSLContext | None:
    """None for plain HTTP. Raises OSError when the certificate or its key cannot be read."""
    if not settings.tls_cert:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(settings.tls_cert, settings.tls_key)
    return made


if __name__ == "__main__":
    sys.exit(main())
