"""The stores of a run past one machine: a Valkey Cluster and a PostgreSQL, started for it and gone afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import msgspec

from bench import cluster, hosts, postgres
from bench.certify.plan import Plan
from bench.hosts import Hosts
from proctor import compose
from proctor.settings import Settings

# As docs/operations.md advises; each gateway keeps up to ten connections, and the bench some of its own.
POSTGRES = ("max_connections=300", "shared_buffers=512MB", "max_wal_size=4GB", "checkpoint_timeout=15min")

HOSTS = 3


@asynccontextmanager
async def opened(plan: Plan) -> AsyncIterator[Plan]:
    """The plan with the addresses of what was started for it: nothing, unless it asks for a cluster."""
    if not plan.cluster:
        yield plan
        return
    with ExitStack() as stack:
        # Starting waits for servers and disks: not in the loop that draws the progress.
        made = await asyncio.to_thread(stack.enter_context, cluster.running())
        database_url = await asyncio.to_thread(stack.enter_context, postgres.running(*POSTGRES))
        yield msgspec.structs.replace(plan, redis_url=made.url, database_url=database_url)


@asynccontextmanager
async def apart(plan: Plan) -> AsyncIterator[tuple[Plan, Hosts]]:
    """The same, with hosts of their own for the gateways: one wire to learners and SQL, another to Redis."""
    with ExitStack() as stack:
        made = await asyncio.to_thread(stack.enter_context, hosts.made(HOSTS))
        redis = await asyncio.to_thread(stack.enter_context, cluster.running(host=made.redis))
        sql = await asyncio.to_thread(stack.enter_context, postgres.running(*POSTGRES, network=made.database))
        gateways = max(HOSTS, plan.gateways // HOSTS * HOSTS)
        yield msgspec.structs.replace(plan, redis_url=redis.url, database_url=sql, gateways=gateways), made


async def servers(settings: Settings, which: str = "all") -> list[int]:
    """Process ids of the store's servers; of a cluster `all` or its `primaries`."""
    async with compose.store(settings) as client:
        if "-cluster://" not in settings.redis:
            return [int((await client.info("server"))["process_id"])]
        found = await client.info("server", target_nodes=which)
    return [int(one["process_id"]) for one in found.values()]
