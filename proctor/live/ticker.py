"""One loop for all deadlines: whose alarm went off is looked at, and told when to be looked at again."""

from __future__ import annotations

import asyncio

from proctor.live.hub import Hub
from proctor.live.learner import Learner


async def run_ticker(hub: Hub, stop: asyncio.Event) -> None:
    """Scan every `tick_ms` until `stop` is set."""
    while not stop.is_set():
        await asyncio.sleep(hub.settings.tick_ms / 1_000)
        scan(hub, hub.clock.now_ms())


def scan(hub: Hub, now_ms: int) -> None:
    """Due sessions, silent sockets, and seats whose state is old. Checks that wait for their turn are due in each
    scan, the oldest first."""
    hub.turns.waiting = 0
    for learner in list(hub.alarms.due(now_ms)):
        _look(hub, learner, now_ms)
        if not learner.over:
            # What is still due now waits for somebody outside: it is looked at again in the next scan.
            hub.alarms.set(learner, max(_next_ms(hub, learner, now_ms), now_ms + 1))


def _look(hub: Hub, learner: Learner, now_ms: int) -> None:
    session = learner.session
    if session.due_ms <= now_ms:
        hub.tick(learner, now_ms)
    if now_ms - learner.heard_ms > hub.settings.idle_ms:
        hub.counts["idle"] += 1
        hub.disconnected(learner)
        learner.link.close(1001, "silent")
    elif session.stretch.spans and now_ms - learner.state_ms >= session.policy.gap_ms_max:
        hub.journal.want_state(learner)
        learner.state_ms = now_ms


def _next_ms(hub: Hub, learner: Learner, now_ms: int) -> int:
    """An open stretch makes its state old from its first beat on: without one there is nothing to write."""
    session = learner.session
    from_ms = learner.state_ms if session.stretch.spans else now_ms
    return min(
        session.due_ms, learner.heard_ms + hub.settings.idle_ms + 1, from_ms + session.policy.gap_ms_max,
    )  # fmt: skip
