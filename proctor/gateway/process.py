"""A gateway process: everything started in order, everything stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os

import structlog

from proctor import admin
from proctor.gateway.server import Gateway
from proctor.live.hub import Hub
from proctor.live.inbox import read_inbox
from proctor.live.journal import Journal
from proctor.live.ticker import run_ticker
from proctor.live.turns import follow
from proctor.ports import Inbox, Jobs, Nodes
from proctor.settings import Settings

log = structlog.get_logger("gateway")

NODE_EVERY_S = 3.0
FLUSH_S = 3.0


async def serve(
    settings: Settings, gateway: Gateway, hub: Hub, inbox: Inbox, nodes: Nodes, jobs: Jobs, tls, stop
) -> None:
    """Until `stop` is set; then drain, flush and return. Raises OSError when it cannot listen."""
    quiet = asyncio.Event()
    await gateway.listen(tls)
    async with admin.serving(lambda: readings(gateway, hub), lambda: not gateway.draining) as port:
        tasks = [
            asyncio.create_task(hub.journal.run(quiet), name="journal"),
            asyncio.create_task(hub.keeper.run(quiet, lambda: list(hub.learners.values())), name="leases"),
            asyncio.create_task(run_ticker(hub, quiet), name="ticker"),
            asyncio.create_task(
                follow(hub.turns, jobs, hub.clock, quiet, node=hub.node, verdict_ms=settings.verdict_ms), name="turns"
            ),
            asyncio.create_task(gateway.scan(quiet), name="scan"),
            asyncio.create_task(read_inbox(hub, inbox, quiet), name="inbox"),
            asyncio.create_task(admin.announce(nodes, hub.node, "gateway", port, NODE_EVERY_S, quiet), name="node"),
        ]
        # A million live objects must never be walked: what is here now stays, and only the youngest generation is
        # collected. With the middle one on, the seats of a full gateway stood in it and cost one walk of 0.3 s.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 1_000_000, 1_000_000)
        log.info("serving", port=settings.ws_port, admin=port, pid=os.getpid())
        stopping = asyncio.create_task(stop.wait(), name="stop")
        done, _pending = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        await gateway.drain()
        quiet.set()
        await _flush(hub.journal)
        for task in (stopping, *tasks):
            task.cancel()
        await asyncio.gather(stopping, *tasks, return_exceptions=True)
        for task in done - {stopping}:
            # A loop that ended on its own is a bug: die loudly, the supervisor starts another process.
            if not task.cancelled() and task.exception() is not None:
                raise RuntimeError(f"{task.get_name()} ended") from task.exception()


async def _flush(journal: Journal) -> None:
    """What is not stored yet is in the Redis snapshots, and the players hold the rest."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(journal.flush(), FLUSH_S)


def readings(gateway: Gateway, hub: Hub) -> dict[str, float]:
    """Figures of this process by metric name; counters end in `_total`."""
    found: dict[str, float] = {
        "zhenxue_sockets": gateway.sockets,
        "zhenxue_openings": gateway.room.taken,
        "zhenxue_sessions": len(hub.learners),
        "zhenxue_checks_waiting": hub.turns.waiting,
        "zhenxue_journal_facts_waiting": hub.journal.waiting_facts,
        "zhenxue_journal_facts_stored_total": hub.journal.stored_facts,
        "zhenxue_journal_transactions_total": hub.journal.transactions,
        "zhenxue_journal_failures_total": hub.journal.failures,
        "zhenxue_lease_failures_total": hub.keeper.failures,
        "zhenxue_snapshot_bytes_max": hub.keeper.bytes_max,
    }
    found.update({f"zhenxue_{name}_total": value for name, value in hub.counts.items()})
    return found
