"""The learners of a certification: rows of every table that a start reads, and the tickets the web would hand out."""

from __future__ import annotations

import hashlib
import secrets
import time

from sqlalchemy import insert

from bench import world
from bench.certify.orders import CrowdPlan
from bench.world import World
from proctor import compose
from proctor.gateway.tickets import StartTicket, Tickets
from proctor.modules.accounts.tables import login_sessions
from proctor.settings import Settings

TICKET_MS = 60_000  # as the setting start_ticket_ms
LOGIN_MS = 12 * 3_600_000


def login_id(learner_id: int) -> str:
    """The row of this learner's sign-in."""
    return hashlib.sha256(b"bench sign-in %d" % learner_id).hexdigest()


def device_id(learner_id: int) -> str:
    return f"{learner_id:016x}"


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


def mint(press: Tickets, plan: CrowdPlan, number: int, device: str = "") -> str:
    """A start ticket for learner `number`, signed now, as the web signs it when somebody presses play."""
    learner_id = plan.first + number
    return press.mint_start(
        StartTicket(
            learner_id=learner_id, lesson_id=plan.lessons[number % len(plan.lessons)], class_id=plan.class_id,
            institution_id=plan.institution, login_id=login_id(learner_id), account_version=1,
            device_id=device or device_id(learner_id), page_id=f"{learner_id:012x}{plan.page}", device_kind="pc",
            host=False, jti=secrets.token_hex(12), expires_ms=time.time_ns() // 1_000_000 + TICKET_MS,
        )
    )  # fmt: skip
