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

import structlog

from proctor import admin, retention
from proctor.adapters import valkey
from proctor.adapters.authority import authority_of
from proctor.adapters.clock import SystemClock
from proctor.adapters.evidence_files import FileEvidence
from proctor.adapters.face_keys import SqlFaceKeys
from proctor.adapters.keyring import Ring
from proctor.adapters.messages import Sender, messages_of
from proctor.adapters.redis_checks import RedisChecks
from proctor.adapters.redis_client import Client, connect, redis_time_ms
from proctor.adapters.redis_inbox import RedisInbox
from proctor.adapters.redis_jobs import RedisJobs
from proctor.adapters.redis_leases import RedisLeases
from proctor.adapters.redis_nodes import RedisNodes
from proctor.adapters.secrets import KEYS_EVERY_S, Secrets, load_secrets
from proctor.adapters.signer import Ed25519Signer
from proctor.adapters.sql_database import SqlDatabase
from proctor.adapters.sql_records import SqlRecords
from proctor.adapters.sql_rush import SqlRush
from proctor.adapters.vault import RingVault
from proctor.errors import Unavailable
from proctor.gateway import process
from proctor.gateway.server import Gateway, resume_token_of
from proctor.gateway.tickets import Tickets
from proctor.live.hub import Hub
from proctor.live.learner import Claim
from proctor.modules.privacy.clocks import DAY_MS, Times
from proctor.settings import Settings

NODE_EVERY_S = 3.0
log = structlog.get_logger("compose")


@dataclass(frozen=True, kw_only=True)
class WebDeps:
    """What the web process works with: every port, wired."""

    settings: Settings
    db: SqlRush
    vault: RingVault
    face_keys: SqlFaceKeys
    evidence: FileEvidence
    checks: RedisChecks
    jobs: RedisJobs
    inbox: RedisInbox
    leases: RedisLeases
    nodes: RedisNodes
    clock: SystemClock
    tickets: Tickets
    messages: Sender
    signer: Ed25519Signer


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
    face_keys: SqlFaceKeys
    vault: RingVault


@asynccontextmanager
async def _base(settings: Settings) -> AsyncIterator[_Base]:
    keys = keys_of(settings)
    client = connect(settings.redis)
    db = SqlRush(settings.sqlalchemy_url)
    clock = SystemClock()
    inbox = RedisInbox(client)
    leases = RedisLeases(client, buckets=settings.lease_buckets, snapshot_keep_ms=settings.snapshot_keep_ms)
    inbox.leases = leases
    face_keys = SqlFaceKeys(db, keys.vault)
    rotating = asyncio.create_task(_follow(keys.master))
    try:
        clock.observe(await redis_time_ms(client))
        yield _Base(
            settings=settings, keys=keys, client=client, db=db, clock=clock, inbox=inbox, leases=leases,
            checks=RedisChecks(client, inbox), jobs=RedisJobs(client, jobs_max=settings.jobs_max),
            nodes=RedisNodes(client), evidence=FileEvidence(settings.data_dir / "evidence", face_keys),
            face_keys=face_keys, vault=keys.vault,
        )  # fmt: skip
    finally:
        rotating.cancel()
        await db.close()
        await client.aclose()


async def _follow(ring: Ring) -> None:
    """Learn of a new master key before anything is sealed with it: `proctor keys rotate` waits for that."""
    while True:
        await asyncio.sleep(KEYS_EVERY_S)
        try:
            await asyncio.to_thread(ring.refresh)
        except (OSError, Unavailable, AssertionError) as error:
            log.warning("keys_not_read", error=type(error).__name__)


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


def vault_of(settings: Settings) -> RingVault:
    return keys_of(settings).vault


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


@asynccontextmanager
async def jobs(settings: Settings) -> AsyncIterator[RedisJobs]:
    """The queue of face jobs: who looks at it."""
    async with store(settings) as client:
        yield RedisJobs(client, jobs_max=settings.jobs_max)


def keys_of(settings: Settings) -> Secrets:
    """The installation's keys, made at first use: the bench signs tickets as the web does."""
    return load_secrets(settings.data_dir, kms=settings.kms_command, cipher=settings.cipher)


def sweeper_of(settings: Settings, keys: Secrets, db: SqlDatabase, evidence: FileEvidence) -> retention.Sweeper:
    times = Times(
        keep_ms=settings.evidence_keep_ms, case_ms=settings.evidence_case_days * DAY_MS,
        trace_ms=settings.traces_days * DAY_MS,
    )  # fmt: skip
    return retention.Sweeper(db, evidence, keys.vault, Ed25519Signer(keys.sign), times)


@asynccontextmanager
async def web(settings: Settings) -> AsyncIterator[WebDeps]:
    """The web process' ports; says that it lives while they are open."""
    async with _base(settings) as base:
        stop = asyncio.Event()
        name = node_name("web")
        messages = messages_of(settings.messages_url, settings.messages_key_file, settings.data_dir)
        tasks = [
            asyncio.create_task(admin.announce(base.nodes, name, "web", 0, NODE_EVERY_S, stop)),
            asyncio.create_task(sweeper_of(settings, base.keys, base.db, base.evidence).run(stop)),
        ]
        try:
            yield WebDeps(
                settings=settings, db=base.db, vault=base.vault, face_keys=base.face_keys, evidence=base.evidence,
                checks=base.checks, jobs=base.jobs, inbox=base.inbox, leases=base.leases, nodes=base.nodes,
                clock=base.clock, tickets=Tickets(base.keys.ticket), messages=messages,
                signer=Ed25519Signer(base.keys.sign),
            )  # fmt: skip
        finally:
            stop.set()
            await asyncio.gather(*tasks)
            await messages.close()


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
            settings, Gateway(settings, hub, tickets), hub, base.inbox, base.nodes, base.jobs, tls_context(settings),
            stop,
        )  # fmt: skip


async def faces(settings: Settings, stop: asyncio.Event) -> None:
    """Run one face worker until `stop` is set. Raises Unavailable when the models are missing or altered."""
    # Imported here: the picture libraries would cost every other process a fifth of its start, and memory.
    from proctor.adapters.sql_enrolments import SqlEnrolments
    from proctor.adapters.sql_faces import SqlFaces
    from proctor.faces import backends
    from proctor.faces.enrolling import Desk
    from proctor.faces.judge import Judge
    from proctor.faces.worker import Worker

    # Beats come first: a check may wait a little, and the gateways ask for no more than is answered in time.
    os.nice(settings.workers_nice)
    judge = Judge.load(settings)
    async with _base(settings) as base:
        name = node_name("faces")
        records = SqlFaces(base.db, base.face_keys, base.evidence, traces_max=settings.traces_max)
        worker = Worker(
            jobs=base.jobs, checks=base.checks, evidence=base.evidence, records=records, judge=judge,
            name=name, verdict_ms=settings.verdict_ms,
        )  # fmt: skip
        authority = authority_of(settings.authority_url, settings.authority_key_file)
        desk = Desk(
            records=SqlEnrolments(base.db, base.face_keys, base.vault), evidence=base.evidence, authority=authority,
            models=lambda: backends.load(
                settings.face_backend, settings.face_engine, settings.face_precision, settings.face_recipe
            ),
        )  # fmt: skip
        async with admin.serving(worker.metrics, lambda: not stop.is_set()) as port:
            announcing = asyncio.create_task(admin.announce(base.nodes, name, "faces", port, NODE_EVERY_S, stop))
            enrolling = asyncio.create_task(desk.run(stop))
            await worker.run(stop)
            await asyncio.gather(announcing, enrolling)
            await authority.close()


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
