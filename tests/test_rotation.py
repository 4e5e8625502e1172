"""A new master key while others read and write: all stays readable, and at the end nothing needs the old one."""

from __future__ import annotations

import asyncio
import secrets
import sys
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import insert, select

from proctor import rotation
from proctor.adapters.face_keys import SqlFaceKeys
from proctor.adapters.keyring import version_of
from proctor.adapters.secrets import WRAPPED, KeyStore, load_secrets
from proctor.errors import Refused, Unavailable
from proctor.modules.accounts.tables import accounts
from proctor.modules.privacy.tables import guardians
from tests.contract.conftest import db
from tests.world import NOW_MS, build

__all__ = ["db"]


@pytest.fixture(params=["sqlite", "postgresql"])
def sql_url(request, tmp_path: Path) -> str:
    """A database of its own: what other tests sealed with other keys would not open."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'db.sqlite3'}"
    server, name = request.getfixturevalue("postgres"), f"rotation_{secrets.token_hex(4)}"

    async def make() -> None:
        connection = await asyncpg.connect(server.replace("+asyncpg", ""))
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(make())
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_every_sealed_column_is_known_to_the_rotation() -> None:
    """A column that is forgotten here would be unreadable once the old key is destroyed."""
    known = {(table.name, name) for table, name, _field in rotation.FIELDS} | set(rotation.UNDER_FACE_KEYS)
    assert rotation.sealed_columns() == known


async def test_a_rotation_leaves_nothing_under_the_old_key_and_nobody_waits(db, folder: Path, monkeypatch) -> None:
    keys = await asyncio.to_thread(load_secrets, folder)
    running = (await asyncio.to_thread(load_secrets, folder)).vault  # another process
    monkeypatch.setattr("tests.world.vault", lambda: keys.vault)
    world = await build(db)
    face = (await SqlFaceKeys(db, running).sealing(learner_id=world.learner, kind="burst")).seal(b"a face", "f")
    async with db.write() as conn:
        await conn.execute(
            insert(guardians).values(
                institution_id=world.institution, learner_id=world.learner, relation="mother", notice_version="1",
                name_sealed=keys.vault.seal("监护人", field="guardian.name"), notice_sha256="0" * 64, asked_ms=NOW_MS,
                phone_sealed=keys.vault.seal("1", field="guardian.phone"), phone_index=b"1" * 32,
                province_sha256="0" * 64,
            )
        )  # fmt: skip
    store = await asyncio.to_thread(KeyStore, folder)
    others = (await rotation.counts(db))[1]
    assert others == 7, "four names, two of the guardian, one key"
    work = rotation.rotate(db, store, keys.vault, cipher="sm4", notice_s=0.05)
    rotating = asyncio.create_task(work)
    while not rotating.done():
        async with db.read() as conn:
            row = (await conn.execute(select(accounts.c.name_sealed).where(accounts.c.id == world.learner))).one()
        assert running.open(bytes(row.name_sealed), field="account.name") == "测试0"
        await asyncio.sleep(0.01)
    done = await rotating
    assert (done.version, done.cipher) == (2, "sm4") and done.resealed == others
    assert await rotation.counts(db) == {2: others}
    await rotation.forget(db, store, 1)
    fresh = (await asyncio.to_thread(load_secrets, folder)).vault
    assert (await SqlFaceKeys(db, fresh).opening(face)).open(face, "f") == b"a face", "pictures need no sealing anew"
    async with db.read() as conn:
        row = (await conn.execute(select(guardians).where(guardians.c.learner_id == world.learner))).one()
    assert fresh.open(bytes(row.name_sealed), field="guardian.name") == "监护人"
    assert fresh.index("x", field="f") == keys.vault.index("x", field="f"), "look-ups go on finding"


async def test_an_old_key_is_not_destroyed_while_anything_needs_it(db, folder: Path, monkeypatch) -> None:
    keys = await asyncio.to_thread(load_secrets, folder)
    monkeypatch.setattr("tests.world.vault", lambda: keys.vault)
    await build(db)
    store = await asyncio.to_thread(KeyStore, folder)
    for version, why in ((1, "key_in_use"), (9, "no_such_key")):
        with pytest.raises(Refused, match=why):
            await rotation.forget(db, store, version)
    await asyncio.to_thread(store.make_master, 2, "aes", "next")
    with pytest.raises(Refused, match="key_in_use"):
        await rotation.forget(db, store, 2)
    await asyncio.to_thread(store.use, 2)
    with pytest.raises(Refused, match="key_needed"):
        await rotation.forget(db, store, 1)
    assert sorted(await asyncio.to_thread(store.versions)) == [1, 2]


async def test_a_rotation_that_died_between_making_and_using_goes_on_with_the_same_key(db, folder: Path) -> None:
    keys = await asyncio.to_thread(load_secrets, folder)
    store = await asyncio.to_thread(KeyStore, folder)
    await asyncio.to_thread(store.make_master, 2, "aes", "next")
    waiting = await asyncio.to_thread(store.key, "master.2.aes.next")
    done = await rotation.rotate(db, store, keys.vault, cipher="aes", notice_s=0)
    assert done.version == 2 and await asyncio.to_thread(store.key, "master.2.aes.key") == waiting
    assert len(await asyncio.to_thread(store.versions)) == 2


KMS = """
import sys
data = sys.stdin.buffer.read()
if sys.argv[1] == "wrap":
    sys.stdout.buffer.write(b"wrapped:" + bytes(b ^ 0x5A for b in data))
else:
    assert data.startswith(b"wrapped:")
    sys.stdout.buffer.write(bytes(b ^ 0x5A for b in data[8:]))
"""


def test_with_a_kms_no_key_lies_on_the_disk_in_clear(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "kms.py").write_text(KMS)
    command = f"{sys.executable} {tmp_path / 'kms.py'}"
    plain = load_secrets(folder)
    sealed = plain.vault.seal("王", field="account.name")
    with pytest.raises(AssertionError, match="keys protect"):
        load_secrets(folder, kms=command)
    assert len(KeyStore(folder, kms=command).protect()) == 4
    again = load_secrets(folder, kms=command)
    assert again.vault.open(sealed, field="account.name") == "王" and again.ticket == plain.ticket
    for path in (folder / "secrets").iterdir():
        assert path.read_bytes().startswith(WRAPPED) and plain.ticket not in path.read_bytes(), path.name
    fresh = load_secrets(tmp_path / "other", kms=command)
    assert len(fresh.sign) == 32, "an installation that begins with a KMS never has one in clear"
    for broken in ("", f"{sys.executable} -c exit(3)", "no-such-command"):
        with pytest.raises(Unavailable, match="kms"):
            load_secrets(folder, kms=broken)


def test_keys_of_before_versions_are_taken_over(folder: Path) -> None:
    secret = folder / "secrets"
    secret.mkdir(parents=True)
    (secret / "field.key").write_bytes(b"k" * 32)
    vault = load_secrets(folder).vault
    old = bytes.fromhex("01") + bytes(12)
    assert version_of(vault.seal("x", field="f")) == version_of(old)
    assert not (secret / "field.key").exists() and (secret / "master.1.aes.key").read_bytes() == b"k" * 32
