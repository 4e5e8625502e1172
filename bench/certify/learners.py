"""The learners of a certification: rows of every table that a start reads."""

from __future__ import annotations

import time

from sqlalchemy import insert

from bench import world
from bench.certify.press import device_id, login_id
from bench.world import World
from proctor import compose
from proctor.modules.accounts.tables import login_sessions
from proctor.settings import Settings

LOGIN_MS = 12 * 3_600_000


async def fill(settings: Settings, count: int) -> World:
    """Learners with consent, face enrolment, a class and a sign-in of their own each."""
    made = await world.fill(settings, count, past=False)
    now_ms = time.time_ns() // 1_000_000
    async with compose.database(settings) as db:
        for start in range(0, count, world.ROWS):
            ids = range(made.first + start, made.first + min(count, start + world.ROWS))
            async with db.write() as conn:
                await conn.execute(insert(login_sessions), [
                    {"id": login_id(one), "account_id": one, "account_version": 1, "device_id": device_id(one),
                     "device_kind": "pc", "csrf": "bench", "created_ms": now_ms, "seen_ms": now_ms,
                     "expires_ms": now_ms + LOGIN_MS}
                    for one in ids
                ])  # fmt: skip
    return made
