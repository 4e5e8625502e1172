"""Where children are forked: a process that has imported what they need, so that a child is there in milliseconds.

Five processes that each import for more than a second keep two cores busy for seconds at every start; forked, they
import once and share the pages of it. The fork server has one thread and no event loop, because a fork of a process
with either would copy locks that nobody opens any more; it waits for nothing but words of the supervisor and the ends
of its children. It ends with the supervisor, and its children end with it.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from setproctitle import setproctitle

PR_SET_PDEATHSIG = 1  # of linux/prctl.h
_libc = ctypes.CDLL(None)
WORD_BYTES_MAX = 128 * 1024  # of one message; most of it is a child's environment


class Start(msgspec.Struct):
    """`entry`: `module:function`, called without arguments; what it returns is the exit code."""

    name: str
    entry: str
    env: dict[str, str]
    log_path: str


class Started(msgspec.Struct, tag=True):
    name: str
    pid: int


class Ended(msgspec.Struct, tag=True):
    """`code` as of subprocesses: minus the signal that ended it."""

    name: str
    code: int


_order = msgspec.json.Decoder(Start)
_news = msgspec.json.Decoder(Started | Ended)


class ForkServerGone(Exception):
    """Nobody is there to start a child."""


class Forked:
    """A child of the fork server, with the part of `asyncio.subprocess.Process` that a supervisor needs."""

    def __init__(self) -> None:
        self.pid = 0
        self.returncode: int | None = None
        self.changed = asyncio.Event()
        self.handle = -1  # a pidfd: it stays this child's when its number has become somebody else's

    async def wait(self) -> int:
        while self.returncode is None:
            self.changed.clear()
            await self.changed.wait()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """To nobody when the child has ended."""
        if self.handle >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.handle, number)

    def begun(self, pid: int) -> None:
        self.pid = pid
        with suppress(ProcessLookupError):  # it has ended already, which is the next news
            self.handle = os.pidfd_open(pid)
        self.changed.set()

    def ended(self, code: int) -> None:
        self.returncode = code
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1
        self.changed.set()


class ForkServer:
    """The supervisor's side. Make it with `open_fork_server` before any loop or thread; `close` ends it."""

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid = pid
        self._line = line
        self._children: dict[str, Forked] = {}
        self._listening = False

    async def start(self, name: str, entry: str, env: dict[str, str], log_path: Path) -> Forked:
        """Once the child exists. A name that lives must not be started again. Raises ForkServerGone."""
        if not self._listening:
            asyncio.get_running_loop().add_reader(self._line, self._hear)
            self._listening = True
        child = self._children[name] = Forked()
        packed = msgspec.json.encode(Start(name, entry, env, str(log_path)))
        assert len(packed) <= WORD_BYTES_MAX, "an environment that large is a mistake"
        try:
            self._line.send(packed)
        except OSError:
            self._lost()
        while not child.pid and child.returncode is None:
            child.changed.clear()
            await child.changed.wait()
        if not child.pid:
            raise ForkServerGone(f"{name} cannot be started any more: the process that starts children has ended")
        return child

    def close(self) -> None:
        if self._listening:
            asyncio.get_running_loop().remove_reader(self._line)
            self._listening = False
        self._line.close()
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def _hear(self) -> None:
        try:
            packed = self._line.recv(WORD_BYTES_MAX)
        except OSError:
            packed = b""
        if not packed:
            self._lost()
            return
        news = _news.decode(packed)
        if isinstance(news, Started):
            self._children[news.name].begun(news.pid)
        else:
            self._children[news.name].ended(news.code)

    def _lost(self) -> None:
        """Its children were told to end (`die_with_parent`), and each is waited for."""
        loop = asyncio.get_running_loop()
        if self._listening:
            loop.remove_reader(self._line)
            self._listening = False
        for child in self._children.values():
            if child.returncode is not None:
                continue
            if child.handle < 0:
                child.ended(-signal.SIGTERM)
            else:
                loop.add_reader(child.handle, self._left, child)

    def _left(self, child: Forked) -> None:
        asyncio.get_running_loop().remove_reader(child.handle)
        child.ended(-signal.SIGTERM)


def open_fork_server(modules: Sequence[str]) -> ForkServer:
    """Import `modules` here and fork a process that has them and waits. No loop or thread may run yet."""
    gc.disable()  # a hundred thousand objects that stay: to walk them again and again is a tenth of an import
    try:
        for name in modules:
            importlib.import_module(name)
    finally:
        gc.enable()
    gc.freeze()  # the collector writes into every object it looks at, and a page that is written is shared no more
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        ours.close()
        try:
            _serve(theirs)
        finally:
            os._exit(0)
    theirs.close()
    ours.setblocking(False)
    return ForkServer(pid, ours)


def die_with_parent() -> None:
    """For a child, before its work. A killed supervisor must not leave a store behind that a second start would then
    share a folder with: the kernel tells the children to end."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _serve(line: socket.socket) -> None:
    os.setsid()  # Ctrl-C reaches only the supervisor, which stops children in order
    setproctitle("zhenxue forkserver")
    children: dict[str, int] = {}
    watch = selectors.DefaultSelector()
    watch.register(line, selectors.EVENT_READ)
    while True:
        for key, _events in watch.select():
            if key.fileobj is not line:
                watch.unregister(key.fileobj)
                os.close(key.fd)
                _pid, status = os.waitpid(children.pop(key.data), 0)
                line.send(msgspec.json.encode(Ended(key.data, os.waitstatus_to_exitcode(status))))
                continue
            packed = line.recv(WORD_BYTES_MAX)
            if not packed:
                return
            word = _order.decode(packed)
            pid = os.fork()
            if pid == 0:
                watch.close()
                line.close()
                _grow(word)
            children[word.name] = pid
            watch.register(os.pidfd_open(pid), selectors.EVENT_READ, word.name)
            line.send(msgspec.json.encode(Started(word.name, pid)))


def _grow(word: Start) -> None:
    """Become the child; never returns."""
    code = 1
    try:
        die_with_parent()
        os.setsid()
        _redirect(word.log_path)
        setproctitle(f"zhenxue {word.name}")
        os.environ.clear()
        os.environ.update(word.env)
        module, function = word.entry.split(":")
        code = getattr(importlib.import_module(module), function)()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(log_path: str) -> None:
    """Output goes to the end of the log, line by line."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    for from_, to in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(from_, to)
    os.close(nothing)
    os.close(log)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr]
