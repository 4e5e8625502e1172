"""Virtual time: an asyncio loop that jumps to the next timer, and processes on it that freeze and die.

Every handle carries the context in which it was scheduled, and a context names its process. The handles of a frozen
process wait until it wakes up; those of a dead one never run again, not even their `finally` (kill -9).
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import heapq
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

MS = 0.001


class Deadlock(Exception):
    """Nothing can ever happen again, and the run is not over."""


class Process:
    """Something that runs on the loop and may stop: a gateway, a worker, the web."""

    def __init__(self, loop: Loop, name: str) -> None:
        self.loop = loop
        self.name = name
        self.dead = False
        self.frozen = False
        self.thawed_ms = -1
        self.host: Any = None  # its clocks, where somebody asks for them
        self._held: list[Call] = []
        self.tasks: list[asyncio.Task] = []  # kept, so that nothing of a dead process is collected and runs
        self.context = contextvars.copy_context()
        self.context.run(PROCESS.set, self)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task:
        task = self.loop.create_task(work, context=self.context)
        self.tasks.append(task)
        return task

    def call(self, what: Callable[..., object], *args: object) -> None:
        """Run inside the process, when it runs at all."""
        self.loop.call_soon(what, *args, context=self.context)

    def hold(self, handle: Call) -> None:
        if not self.dead:
            self._held.append(handle)

    def freeze(self) -> None:
        self.frozen = True

    def thaw(self) -> None:
        self.frozen = False
        self.thawed_ms = self.loop.now_ms
        held, self._held = self._held, []
        self.loop.ready(held)

    def kill(self) -> None:
        self.dead = True
        self._held.clear()

    @property
    def runs(self) -> bool:
        return not (self.dead or self.frozen)


PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


class Call:
    """A callback that waits for its turn; `cancel` forgets it."""

    __slots__ = ("callback", "args", "context", "_when")

    def __init__(self, callback, args, context, when: float = 0.0) -> None:
        self.callback = callback
        self.args = args
        self.context = contextvars.copy_context() if context is None else context
        self._when = when

    def cancel(self) -> None:
        self.callback = None
        self.args = ()

    def cancelled(self) -> bool:
        return self.callback is None

    def when(self) -> float:
        return self._when


class _NoSelector:
    """The loop never waits for the outside."""

    def close(self) -> None: ...


class Loop(asyncio.BaseEventLoop):
    """Single-threaded and deterministic: equal timers run in the order in which they were set."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, Call]] = []
        self._selector = _NoSelector()
        self.steps = 0
        self.broken: BaseException | None = None  # set by whoever wants the run to end at once

    def time(self) -> float:
        return self._now_s

    @property
    def now_ms(self) -> int:
        return int(self._now_s * 1_000 + 0.5)

    # A world makes ten thousands of handles: lean ones, without asyncio's debug fields, are half the price of a run.

    def call_soon(self, callback, *args, context=None):
        call = Call(callback, args, context)
        self._ready.append(call)
        return call

    def call_later(self, delay, callback, *args, context=None):
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        call = Call(callback, args, context, when)
        heapq.heappush(self._timers, (when, next(self._order), call))
        return call

    def call_soon_threadsafe(self, callback, *args, context=None):
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, executor, func, *args):
        """A thread's work takes a moment of virtual time and happens at its end."""
        future = self.create_future()

        def work() -> None:
            if not future.done():
                try:
                    future.set_result(func(*args))
                except Exception as error:
                    future.set_exception(error)

        self.call_later(self.thread_s(), work)
        return future

    @staticmethod
    def thread_s() -> float:
        return 0.03

    def ready(self, calls: list[Call]) -> None:
        self._ready.extend(calls)

    def _run_once(self) -> None:
        """All that is ready now; then time jumps to the next timer."""
        timers, ready = self._timers, self._ready
        while ready:
            call = ready.popleft()
            callback = call.callback
            if callback is None:
                continue
            process = call.context.get(PROCESS)
            if process is not None and (process.dead or process.frozen):
                process.hold(call)
                continue
            self.steps += 1
            try:
                call.context.run(callback, *call.args)
            except Exception as error:
                self.call_exception_handler({"message": "a callback failed", "exception": error, "handle": call})
            if self.broken is not None:
                raise self.broken
        if self._stopping:
            return
        while timers and timers[0][2].callback is None:
            heapq.heappop(timers)
        if not timers:
            raise Deadlock
        now_s = self._now_s = max(self._now_s, timers[0][0])
        while timers and timers[0][0] <= now_s:
            ready.append(heapq.heappop(timers)[2])

    def abandon(self) -> None:
        """The run is over: whatever still waits is closed while there is a loop, and forgotten."""
        self.set_exception_handler(lambda _loop, _context: None)
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False
            with contextlib.suppress(RuntimeError, StopIteration):
                task.get_coro().close()
        self._ready.clear()
        self._timers.clear()
        self.close()

    def _process_events(self, event_list) -> None: ...

    def _write_to_self(self) -> None: ...
