"""Learners of the bench are enrolled as the product enrols, and nearly due by the product's own rules."""

from __future__ import annotations

import time

import numpy as np
from sqlalchemy import select

from bench import world
from bench.certify import enrolled
from bench.certify.album import Album, Person
from bench.house import settings_for
from proctor import compose
from proctor.adapters.face_keys import SqlFaceKeys
from proctor.adapters.sql_faces import SqlFaces
from proctor.adapters.sql_rush import SqlRush
from proctor.core.policy import DEFAULT
from proctor.core.schedule import start_check_needed
from proctor.core.snapshot import decode_snapshot
from proctor.modules.study.tables import seats


async def test_templates_open_with_the_keys_of_their_learners(tmp_path) -> None:
    faces = [np.linspace(low, 1, 128, dtype="<f4") for low in (-1.0, 0.0)]
    album = Album("sface", [Person(face.tobytes(), []) for face in faces], {})
    settings = settings_for(tmp_path, 1_024, {})
    made = await world.fill(settings, 3, past=False)
    await enrolled.enrol(settings, made, album)
    db = SqlRush(settings.sqlalchemy_url)
    try:
        records = SqlFaces(db, SqlFaceKeys(db, compose.vault_of(settings)), blobs=None)  # type: ignore[arg-type]
        for number in range(3):
            found = await records.template(made.first + number, "sface")
            assert found is not None and np.array_equal(found, faces[number % 2])
        assert await records.template(made.first, "another model") is None
    finally:
        await db.close()


async def test_who_was_checked_a_moment_ago_begins_without_a_check_and_is_due_soon(tmp_path) -> None:
    settings = settings_for(tmp_path, 1_024, {})
    made = await world.fill(settings, 2, past=False)
    await enrolled.nearly_due(settings, made, 2_500)
    async with compose.database(settings) as db, db.read() as conn:
        rows = (await conn.execute(select(seats))).all()
    assert [row.learner_id for row in rows] == [made.first, made.first + 1]
    state = decode_snapshot(bytes(rows[1].state))
    assert not start_check_needed(DEFAULT, state, time.time_ns() // 1_000_000)
    assert state.next_check_ms - state.credited_since_check_ms == 2_500 and state.lesson_id == made.lesson_of(1)
