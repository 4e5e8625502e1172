"""The real web application on a port of its own: SQLite, Valkey, evidence files and the vault are real."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select, update

from proctor.adapters.clock import SystemClock
from proctor.adapters.evidence_files import FileEvidence
from proctor.adapters.face_keys import SqlFaceKeys
from proctor.adapters.memory_messages import MemoryMessages
from proctor.adapters.redis_checks import RedisChecks
from proctor.adapters.redis_client import connect
from proctor.adapters.redis_inbox import RedisInbox
from proctor.adapters.redis_jobs import RedisJobs
from proctor.adapters.redis_leases import RedisLeases
from proctor.adapters.redis_nodes import RedisNodes
from proctor.adapters.signer import Ed25519Signer
from proctor.adapters.sql_database import SqlDatabase
from proctor.adapters.sql_rush import SqlRush
from proctor.compose import WebDeps
from proctor.gateway.tickets import Tickets
from proctor.modules.accounts.tables import accounts, institutions
from proctor.modules.privacy import erasing
from proctor.modules.privacy import service as privacy
from proctor.modules.privacy.tables import consents, erasures, notices
from proctor.modules.schema import insert_new, metadata
from proctor.settings import Settings
from tests.client import Person
from tests.modules.studies import Study, study
from tests.world import NOW_MS, PASSWORD, World, build, people, vault
from web.app import make_app
from web.learner.consent import NOTICE_VERSION

JPEG = b"\xff\xd8\xff\xe0 a picture"
SIGNER = Ed25519Signer(b"s" * 32)
ROLES = ("learner", "reviewer", "administrator")
# What an attempt is meant to leave behind: counts of wrong passwords, and that somebody was here.
_MEANT = {"accounts": ("failed_tries", "locked_until_ms"), "login_sessions": ("seen_ms",)}


@dataclass
class Place:
    """One institution with a studied lesson, a case, and a picture that belongs to it."""

    world: World
    study: Study
    evidence: str
    host_key: str
    logins: dict[str, str]


@dataclass
class Site:
    """The running application and what stands in its stores."""

    url: str
    deps: WebDeps
    here: Place
    there: Place
    persons: AsyncExitStack

    async def person(self, role: str = "", place: Place | None = None) -> Person:
        """A browser: signed in with this role, or nobody's."""
        person = await self.persons.enter_async_context(Person(self.url))
        if role:
            await person.sign_in((place or self.here).logins[role], PASSWORD)
            await person.page("/me" if role == "learner" else "/console")
        return person

    async def dump(self) -> dict[str, list[tuple]]:
        """All rows of all tables, but for what an attempt is meant to leave; and all files of evidence."""
        found: dict[str, list[tuple]] = {}
        async with self.deps.db.read() as conn:
            for table in metadata.sorted_tables:
                columns = [c for c in table.c if c.name not in _MEANT.get(table.name, ())]
                rows = (await conn.execute(select(*columns))).all()
                found[table.name] = sorted((tuple(row) for row in rows), key=repr)
        found["audit"] = [row for row in found["audit"] if "web:account:locked" not in row]
        found["files"] = [(name,) for name in self.files()]
        return found

    def files(self) -> list[str]:
        folder = self.deps.settings.data_dir / "evidence"
        return sorted(path.name for path in folder.rglob("*") if path.is_file())


async def _place(db: SqlDatabase, pictures: FileEvidence, mark: str) -> Place:
    world = await build(db)
    host_key = f"host-key-of-{mark}-0123456789"
    ((administrator, _login),) = await people(db, world.institution, vault(), 1, role="administrator", mark=mark)
    ids = (world.learner, world.reviewer, administrator)
    done = await study(db, world)
    blob = msgspec.msgpack.encode([JPEG, JPEG])
    evidence = await pictures.put(blob, kind="burst", institution_id=world.institution, learner_id=world.learner)
    async with db.write() as conn:
        await privacy.register_evidence(
            conn, evidence_id=evidence, institution_id=world.institution, learner_id=world.learner, kind="burst",
            check_id=done.check, sha256=hashlib.sha256(blob).hexdigest(), now_ms=NOW_MS, delete_after_ms=2 * NOW_MS,
        )  # fmt: skip
        text = {"sha256": "0" * 64, "purpose": privacy.PURPOSE, "version": "1", "lang": "zh-CN", "body": "<p>1</p>"}
        given = {
            "purpose": privacy.PURPOSE, "choice": "given", "notice_version": NOTICE_VERSION,
            "notice_sha256": text["sha256"],
        }  # fmt: skip
        await conn.execute(consents.insert().values(learner_id=world.learner, at_ms=NOW_MS, **given))
        await conn.execute(insert_new(conn.dialect.name, notices), [{**text, "first_ms": NOW_MS}])
        await _forgotten_once(conn, world)
        key_hash = hashlib.sha256(host_key.encode()).digest()
        mine = institutions.c.id == world.institution
        await conn.execute(update(institutions).where(mine).values(host_key_hash=key_hash))
        found = (await conn.execute(select(accounts.c.id, accounts.c.login))).all()
    names = {row.id: row.login for row in found}
    logins = {role: names[account] for role, account in zip(ROLES, ids, strict=True)}
    logins["second_reviewer"] = names[world.second_reviewer]
    return Place(world=world, study=done, evidence=evidence, host_key=host_key, logins=logins)


async def _forgotten_once(conn, world: World) -> None:
    """Long before, this learner's face was erased, and a certificate says so."""
    row = {
        "institution_id": world.institution, "learner_id": world.learner, "why": "withdrawn",
        "asked_by": world.learner, "asked_ms": NOW_MS - 1_000,
    }  # fmt: skip
    made = await conn.execute(erasures.insert().values(**row).returning(erasures.c.id))
    await erasing.certify(conn, vault(), SIGNER, made.scalar_one(), NOW_MS - 500)


@dataclass
class _Master:
    folder: Path
    here: Place
    there: Place


@pytest.fixture(scope="session")
def master(tmp_path_factory) -> Callable[[Path], _Master]:
    """Two institutions, built once; every test works on its own copy of the files."""
    folder = tmp_path_factory.mktemp("master")

    async def make() -> _Master:
        db = SqlRush(f"sqlite+aiosqlite:///{folder / 'zhenxue.sqlite3'}")
        await db.migrate()
        pictures = FileEvidence(folder / "evidence", SqlFaceKeys(db, vault()))
        made = _Master(folder, await _place(db, pictures, "here"), await _place(db, pictures, "there"))
        async with db.engine.connect() as conn:
            await conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        await db.close()
        return made

    made = asyncio.run(make())

    def copy(target: Path) -> _Master:
        shutil.copytree(folder, target, dirs_exist_ok=True)
        return made

    return copy


def wire(settings: Settings, client) -> WebDeps:
    """Every port of the web process, real, as `compose.web` wires them."""
    inbox = RedisInbox(client)
    inbox.leases = RedisLeases(client, buckets=settings.lease_buckets, snapshot_keep_ms=settings.snapshot_keep_ms)
    db = SqlRush(settings.sqlalchemy_url)
    face_keys = SqlFaceKeys(db, vault())
    return WebDeps(
        settings=settings, db=db, vault=vault(), face_keys=face_keys,
        evidence=FileEvidence(settings.data_dir / "evidence", face_keys), checks=RedisChecks(client, inbox),
        jobs=RedisJobs(client, jobs_max=settings.jobs_max), inbox=inbox, leases=inbox.leases,
        nodes=RedisNodes(client), clock=SystemClock(), tickets=Tickets(b"t" * 32), messages=MemoryMessages(),
        signer=SIGNER,
    )  # fmt: skip


@pytest.fixture
async def site(valkey: str, master, tmp_path: Path) -> AsyncIterator[Site]:
    """The application of two institutions, `here` and `there`; all ids of `here` are those of the examples."""
    made = master(tmp_path)
    settings = Settings(data=str(tmp_path), redis_url=f"{valkey}?db=7", upload_bytes_max=100_000)
    client = connect(settings.redis)
    deps = wire(settings, client)
    server = TestServer(make_app(deps))
    await server.start_server()
    async with AsyncExitStack() as persons:
        url = str(server.make_url("")).rstrip("/")
        yield Site(url=url, deps=deps, here=made.here, there=made.there, persons=persons)
    await server.close()
    await deps.db.close()
    await client.flushdb()
    await client.aclose()
