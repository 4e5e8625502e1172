"""Start tickets as the web hands them out. Imported by every load process: it must stay light."""

from __future__ import annotations

import hashlib
import secrets
import time

from bench.certify.orders import CrowdPlan
from proctor.gateway.tickets import StartTicket, Tickets

TICKET_MS = 60_000  # as the setting start_ticket_ms


def login_id(learner_id: int) -> str:
    """The row of this learner's sign-in: the hash of its cookie."""
    return hashlib.sha256(cookie(learner_id).encode()).hexdigest()


def cookie(learner_id: int) -> str:
    """What a browser of this learner would hold; the web looks at nothing shorter than 20 characters."""
    return f"bench-sign-in-{learner_id:012d}"


def device_id(learner_id: int, kind: str = "pc") -> str:
    return f"{kind}-{learner_id:012x}"


def mint(press: Tickets, plan: CrowdPlan, number: int) -> str:
    """A start ticket for learner `number`, signed now, as the web signs it when somebody presses play."""
    learner_id = plan.first + number
    return press.mint_start(
        StartTicket(
            learner_id=learner_id, lesson_id=plan.lessons[number % len(plan.lessons)], class_id=plan.class_id,
            institution_id=plan.institution, login_id=login_id(learner_id), account_version=1,
            device_id=device_id(learner_id, plan.device), page_id=f"{learner_id:012x}{plan.page}",
            device_kind=plan.device, host=False, jti=secrets.token_hex(12),
            expires_ms=time.time_ns() // 1_000_000 + TICKET_MS,
        )
    )  # fmt: skip
