"""One parent for all processes: starts them in order, restarts what dies, stops all of them in time.

A child that dies during start-up ends the run with one sentence. Later deaths are mended with back-off; five
within a minute end the run, because then something is wrong that restarting does not mend.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from proctor.forkserver import Forked, ForkFailed, ForkServer, die_with

log = structlog.get_logger("supervisor")

STOP_S = 4.0
KILLED_S = 1.0
DEATHS_MAX = 5
DEATHS_WITHIN_S = 60.0
BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 4.0)
TAIL_BYTES = 8_000
ROTATE_EVERY_S = 5.0


class StartFailed(Exception):
    """A child died before everything was ready; the text is for people."""


@dataclass(kw_only=True)
class Child:
    """One process to keep alive: a program by its `command` with `env` for its environment, or one of ours by its
    `entry`, `module:function`, which the fork server forks, with `env` besides its own environment."""

    name: str
    command: list[str] = field(default_factory=list)
    entry: str = ""
    env: dict[str, str]
    log_path: Path
    stop_signal: int = signal.SIGTERM
    process: asyncio.subprocess.Process | Forked | None = None
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS_MAX))


class Supervisor:
    """`start` children one by one, then `watch` until asked to stop, then `stop_all`.

    `log_bytes_max`: a log that has grown to it is put aside as `<name>.log.1`, which replaces the one before.
    `fork_server`: for children with an `entry`; `stop_all` closes it.
    """

    def __init__(self, *, log_bytes_max: int = 20_000_000, fork_server: ForkServer | None = None) -> None:
        self.children: list[Child] = []
        self._fork_server = fork_server
        self._log_bytes_max = log_bytes_max
        self._stopping = False
        self._deaths: deque[float] = deque(maxlen=DEATHS_MAX)

    async def start(self, child: Child) -> None:
        self.children.append(child)
        await self._spawn(child)

    async def _spawn(self, child: Child) -> None:
        child.log_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        rotate(child.log_path, self._log_bytes_max)
        if child.entry:
            assert self._fork_server is not None, "who else would fork it?"
            child.log_path.open("ab").close()  # one that cannot be opened is said here
            try:
                child.process = self._fork_server.fork(child.name, child.entry, child.env, child.log_path)
                await child.process.started()
            except ForkFailed as failed:
                raise StartFailed(str(failed)) from None
            return
        with child.log_path.open("ab") as out:
            # A session of its own: Ctrl-C reaches only us, and we stop the children in order.
            child.process = await asyncio.create_subprocess_exec(
                *child.command, env=child.env, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, preexec_fn=partial(die_with, os.getpid()),
            )  # fmt: skip

    async def up(self, ready, seconds: float) -> None:
        """Wait for `ready()` to be true. Raises StartFailed when a child dies first or time is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for child in self.children:
                if child.process is not None and child.process.returncode is not None:
                    raise StartFailed(f"{child.name} ended during start-up: {last_words(child)}")
            if await ready():
                return
            await asyncio.sleep(0.1)
        raise StartFailed(f"not ready within {seconds:.0f} s; the logs are in {self.children[0].log_path.parent}")

    async def watch(self, stop: asyncio.Event) -> None:
        """Keep all children alive until `stop`. Raises StartFailed after too many deaths."""
        stopping: asyncio.Task = asyncio.create_task(stop.wait())
        rotating = asyncio.create_task(self._rotate())
        waits: dict[asyncio.Task, Child] = {asyncio.create_task(_wait(child)): child for child in self.children}
        try:
            while True:
                done, _pending = await asyncio.wait([stopping, *waits], return_when=asyncio.FIRST_COMPLETED)
                if stopping in done:
                    return
                for task in done:
                    child = waits.pop(task)
                    await self._again(child, stop)
                    if not stop.is_set():
                        waits[asyncio.create_task(_wait(child))] = child
        finally:
            for task in (stopping, rotating, *waits):
                task.cancel()

    async def _rotate(self) -> None:
        while True:
            await asyncio.sleep(ROTATE_EVERY_S)
            for child in self.children:
                await asyncio.to_thread(rotate, child.log_path, self._log_bytes_max)

    async def _again(self, child: Child, stop: asyncio.Event) -> None:
        now = time.monotonic()
        self._deaths.append(now)
        child.deaths.append(now)
        code = child.process.returncode if child.process else None
        log.warning("child_died", child=child.name, code=code)
        if len(self._deaths) == DEATHS_MAX and now - self._deaths[0] < DEATHS_WITHIN_S:
            raise StartFailed(f"{child.name} and others died {DEATHS_MAX} times in a minute: {last_words(child)}")
        recent = sum(1 for at in child.deaths if now - at < DEATHS_WITHIN_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), BACKOFF_S[min(recent, len(BACKOFF_S)) - 1])
        if not stop.is_set():
            await self._spawn(child)

    async def stop_all(self) -> None:
        """In the reverse order of their start: what others lean on goes last. At most STOP_S together."""
        deadline = time.monotonic() + STOP_S
        # The first child is the store: everybody flushes into it before it goes.
        for group in (self.children[:0:-1], self.children[:1]):
            for child in group:
                _signal(child, child.stop_signal)
            left_s = max(0.3, deadline - time.monotonic())
            await asyncio.gather(*(_ended(child, left_s) for child in group))
        if self._fork_server is not None:
            self._fork_server.close()
            self._fork_server = None


async def _wait(child: Child) -> None:
    assert child.process is not None
    await child.process.wait()


def _signal(child: Child, number: int) -> None:
    if child.process is not None and child.process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.process.send_signal(number)


async def _ended(child: Child, seconds: float) -> None:
    if child.process is None:
        return
    try:
        await asyncio.wait_for(child.process.wait(), seconds)
    except TimeoutError:
        _signal(child, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):  # whoever should tell of it may hang
            await asyncio.wait_for(child.process.wait(), KILLED_S)


def last_words(child: Child) -> str:
    """The last line a child wrote, without a stack trace."""
    try:
        with child.log_path.open("rb") as log_file:
            log_file.seek(max(0, child.log_path.stat().st_size - TAIL_BYTES))
            lines = log_file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1][:300] if lines else f"no output (see {child.log_path})"


def rotate(log_path: Path, bytes_max: int) -> None:
    """Put a log aside when it has grown to `bytes_max`. It is copied and cut, for the child has it open: what the
    child writes goes to the end, wherever that is (the file was opened for appending), so no child must know. A line
    written within the instant between copy and cut is lost; a log has no more to lose than that."""
    try:
        if log_path.stat().st_size < bytes_max:
            return
    except FileNotFoundError:
        return
    older, fresh = log_path.with_name(log_path.name + ".1"), log_path.with_name(log_path.name + ".new")
    try:
        shutil.copyfile(log_path, fresh)
        fresh.chmod(0o600)
        os.replace(fresh, older)
    except OSError as error:
        # On a full disk nothing can be put aside, and the log must not fill it further.
        fresh.unlink(missing_ok=True)
        log.warning("log_not_kept", name=log_path.name, why=error.strerror)
    os.truncate(log_path, 0)


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def environment(extra: dict[str, str]) -> dict[str, str]:
    return {**os.environ, **extra, "PYTHONUNBUFFERED": "1"}
