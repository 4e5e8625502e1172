"""Learners whose faces are known: a template each, stored as the product stores it, under a key of its own."""

from __future__ import annotations

import secrets
import time

from sqlalchemy import bindparam, insert, update

from bench import world
from bench.certify.album import Album
from bench.certify.press import device_id
from bench.world import World
from proctor import compose
from proctor.adapters.face_keys import ID_BYTES, FaceKey, field_of
from proctor.adapters.keyring import KEY_BYTES
from proctor.adapters.sql_faces import FIELD
from proctor.core.inputs import Snapshot
from proctor.core.snapshot import encode_snapshot
from proctor.modules.privacy.tables import enrolments, face_keys
from proctor.modules.study.tables import seats
from proctor.settings import Settings

KIND = "enrolment"


async def enrol(settings: Settings, made: World, album: Album) -> None:
    """Learner n of the world has the face of person n of the album, in turns."""
    now_ms = time.time_ns() // 1_000_000
    vault = compose.vault_of(settings)
    mine = update(enrolments).where(enrolments.c.learner_id == bindparam("learner"))
    async with compose.database(settings) as db:
        for start in range(0, made.count, world.ROWS):
            keys, templates = [], []
            for number in range(start, min(made.count, start + world.ROWS)):
                key_id, data = secrets.token_hex(ID_BYTES), secrets.token_bytes(KEY_BYTES)
                sealed = vault.seal_bytes(data, field=field_of(key_id))
                learner_id = made.first + number
                keys.append({
                    "id": key_id, "learner_id": learner_id, "kind": KIND, "key_sealed": sealed, "created_ms": now_ms,
                })  # fmt: skip
                key = FaceKey(key_id, vault.ring.cipher, data)
                template = key.seal(album.person(number).template, FIELD)
                templates.append({"learner": learner_id, "sealed": template})
            async with db.write() as conn:
                await conn.execute(insert(face_keys), keys)
                await conn.execute(mine.values(template_sealed=bindparam("sealed"), model=album.model), templates)


async def nearly_due(settings: Settings, made: World, left_ms: int) -> None:
    """Everybody left a moment ago, checked and passed, and is due for the next check after so much more credit.

    The next lesson then begins without a start check, by the default rules: a pass in the last minutes serves as one.
    """
    now_ms = time.time_ns() // 1_000_000
    rows = []
    for number in range(made.count):
        learner_id, lesson_id = made.first + number, made.lesson_of(number)
        state = Snapshot(
            learner_id=learner_id, lesson_id=lesson_id, fence=1, seq=1, at_redis_ms=now_ms, position_ms=0,
            playing=False, day="", day_used_ms=0, slack_ms=0, stretch=0, open_spans=(), open_from_redis_ms=0,
            check_number=1, decided_number=1, decided_passed=True, decided_redis_ms=now_ms, checks_decided=1,
            credited_since_check_ms=world.LESSON_MS, next_check_ms=world.LESSON_MS + left_ms,
        )  # fmt: skip
        rows.append({
            "learner_id": learner_id, "fence": 0, "node": "", "device_id": device_id(learner_id), "page_id": "",
            "lesson_id": lesson_id, "state": encode_snapshot(state), "updated_ms": now_ms,
        })  # fmt: skip
    async with compose.database(settings) as db:
        for start in range(0, len(rows), world.ROWS):
            async with db.write() as conn:
                await conn.execute(insert(seats), rows[start : start + world.ROWS])
