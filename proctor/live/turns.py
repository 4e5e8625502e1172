"""Whose due check is asked now, and whose in a moment: no more are asked than the face workers answer in time.

Each gateway learns once a second how the queue of bursts stands, what the workers can do and how many checks wait in
all gateways, and gives out its share of turns. A check that waits for its turn is due and nothing else: playback goes
on, nobody is failed, and what is earned stays provisional a little longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import math

import structlog

from proctor.core.session import Session
from proctor.errors import Unavailable
from proctor.ports import Backlog, Clock, Jobs

log = structlog.get_logger("turns")

EVERY_S = 1.0
# A little more than the workers can do is asked while nothing waits: the queue then holds about a second of work, in
# which they work in full batches, and it is seen how much they really can.
PUSH = 1.3
PATIENCE = 0.3  # of the time for a verdict: with so much work in the queue nothing more is asked
DRAIN_S = 30.0  # within so long more workers shall be through with what waits
BUSY = 0.7  # of a worker's time, that bursts need not queue
CALM = 2.0  # turns a second that every gateway has while nothing waits anywhere: slow workers make nobody wait then
UNKNOWN_MS = 100.0  # a burst, while no worker has judged any
SAVED_S = 2.0  # unused turns of the last seconds may be taken at once


class Turns:
    """Turns of one gateway. `waiting`: checks that found none, counted by the scan of the ticker."""

    def __init__(self) -> None:
        self.waiting = 0
        self.rate: float | None = None  # a second; None: nobody knows of any worker, and nothing is limited
        self._room = 0.0
        self._at_ms = 0

    def take(self, now_ms: int) -> bool:
        """May one more check be asked? Engine time."""
        if self.rate is None:
            return True
        elapsed_ms = now_ms - self._at_ms
        self._room = min(self._room + self.rate * elapsed_ms / 1_000, max(1.0, self.rate * SAVED_S))
        self._at_ms = now_ms
        if self._room < 1:
            self.waiting += 1
            return False
        self._room -= 1
        return True

    def put_off(self, session: Session, now_ms: int) -> bool:
        """Is a check due whose turn has not come? Who stands still for it is asked at once, and a code needs no
        worker."""
        person = session.person
        if not person.is_due(now_ms) or not person.consent or self.take(now_ms) or person.must:
            return False
        person.put_off()
        return True

    def learn(self, rate: float | None, now_ms: int) -> None:
        """Turns a second from now on. What was saved stays; the first of all may be taken at once."""
        if self.rate is None and rate is not None:
            self._room, self._at_ms = max(1.0, rate * SAVED_S), now_ms
        self.rate = rate


def rate_of(backlog: Backlog, due: int, verdict_ms: int) -> float | None:
    """This gateway's turns a second, `due` of its checks waiting: the share grows with what waits. None: no limit,
    for without a worker every check is our fault, which spreads them by itself."""
    if not backlog.workers:
        return None
    burst_ms = backlog.burst_ms or UNKNOWN_MS
    wait_ms = backlog.all * burst_ms / backlog.workers
    free = max(0.0, 1 - wait_ms / (verdict_ms * PATIENCE))
    share = (due + 1) / (max(backlog.due, due) + max(1, backlog.nodes))
    rate = backlog.workers * 1_000 / burst_ms * PUSH * free * share
    return rate if backlog.all or backlog.due or due else max(CALM, rate)


def workers_wanted(backlog: Backlog) -> int:
    """How many workers would answer what comes, and what waits, without a queue: for whoever starts and ends them."""
    burst_s = (backlog.burst_ms or UNKNOWN_MS) / 1_000
    per_second = backlog.per_second + (backlog.all + backlog.due) / DRAIN_S
    return max(1, math.ceil(round(per_second * burst_s / BUSY, 6)))


async def follow(turns: Turns, jobs: Jobs, clock: Clock, stop: asyncio.Event, *, node: str, verdict_ms: int) -> None:
    """Learn until `stop`. While Redis is silent the last word holds."""
    while not stop.is_set():
        try:
            due = turns.waiting
            turns.learn(rate_of(await jobs.backlog(node, due), due, verdict_ms), clock.now_ms())
        except Unavailable as gone:
            log.warning("turns_not_learnt", port=gone.port)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_S)
