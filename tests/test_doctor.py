"""What the doctor sees of a healthy installation, and of one with each thing broken."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest
import redis

from proctor import compose, doctor
from proctor.adapters import redis_jobs
from proctor.ports import FaceJob
from proctor.settings import Settings, load
from tests.stack import filled


@pytest.fixture
def settings(tmp_path: Path, valkey: str) -> Settings:
    shutil.copytree(filled(), tmp_path / "data")
    with redis.Redis.from_url(valkey) as client:
        client.delete(*redis_jobs.KEYS)
    return load({}, data=str(tmp_path / "data"), redis_url=valkey)


def findings(settings: Settings) -> dict[str, doctor.Finding]:
    return {one.what: one for one in asyncio.run(doctor.examine(settings))}


def test_a_healthy_installation_is_fine_in_everything(settings: Settings) -> None:
    found = findings(settings)
    assert set(found) == {"Python", "open files", "disk", "keys", "face models", "SQL", "Redis", "face jobs"}
    assert [one for one in found.values() if not one.fine] == []


def test_keys_that_others_may_read_are_named(settings: Settings) -> None:
    (settings.data_dir / "secrets" / "master.1.aes.key").chmod(0o644)
    one = findings(settings)["keys"]
    assert not one.fine and "master.1.aes.key" in one.words


def test_a_changed_audit_row_is_found(settings: Settings) -> None:
    file = settings.data_dir / "zhenxue.sqlite3"
    with sqlite3.connect(file) as db:
        db.execute(
            "INSERT INTO audit (at_ms, institution_id, account_id, action, object, detail, address, hash)"
            " VALUES (1, 1, 0, 'web:session:opened', 'account:1', '{}', '', zeroblob(32))"
        )
    db.close()
    one = findings(settings)["SQL"]
    assert not one.fine and "audit chain breaks" in one.words


def test_stores_that_do_not_answer_are_said_and_nothing_is_raised(tmp_path: Path) -> None:
    gone = load(
        {}, data=str(tmp_path / "none"), redis_url="redis://127.0.0.1:1/0",
        database_url="postgresql://nobody@127.0.0.1:1/none",
    )  # fmt: skip
    found = findings(gone)
    assert not found["SQL"].fine and not found["Redis"].fine and not found["keys"].fine
    assert not (tmp_path / "none").exists(), "looking changes nothing"


def test_bursts_that_nobody_judges_and_those_that_nobody_could_judge_are_said(settings: Settings) -> None:
    job = FaceJob(
        check_id="c-riddle", try_number=1, learner_id=1, institution_id=1, lesson_id=1, evidence_id="e", enrol=False,
        source="camera", accepted_redis_ms=0,
    )  # fmt: skip

    async def put(bury: bool) -> None:
        async with compose.jobs(settings) as jobs:
            assert await jobs.put(job)
            if bury:
                for receipt, one in await jobs.take("w", 9, 10):
                    await jobs.bury(receipt, one, "gave_up")

    asyncio.run(put(False))
    one = findings(settings)["face jobs"]
    assert not one.fine and "1 waiting" in one.words and "nobody judges them" in one.words
    asyncio.run(put(True))
    one = findings(settings)["face jobs"]
    assert not one.fine
    assert all(words in one.words for words in ("2 could not be judged", "gave_up", "c-riddle"))
