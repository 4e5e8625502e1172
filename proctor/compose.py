"""Settings in, wired processes out: the only place that knows which adapter stands behind a port."""

from __future__ import annotations

import asyncio
import os
import secrets
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from proctor import admin, retention
from proctor.adapters import valkey
from proctor.adapters.clock import SystemClock
from proctor.adapters.evidence_files import FileEvidence
from proctor.adapters.redis_checks import RedisChecks
from proctor.adapters.redis_client import Client, connect, redis_time_ms
from proctor.adapters.redis_inbox import RedisInbox
from proctor.adapters.redis_jobs import RedisJobs
from proctor.adapters.redis_leases import RedisLeases
from proctor.adapters.redis_nodes import RedisNodes
from proctor.adapters.secrets import Secrets, load_secrets
from proctor.adapters.sql_database import SqlDatabase
from proctor.adapters.sql_records import SqlRecords
from proctor.adapters.sql_rush import SqlRush
from proctor.adapters.vault import AesVault
from proctor.gateway import process
from proctor.gateway.server import Gateway, resume_token_of
from proctor.gateway.tickets import Tickets
from proctor.live.hub import Hub
from proctor.live.learner import Claim
from proctor.settings import Settings

NODE_EVERY_S = 3.0


@dataclass(frozen=True, kw_only=True)
class WebDeps:
    """What the web process works with: every port, wired."""

    settings: Settings
    db: SqlRush
    vault: AesVault
    evidence: FileEvidence
    checks: RedisChecks
    jobs: RedisJobs
    inbox: RedisInbox
    leases: RedisLeases
    nodes: RedisNodes
    clock: SystemClock
    tickets: Tickets


@dataclass(frozen=True, kw_only=True)
class _Base:
    """What every process opens."""

    settings: Settings
    keys: Secrets
    client: Client
    db: SqlRush
    clock: SystemClock
    inbox: RedisInbox
    leases: RedisLeases
    checks: RedisChecks
    jobs: RedisJobs
    nodes: RedisNodes
    evidence: FileEvidence
    vault: AesVault


@asynccontextmanager
async def _base(settings: Settings) -> AsyncIterator[_Base]:
    keys = load_secrets(settings.data_dir)
    client = connect(settings.redis)
    db = SqlRush(settings.sqlalchemy_url)
    clock = SystemClock()
    inbox = RedisInbox(client)
    leases = RedisLeases(client, buckets=settings.lease_buckets, snapshot_keep_ms=settings.snapshot_keep_ms)
    inbox.leases = leases
    try:
        clock.observe(await redis_time_ms(client))
        yield _Base(
            settings=settings, keys=keys, client=client, db=db, clock=clock, inbox=inbox, leases=leases,
            checks=RedisChecks(client, inbox), jobs=RedisJobs(client, jobs_max=settings.jobs_max),
            nodes=RedisNodes(client), evidence=FileEvidence(settings.data_dir / "evidence", keys.evidence),
            vault=AesVault(keys.field),
        )  # fmt: skip
    finally:
        await db.close()
        await client.aclose()


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[SqlDatabase]:
    """Only SQL: migrations, ingest, rebuild."""
    db = SqlDatabase(settings.sqlalchemy_url)
    try:
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def desk(settings: Settings) -> AsyncIterator[tuple[SqlDatabase, RedisInbox]]:
    """SQL, and the way to whoever studies now: an operator's commands."""
    client = connect(settings.redis)
    inbox = RedisInbox(client)
    inbox.leases = RedisLeases(client, buckets=settings.lease_buckets, snapshot_keep_ms=settings.snapshot_keep_ms)
    try:
        async with database(settings) as db:
            yield db, inbox
    finally:
        await client.aclose()


def vault_of(settings: Settings) -> AesVault:
    return AesVault(load_secrets(settings.data_dir).field)


@asynccontextmanager
async def store(settings: Settings) -> AsyncIterator[Client]:
    """Only Redis: what the bench reads of it."""
    client = connect(settings.redis)
    try:
        yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def nodes(settings: Settings) -> AsyncIterator[RedisNodes]:
    """Which processes live."""
    async with store(settings) as client:
        yield RedisNodes(client)


def keys_of(settings: Settings) -> Secrets:
    """The installation's keys, made at first use: the bench signs tickets as the web does."""
    return load_secrets(settings.data_dir)


def evidence_of(settings: Settings) -> FileEvidence:
    return FileEvidence(settings.data_dir / "evidence", load_secrets(settings.data_dir).evidence)


@asynccontextmanager
async def web(settings: Settings) -> AsyncIterator[WebDeps]:
    """The web process' ports; says that it lives while they are open."""
    async with _base(settings) as base:
        stop = asyncio.Event()
        name = node_name("web")
        tasks = [
            asyncio.create_task(admin.announce(base.nodes, name, "web", 0, NODE_EVERY_S, stop)),
            asyncio.create_task(
                retention.run(base.db, base.evidence, case_days=settings.evidence_case_days, stop=stop)
            ),
        ]
        try:
            yield WebDeps(
                settings=settings, db=base.db, vault=base.vault, evidence=base.evidence, checks=base.checks,
                jobs=base.jobs, inbox=base.inbox, leases=base.leases, nodes=base.nodes, clock=base.clock,
                tickets=Tickets(base.keys.ticket),
            )  # fmt: skip
        finally:
            stop.set()
            await asyncio.gather(*tasks)


async def gateway(settings: Settings, stop: asyncio.Event) -> None:
    """Run one gateway process until `stop` is set. Raises OSError when it cannot listen."""
    async with _base(settings) as base:
        tickets = Tickets(base.keys.ticket)

        def mint_resume(claim: Claim, class_id: int, fence: int) -> str:
            expires_ms = time.time_ns() // 1_000_000 + settings.resume_token_ms
            return tickets.mint_resume(resume_token_of(claim, class_id, fence, expires_ms))

        hub = Hub(
            settings, node=node_name("gateway"), clock=base.clock, leases=base.leases,
            records=SqlRecords(base.db, policy=settings.policy), checks=base.checks, inbox=base.inbox,
            nodes=base.nodes, mint_upload=tickets.mint_upload, mint_resume=mint_resume,
        )  # fmt: skip
        await process.serve(
            settings, Gateway(settings, hub, tickets), hub, base.inbox, base.nodes, tls_context(settings), stop
        )


async def faces(settings: Settings, stop: asyncio.Event) -> None:
    """Run one face worker until `stop` is set. Raises Unavailable when the models are missing or altered."""
    # Imported here: the picture libraries would cost every other process a fifth of its start, and memory.
    from proctor.adapters.sql_faces import SqlFaces
    from proctor.faces.judge import Judge
    from proctor.faces.worker import Worker

    judge = Judge.load(settings.match_accept, settings.match_grey, settings.face_backend)
    async with _base(settings) as base:
        name = node_name("faces")
        records = SqlFaces(base.db, base.vault, base.evidence)
        worker = Worker(
            jobs=base.jobs, checks=base.checks, evidence=base.evidence, records=records, judge=judge,
            clock=base.clock, name=name,
        )  # fmt: skip
        async with admin.serving(worker.metrics, lambda: not stop.is_set()) as port:
            announcing = asyncio.create_task(
                admin.announce(base.nodes, name, "faces", port, NODE_EVERY_S, stop)
            )
            await worker.run(stop)
            await announcing


def node_name(kind: str) -> str:
    """Unique among all processes that ever ran: a new process never gets an old one's messages."""
    return f"{kind}-{os.getpid()}-{secrets.token_hex(4)}"


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """None for plain sockets. Raises OSError when certificate or key cannot be read."""
    if not settings.tls_cert:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(settings.tls_cert, settings.tls_key)
    return made


async def wait_redis(settings: Settings, seconds: float) -> None:
    """Raises Unavailable when Redis does not answer within `seconds`."""
    await valkey.wait_ready(settings.redis, seconds)


def valkey_command(settings: Settings) -> list[str]:
    return valkey.command(settings.data_dir, settings.valkey_socket)
