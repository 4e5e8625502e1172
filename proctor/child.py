"""`python -m proctor.child gateway|faces`: what the supervisor starts.

The same as the commands of these names, without the library of the command line: its import would cost every child a
fifth of a second of each start.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import uvloop

from proctor import logs
from proctor.errors import Sorry, Unavailable
from proctor.settings import Settings, load

KINDS = ("gateway", "faces")


def main() -> int:
    """The last line of its log is one sentence when it cannot start."""
    try:
        serve(sys.argv[1], load())
        return 0
    except (ValueError, Sorry) as error:
        sentence = str(error)
    except Unavailable as gone:
        sentence = f"{gone}; is it running, and is its address right?"
    except OSError as error:
        sentence = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    sys.stderr.write(f"{sentence}\n")
    return 1


def serve(kind: str, settings: Settings) -> None:
    """Until a signal stops it. `kind` of KINDS."""
    assert kind in KINDS, "a child that nobody knows"
    with no_collector():
        from proctor import compose
    logs.set_up(kind, settings.log_level)
    work = compose.gateway if kind == "gateway" else compose.faces
    run_until_stopped(lambda stop: work(settings, stop))


@contextmanager
def no_collector() -> Iterator[None]:
    """For imports, which make a hundred thousand objects that stay: to walk them again and again is a tenth of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


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


if __name__ == "__main__":
    sys.exit(main())
