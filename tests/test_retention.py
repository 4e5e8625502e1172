"""The deletion timer over real files and a real register: what is due is gone from both."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from proctor import retention
from proctor.adapters import migrations  # noqa: F401 - loading it reads files: before any loop runs
from proctor.adapters.evidence_files import FileEvidence
from proctor.adapters.memory import MemoryFaceKeys
from proctor.adapters.signer import Ed25519Signer
from proctor.adapters.sql_database import SqlDatabase
from proctor.errors import Refused, Unavailable
from proctor.modules.accounts.tables import accounts
from proctor.modules.privacy import service as privacy
from proctor.modules.privacy.clocks import DAY_MS, Times
from proctor.modules.privacy.tables import erasures, evidence
from proctor.retention import Sweeper
from tests.world import NOW_MS, build, vault


@pytest.fixture
def db(tmp_path: Path) -> SqlDatabase:
    return SqlDatabase(f"sqlite+aiosqlite:///{tmp_path / 'db.sqlite3'}")


def sweeper_of(db: SqlDatabase, files: FileEvidence) -> Sweeper:
    times = Times(keep_ms=3_600_000, case_ms=730 * DAY_MS, trace_ms=180 * DAY_MS)
    return Sweeper(db, files, vault(), Ed25519Signer(b"s" * 32), times)


async def test_a_sweep_deletes_what_is_due_and_nothing_else(db: SqlDatabase, tmp_path: Path) -> None:
    await db.migrate()
    world = await build(db)
    files = FileEvidence(tmp_path / "evidence", MemoryFaceKeys())
    ids = [await files.put(b"face", kind="burst", institution_id=1, learner_id=world.learner) for _n in range(3)]
    async with db.write() as conn:
        for number, one in enumerate(ids):
            await privacy.register_evidence(
                conn, evidence_id=one, institution_id=world.institution, learner_id=world.learner, kind="burst",
                check_id="c", sha256="0" * 64, now_ms=NOW_MS, delete_after_ms=NOW_MS + 1_000 * number,
            )  # fmt: skip
        await conn.execute(update(evidence).where(evidence.c.id == ids[1]).values(held=True))
    sweeper = sweeper_of(db, files)
    assert await sweeper.sweep(NOW_MS + 1_000) == 1
    with pytest.raises(Refused, match="evidence_gone"):
        await files.get(ids[0])
    assert [await files.get(one) for one in ids[1:]] == [b"face"] * 2
    assert await sweeper_of(db, files).sweep(NOW_MS + 2_000) == 1
    assert await sweeper_of(db, files).sweep(NOW_MS + 731 * 86_400_000) == 1
    async with db.read() as conn:
        left = select(evidence.c.id).where(evidence.c.deleted_ms.is_(None))
        assert (await conn.execute(left)).all() == []
    assert [path for path in (tmp_path / "evidence").rglob("*") if path.is_file()] == []
    await db.close()


async def due_picture(db: SqlDatabase, tmp_path: Path) -> tuple[FileEvidence, str]:
    """One picture whose time is over at NOW_MS: its store and its id."""
    await db.migrate()
    world = await build(db)
    files = FileEvidence(tmp_path / "evidence", MemoryFaceKeys())
    one = await files.put(b"face", kind="burst", institution_id=1, learner_id=world.learner)
    async with db.write() as conn:
        await privacy.register_evidence(
            conn, evidence_id=one, institution_id=world.institution, learner_id=world.learner, kind="burst",
            check_id="c", sha256="0" * 64, now_ms=NOW_MS, delete_after_ms=NOW_MS,
        )  # fmt: skip
    return files, one


async def test_a_picture_that_cannot_be_deleted_stays_in_the_register(db: SqlDatabase, tmp_path: Path) -> None:
    """The blob goes first: a register that forgot a picture would keep it for ever."""
    files, one = await due_picture(db, tmp_path)
    path = files._path(one)
    path.unlink()
    path.mkdir()  # a disk that refuses
    with pytest.raises(Unavailable, match="evidence"):
        await sweeper_of(db, files).sweep(NOW_MS)
    path.rmdir()
    assert await sweeper_of(db, files).sweep(NOW_MS) == 1
    await db.close()


async def test_one_picture_that_cannot_be_deleted_keeps_no_other(db: SqlDatabase, tmp_path: Path) -> None:
    files, bad = await due_picture(db, tmp_path)
    world = await build(db)
    good = await files.put(b"face", kind="burst", institution_id=1, learner_id=world.learner)
    async with db.write() as conn:
        await privacy.register_evidence(
            conn, evidence_id=good, institution_id=world.institution, learner_id=world.learner, kind="burst",
            check_id="c", sha256="0" * 64, now_ms=NOW_MS, delete_after_ms=NOW_MS + 1,
        )  # fmt: skip
    path = files._path(bad)
    path.unlink()
    path.mkdir()
    with pytest.raises(Unavailable, match="evidence"):
        await sweeper_of(db, files).sweep(NOW_MS + 1)
    with pytest.raises(Refused, match="evidence_gone"):
        await files.get(good)
    async with db.read() as conn:
        left = select(evidence.c.id).where(evidence.c.deleted_ms.is_(None))
        assert (await conn.execute(left)).scalars().all() == [bad]
    path.rmdir()
    await db.close()


async def test_one_bad_row_ends_no_deletion(db: SqlDatabase, tmp_path: Path, monkeypatch) -> None:
    """What a damaged row raised ended the timer, and until a restart nothing was deleted any more."""
    files, one = await due_picture(db, tmp_path)
    monkeypatch.setattr(retention, "EVERY_S", 0.01)
    asked, deleted = [], asyncio.Event()

    async def damaged(*_args: object) -> list:
        asked.append(1)
        raise AssertionError("altered")

    monkeypatch.setattr(retention.retaining, "ended_enrolments", damaged)
    monkeypatch.setattr(retention.erasing, "left_over", damaged)
    real = files.delete

    async def delete(evidence_id: str) -> None:
        await real(evidence_id)
        deleted.set()

    files.delete = delete  # type: ignore[method-assign]
    stop = asyncio.Event()
    task = asyncio.create_task(sweeper_of(db, files).run(stop))
    await asyncio.wait_for(deleted.wait(), 5)
    while len(asked) < 4:
        await asyncio.sleep(0.01)
        assert not task.done()
    stop.set()
    await asyncio.wait_for(task, 2)
    with pytest.raises(Refused, match="evidence_gone"):
        await files.get(one)
    await db.close()


async def test_one_certificate_that_cannot_be_made_keeps_no_other(db: SqlDatabase, tmp_path: Path) -> None:
    files, _one = await due_picture(db, tmp_path)
    world = await build(db)
    async with db.write() as conn:
        for learner in (world.learner, world.other_learner):
            await conn.execute(
                insert(erasures).values(
                    institution_id=world.institution, learner_id=learner, why="withdrawn", asked_by=learner,
                    asked_ms=NOW_MS,
                )
            )  # fmt: skip
        damaged = update(accounts).where(accounts.c.id == world.learner)
        await conn.execute(damaged.values(name_sealed=b"damaged"))
    with pytest.raises(AssertionError):
        await sweeper_of(db, files).sweep(NOW_MS)
    async with db.read() as conn:
        made = select(erasures.c.learner_id).where(erasures.c.done_ms.is_not(None))
        assert (await conn.execute(made)).scalars().all() == [world.other_learner]
    await db.close()


async def test_the_loop_sweeps_at_once_and_ends_when_asked(db: SqlDatabase, tmp_path: Path) -> None:
    await db.migrate()
    stop = asyncio.Event()
    files = FileEvidence(tmp_path / "evidence", MemoryFaceKeys())
    task = asyncio.create_task(sweeper_of(db, files).run(stop))
    await asyncio.sleep(0.05)
    stop.set()
    await asyncio.wait_for(task, 2)
    await db.close()


async def test_a_case_that_claims_a_picture_during_a_sweep_waits_for_its_end(db: SqlDatabase, tmp_path: Path) -> None:
    """It marked a picture as held after the sweep had read it as due: the case held a picture that was gone."""
    files, one = await due_picture(db, tmp_path)
    deleting, real = asyncio.Event(), files.delete
    claimed: list[int] = []

    async def claim() -> None:
        await deleting.wait()
        async with db.write() as conn:
            mine = update(evidence).where(evidence.c.id == one, evidence.c.deleted_ms.is_(None)).values(held=True)
            claimed.append((await conn.execute(mine)).rowcount)

    async def slow(evidence_id: str) -> None:
        deleting.set()
        await asyncio.sleep(0.1)
        await real(evidence_id)

    files.delete = slow  # type: ignore[method-assign]
    await asyncio.gather(sweeper_of(db, files).sweep(NOW_MS + 1), claim())
    assert claimed == [0]
    await db.close()
