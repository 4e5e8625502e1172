"""What the supervisor's fork server forks: one gateway, or one face worker, until a signal stops it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from proctor import logs
from proctor.errors import Sorry, Unavailable, sentence_of
from proctor.settings import Settings, load

# What the fork server imports for its children. The libraries of pictures are left to the face workers: all others
# would have them in memory, and they start threads.
IMPORTS = ("proctor.child", "proctor.compose", "web.__main__")

GATEWAY = "gateway"
FACES = "faces"


def gateway() -> int:
    return _main(GATEWAY)


def faces() -> int:
    return _main(FACES)


def _main(kind: str) -> int:
    """The last line of its log is one sentence when it cannot start."""
    try:
        serve(kind, load())
        return 0
    except ValueError as error:
        sentence = str(error)
    except (Sorry, Unavailable, OSError) as error:
        sentence = sentence_of(error)
    sys.stderr.write(f"{sentence}\n")
    return 1


def serve(kind: str, settings: Settings) -> None:
    """Until a signal stops it."""
    from proctor import compose

    logs.set_up(kind, settings.log_level)
    work = {GATEWAY: compose.gateway, FACES: compose.faces}[kind]
    run_until_stopped(lambda stop: work(settings, stop))


def run_until_stopped(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run with an event that SIGTERM and SIGINT set."""

    async def outer() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        # SIGHUP: the terminal was closed. Nobody is left to press Ctrl-C then.
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(name, stop.set)
        await work(stop)

    uvloop.run(outer())
