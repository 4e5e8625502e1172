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
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from setproctitle import setproctitle

PR_SET_PDEATHSIG = 1  # of linux/prctl.h
_libc = ctypes.CDLL(None)
WORD_BYTES_MAX = 128 * 1024  # of one message; most of it is what a child's environment has more than ours


class ForkFailed(Exception):
    """No child; the text is for people."""


class Forked:
    """A child of the fork server, with the part of `asyncio.subprocess.Process` that a supervisor needs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pid = 0
        self.returncode: int | None = None
        self._changed = asyncio.Event()
        self._asked: int | None = None  # a signal that came before the child did
        self.handle = -1  # a pidfd: it stays this child's when its number has become somebody else's

    async def started(self) -> None:
        """Once it exists, also when it has ended already. Raises ForkFailed when there will be none."""
        while not self.pid and self.returncode is None:
            await self._change()
        if not self.pid:
            raise ForkFailed(f"{self.name} cannot be started any more: the process that starts children has ended")

    async def wait(self) -> int:
        while self.returncode is None:
            await self._change()
        return self.returncode

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def send_signal(self, number: int) -> None:
        """To nobody when the child has ended."""
        if not self.pid:
            self._asked = number
        elif self.returncode is None:
            with suppress(ProcessLookupError):
                if self.handle >= 0:
                    signal.pidfd_send_signal(self.handle, number)
                else:
                    os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def begun(self, pid: int) -> None:
        self.pid = pid
        with suppress(OSError):  # it has ended already, which is the next news; or descriptors are short
            self.handle = os.pidfd_open(pid)
        if self._asked is not None:
            self.send_signal(self._asked)
        self._changed.set()

    def ended(self, code: int) -> None:
        self.returncode = code
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1
        self._changed.set()


class ForkServer:
    """The supervisor's side. Make it with `open_fork_server` before any loop or thread; `close` ends it."""

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid = pid
        self._line = line
        self._children: dict[str, Forked] = {}
        self._listening = False

    def fork(self, name: str, entry: str, env: Mapping[str, str], log_path: Path) -> Forked:
        """`entry`: `module:function`, called without arguments; what it returns is the exit code. `env`: what the
        child has besides our own environment. A name that lives must not be forked again. Raises ForkFailed."""
        order = {"name": name, "entry": entry, "env": dict(env), "log": str(log_path)}
        packed = json.dumps(order).encode()  # of the standard library: values need not be UTF-8
        if len(packed) > WORD_BYTES_MAX:
            raise ForkFailed(f"{name} cannot be started: its settings are longer than {WORD_BYTES_MAX // 1024} KiB")
        if not self._listening:
            asyncio.get_running_loop().add_reader(self._line, self._hear)
            self._listening = True
        child = self._children[name] = Forked(name)
        try:
            self._line.send(packed)
        except OSError:
            self._lost()
        return child

    def close(self) -> None:
        """At once; children that still live are told to end."""
        if self._listening:
            asyncio.get_running_loop().remove_reader(self._line)
            self._listening = False
        self._line.close()
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _hear(self) -> None:
        try:
            packed = self._line.recv(WORD_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            packed = b""
        if not packed:
            self._lost()
            return
        news = json.loads(packed)
        child = self._children[news["name"]]
        if "pid" in news:
            child.begun(news["pid"])
        else:
            child.ended(news["code"])

    def _lost(self) -> None:
        """Its children were told to end (`die_with`), and each is waited for."""
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
    _import(modules)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    _flush()
    pid = os.fork()
    if pid == 0:
        ours.close()
        try:
            _serve(theirs)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    theirs.close()
    ours.setblocking(False)
    return ForkServer(pid, ours)


def spawn_fork_server(modules: Sequence[str]) -> ForkServer:
    """The same for a process in which threads or a loop run already, at the price of importing once more."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.set_inheritable(True)
    command = [sys.executable, "-m", "proctor.forkserver", str(theirs.fileno()), *modules]
    pid = os.posix_spawn(sys.executable, command, os.environ)
    theirs.close()
    ours.setblocking(False)
    return ForkServer(pid, ours)


def die_with(parent: int) -> None:
    """For a child, before its work. A killed parent must not leave a store behind that a second start would then
    share a folder with: the kernel tells the children to end, and one that comes too late for that ends itself."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


def _import(modules: Sequence[str]) -> None:
    gc.disable()  # a hundred thousand objects that stay: to walk them again and again is a tenth of an import
    try:
        for name in modules:
            importlib.import_module(name)
    finally:
        gc.enable()
    gc.freeze()  # the collector writes into every object it looks at, and a page that is written is shared no more


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
                _tell(line, name=key.data, code=os.waitstatus_to_exitcode(status))
                continue
            try:
                packed = line.recv(WORD_BYTES_MAX)
            except ConnectionResetError:  # closed with news of ours unread
                return
            if not packed:
                return
            order = json.loads(packed)
            try:
                pid = _fork(order, watch)
                children[order["name"]] = pid
                _tell(line, name=order["name"], pid=pid)
                watch.register(os.pidfd_open(pid), selectors.EVENT_READ, order["name"])
            except OSError as error:
                with suppress(OSError), open(order["log"], "a") as log:
                    log.write(f"no process can be started: {error.strerror}\n")
                if (pid := children.pop(order["name"], 0)) > 0:
                    os.kill(pid, signal.SIGKILL)  # without a descriptor its end could not be seen
                    os.waitpid(pid, 0)
                _tell(line, name=order["name"], code=1)


def _tell(line: socket.socket, **news: object) -> None:
    with suppress(BrokenPipeError):  # the supervisor has gone: the next look at the line sees that
        line.send(json.dumps(news).encode())


def _fork(order: dict, watch: selectors.BaseSelector) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        for key in list(watch.get_map().values()):
            os.close(key.fd)
        watch.close()
        _grow(order, parent)
    return pid


def _grow(order: dict, parent: int) -> NoReturn:
    """Become the child."""
    code = 1
    try:
        die_with(parent)
        os.setsid()
        _redirect(order["log"])
        setproctitle(f"zhenxue {order['name']}")
        os.environ.update(order["env"])
        module, function = order["entry"].split(":")
        code = getattr(importlib.import_module(module), function)()
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError):
            _flush()
        os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # started with a closed descriptor
            stream.flush()


def _redirect(log_path: str) -> None:
    """Output goes to the end of the log, line by line; there is no input."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for from_, to in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(from_, to)
    for one in (nothing, log):
        if one > 2:
            os.close(one)
    sys.stdout = sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)


if __name__ == "__main__":  # spawn_fork_server
    _import(sys.argv[2:])
    _serve(socket.socket(fileno=int(sys.argv[1])))
