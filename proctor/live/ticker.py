"""One loop for all deadlines: a scan over plain numbers instead of a timer per learner."""

from __future__ import annotations

import asyncio

from proctor.live.hub import Hub


async def run_ticker(hub: Hub, stop: asyncio.Event) -> None:
    """Scan every `tick_ms` until `stop` is set."""
    while not stop.is_set():
        await asyncio.sleep(hub.settings.tick_ms / 1_000)
        scan(hub, hub.clock.now_ms())


def scan(hub: Hub, now_ms: int) -> None:
    """Due sessions, overdue handovers, silent sockets, and seats whose state is old."""
    idle_ms = hub.settings.idle_ms
    for learner in list(hub.learners.values()):
        session = learner.session
        if session.due_ms <= now_ms:
            hub.tick(learner, now_ms)
        if learner.handover_ms and now_ms >= learner.handover_ms:
            hub.spawn(hub.hand_over(learner))
        elif now_ms - learner.heard_ms > idle_ms:
            hub.counts["idle"] += 1
            hub.disconnected(learner)
            learner.link.close(1001, "silent")
        elif session.stretch.spans and now_ms - learner.state_ms >= session.policy.gap_ms_max:
            hub.journal.want_state(learner)
