"""Backup and restore, TLS, foreign stores: what an operator does, on real processes."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import ssl
import subprocess
import sys
import tarfile
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from sqlalchemy import insert, select

from proctor import backup, compose
from proctor.adapters.evidence_files import FileEvidence
from proctor.adapters.face_keys import SqlFaceKeys
from proctor.adapters.sql_rush import SqlRush
from proctor.errors import Refused
from proctor.modules.accounts.tables import accounts, institutions
from proctor.modules.catalog import service as catalog
from proctor.modules.privacy import erasing
from proctor.modules.privacy.tables import face_keys
from proctor.settings import Settings, load
from proctor.tls import local_certificate
from tests import pictures
from tests.client import Person
from tests.processes.test_study import passed, play
from tests.stack import ROOT, Stack, filled
from tests.world import PASSWORD

pytestmark = pytest.mark.processes

LEARNER = 7


def proctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "proctor.cli", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


async def test_a_restore_drill_brings_back_people_record_and_pictures(tmp_path: Path) -> None:
    kept = tmp_path / "kept.tar.gz"
    async with Stack(tmp_path / "old") as old:
        async with await old.learner() as person:
            study = await passed(person)
            await play(study, 3)
            await study.leave()
            login, account = person.login, person.account
        before = await old.stored(account, 1, final_ms=0, provisional_ms=3_000)
        done = await asyncio.to_thread(proctor, "backup", str(kept), "--data", str(old.data))
        assert done.returncode == 0, done.stderr
    secret = kept.with_name("kept.tar.gz.keys")
    assert kept.stat().st_mode & 0o077 == 0 and secret.stat().st_mode & 0o077 == 0
    shutil.rmtree(old.data)
    (tmp_path / "elsewhere").mkdir()
    shutil.move(secret, tmp_path / "elsewhere" / "keys")
    arguments = ["restore", str(kept), "--data", str(tmp_path / "new")]
    without = await asyncio.to_thread(proctor, *arguments)
    assert without.returncode == 1 and "key file" in without.stderr
    done = await asyncio.to_thread(proctor, *arguments, "--keys", str(tmp_path / "elsewhere" / "keys"))
    assert done.returncode == 0, done.stderr
    async with Stack(tmp_path / "new") as new:
        assert await new.totals(account, 1) == before
        async with Person(new.url) as person:
            await person.sign_in(login, PASSWORD)
            # Redis is empty and hands out old fences again: they are lifted above those in SQL.
            study = await person.study(1)
            assert study.welcome["total_ms"] == 3_000
            # The pass of a moment ago came back too: no start check is due.
            assert study.welcome["check"] is None
            await study.leave()
        rebuilt = await asyncio.to_thread(proctor, "rebuild", "--data", str(new.data))
        assert rebuilt.returncode == 0 and " 0 differences" in rebuilt.stdout


@pytest.fixture
def two_databases(postgres: str) -> tuple[str, str]:
    """Two empty databases on the session's server, addressed as operators do."""

    async def make() -> tuple[str, str]:
        connection = await asyncpg.connect(postgres.replace("+asyncpg", ""))
        names = [f"drill_{secrets.token_hex(4)}" for _n in range(2)]
        for name in names:
            await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        first, second = (postgres.replace("+asyncpg", "").replace("/postgres?", f"/{name}?") for name in names)
        return first, second

    return asyncio.run(make())


def test_a_restore_drill_over_postgresql_and_never_over_a_database_in_use(tmp_path: Path, two_databases) -> None:
    full, empty = two_databases
    kept = tmp_path / "kept"
    old = load({}, data=str(tmp_path / "old"), database_url=full)
    _filled(old, full)
    backup.backup(old, kept)
    with pytest.raises(Refused) as wrong:
        backup.restore(load({}, data=str(tmp_path / "new")), kept, None)
    assert "--database-url" in str(wrong.value.detail["reason"])
    with pytest.raises(Refused, match="backup_failed"):
        backup.restore(load({}, data=str(tmp_path / "new"), database_url=full), kept, None)
    assert not list((tmp_path / "new").iterdir())
    new = load({}, data=str(tmp_path / "new"), database_url=empty)
    backup.restore(new, kept, None)
    assert _names(new) == _names(old) == ["学校"]


async def _face(settings: Settings) -> tuple[str, bytes]:
    """Somebody's face: the id of a picture, and the sealed key that opens it."""
    db = SqlRush(settings.sqlalchemy_url)
    keys = SqlFaceKeys(db, compose.vault_of(settings))
    files = FileEvidence(settings.data_dir / "evidence", keys)
    picture = await files.put(b"a face", kind="enrolment", institution_id=1, learner_id=LEARNER)
    async with db.read() as conn:
        sealed = (await conn.execute(select(face_keys.c.key_sealed))).scalar_one()
    await db.close()
    return picture, bytes(sealed)


async def _forget(settings: Settings) -> None:
    async with compose.database(settings) as db, db.write() as conn:
        await erasing.ask_erasure(conn, institution_id=1, learner_id=LEARNER, why="withdrawn", asked_by=0, now_ms=1)


async def _look(settings: Settings, picture: str) -> bytes:
    db = SqlRush(settings.sqlalchemy_url)
    try:
        keys = SqlFaceKeys(db, compose.vault_of(settings))
        return await FileEvidence(settings.data_dir / "evidence", keys).get(picture)
    finally:
        await db.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_face_that_was_erased_is_gone_from_older_backups_too(tmp_path: Path, two_databases, kind: str) -> None:
    """Of the key files only the newest is kept: it opens older backups, but for who was forgotten since."""
    full, empty = two_databases if kind == "postgresql" else ("", "")
    old = load({}, data=str(tmp_path / "old"), database_url=full)
    _filled(old, full)
    picture, sealed = asyncio.run(_face(old))
    before, keys_before = backup.backup(old, tmp_path / "before")
    asyncio.run(_forget(old))
    _after, keys_after = backup.backup(old, tmp_path / "after")
    with tarfile.open(before) as archive:
        parts = [archive.extractfile(member) for member in archive.getmembers() if member.isfile()]
        assert all(sealed not in part.read() for part in parts if part), "no learner's key lies beside the pictures"
    new = load({}, data=str(tmp_path / "new"), database_url=empty)
    backup.restore(new, before, keys_after)
    assert (new.data_dir / "evidence" / picture[:2] / picture).exists(), "the file came back"
    with pytest.raises(Refused, match="evidence_gone"):
        asyncio.run(_look(new, picture))
    if kind == "sqlite":
        again = load({}, data=str(tmp_path / "again"))
        backup.restore(again, before, keys_before)
        assert asyncio.run(_look(again, picture)) == b"a face", "the old key file would still open it"


def _filled(settings: Settings, url: str) -> None:
    done = proctor("migrate", "--data", settings.data, "--database-url", url)
    assert done.returncode == 0, done.stderr
    compose.keys_of(settings)

    async def work() -> None:
        async with compose.database(settings) as db, db.write() as conn:
            await catalog.add_institution(conn, name="学校", now_ms=1)
            await conn.execute(insert(accounts).values(
                id=LEARNER, institution_id=1, login="learner", role="learner", name_sealed=b"sealed",
                password_hash="none", created_ms=1,
            ))  # fmt: skip

    asyncio.run(work())


def _names(settings: Settings) -> list[str]:
    async def work() -> list[str]:
        async with compose.database(settings) as db, db.read() as conn:
            return list((await conn.execute(select(institutions.c.name))).scalars())

    return asyncio.run(work())


def test_the_local_authority_comes_back_so_that_phones_go_on_trusting(tmp_path: Path) -> None:
    old, new = (load({}, data=str(tmp_path / name)) for name in ("old", "new"))
    shutil.copytree(filled(), old.data_dir)
    local_certificate(old.data_dir)
    backup.backup(old, tmp_path / "kept")
    with tarfile.open(tmp_path / "kept") as archive:
        assert not [name for name in archive.getnames() if name.startswith("tls")], "the authority's key is a key"
    backup.restore(new, tmp_path / "kept", None)
    chain, _key = local_certificate(new.data_dir)
    for name in ("ca.crt", "ca.key", "server.crt"):
        assert (new.data_dir / "tls" / name).read_bytes() == (old.data_dir / "tls" / name).read_bytes()
    assert chain == new.data_dir / "tls" / "server.crt" and chain.parent.stat().st_mode & 0o777 == 0o700
    assert (chain.parent / "ca.key").stat().st_mode & 0o777 == 0o600


def test_an_empty_folder_is_not_backed_up_as_if_it_were_somebody(tmp_path: Path) -> None:
    done = proctor("backup", str(tmp_path / "kept"), "--data", str(tmp_path / "nothing"))
    assert done.returncode == 1 and "nothing to back up" in " ".join(done.stderr.split())
    assert not (tmp_path / "kept").exists()


def test_a_damaged_backup_and_a_folder_in_use_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    data, kept = tmp_path / "data", tmp_path / "kept"
    shutil.copytree(filled(), data)
    settings = load({}, data=str(data))
    backup.backup(settings, kept)
    with pytest.raises(Refused, match="backup_exists"):
        backup.backup(settings, kept)
    with pytest.raises(Refused, match="restore_not_empty"):
        backup.restore(settings, kept, None)
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    empty = load({}, data=str(tmp_path / "empty"))
    with pytest.raises(Refused, match="restore_damaged"):
        backup.restore(empty, kept, None)
    assert not list((tmp_path / "empty").iterdir())


async def test_a_local_authority_serves_https_and_wss_and_explains_itself(tmp_path: Path) -> None:
    async with Stack(tmp_path / "tls", options=("--tls",), scheme="https") as stack:
        trusted = ssl.create_default_context(cafile=str(stack.data / "tls" / "ca.crt"))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted)) as http:
            async with http.get(f"{stack.url}/tls") as answer:
                assert answer.status == 200 and "/tls/ca.crt" in await answer.text()
            async with http.get(f"{stack.url}/tls/ca.crt") as answer:
                assert b"BEGIN CERTIFICATE" in await answer.read()
        async with await stack.learner(trusted=trusted) as person:
            study = await passed(person)
            assert study.ws.startswith("wss://")
            await play(study, 1)
            assert study.ack["total_ms"] == 1_000


async def test_the_same_system_runs_on_a_foreign_redis_and_postgresql(tmp_path, valkey, two_databases) -> None:
    # A database of its own: another test may have taken the lesson down in the one that they share.
    foreign, _other = two_databases
    options = ("--redis-url", valkey, "--database-url", foreign)
    async with Stack(tmp_path / "pg", options=options, copy=False) as stack:
        stack.database_url = foreign.replace("postgresql:", "postgresql+asyncpg:")
        async with await stack.learner() as person:
            study = await passed(person)
            await play(study, 2)
            await study.leave()
            await stack.stored(person.account, 1, provisional_ms=2_000)
            assert "2 秒" in await person.page("/records/lessons/1")


async def test_an_ingested_lesson_is_studied_to_its_end_and_the_end_check_makes_it_final(tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(pictures.clip())
    async with Stack(tmp_path / "data") as stack:
        arguments = ["ingest", "1", str(video), "短课", "--filing-no", "备案-短", "--data", str(stack.data)]
        done = await asyncio.to_thread(proctor, *arguments)
        assert done.returncode == 0, done.stderr
        lesson = int(done.stdout.split()[1].rstrip(":"))
        async with await stack.learner() as person:
            study = await passed(person, lesson)
            length = study.welcome["duration_ms"]
            assert 3_500 <= length <= 4_500
            await study.beat("play")
            while study.pos < length:
                part = min(1_000, length - study.pos)
                await asyncio.sleep(part / 1_000 + 0.01)
                await study.beat("end" if study.pos + part >= length else "beat", part)
            assert study.ack["complete"]
            push = (await study.hear("check"))["check"]
            assert push["kind"] == "end"
            await person.upload(push, pictures.jpegs(pictures.moving_man()[60:]))
            assert (await study.hear("verdict"))["outcome"] == "passed"
            await stack.stored(person.account, lesson, final_ms=length, provisional_ms=0)
            assert "已生效" in await person.page(f"/records/lessons/{lesson}")


def test_what_is_no_video_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    data, wrong = tmp_path / "data", tmp_path / "wrong.mp4"
    shutil.copytree(filled(), data)
    wrong.write_text("this is a letter")
    before = sorted(path.name for path in (data / "media").iterdir())
    done = proctor("ingest", "1", str(wrong), "x", "--data", str(data))
    assert done.returncode == 1 and "video" in done.stderr and "Traceback" not in done.stderr
    assert sorted(path.name for path in (data / "media").iterdir()) == before
    assert proctor("ingest", "99", str(wrong), "x", "--data", str(data)).stderr.startswith("there is no course")
