"""One connected learner: the session, the socket, and the little that the running half remembers of them."""

from __future__ import annotations

import secrets
from typing import Protocol

import msgspec

from proctor.core.inputs import Draw
from proctor.core.person import FAR_MS
from proctor.core.session import Session
from proctor.core.wire import ServerFrame
from proctor.ports import Holder

FIRST_BEAT_MS_MIN = 1_000


class Link(Protocol):
    """The socket as the running half sees it. Neither method waits or raises."""

    @property
    def gone(self) -> bool:
        """Nobody is at the other end any more, as far as this process knows; or we have closed it."""
        ...

    def send(self, frame: ServerFrame) -> None: ...

    def close(self, code: int, reason: str = "") -> None: ...


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Who and what a verified ticket or token names. `ticket_id` is "" for a resume."""

    learner_id: int
    lesson_id: int
    class_id: int
    institution_id: int
    login_id: str
    account_version: int
    device_id: str
    page_id: str
    device_kind: str
    host: bool
    lease_ms: int
    first_keeps: bool
    ticket_id: str = ""
    ticket_left_ms: int = 0

    def same_page(self, other: Claim | Holder) -> bool:
        return (self.device_id, self.page_id) == (other.device_id, other.page_id)


class Learner:
    """A welcomed session with its link. Times are engine milliseconds."""

    __slots__ = (
        "claim", "link", "session", "zone", "holder", "heard_ms", "renewed_ms", "state_ms", "offered", "trouble",
        "resolving", "handover_ms", "handover_kind", "enrolled_now", "over", "alarm_ms",
        "fresh", "stored_facts",
    )  # fmt: skip

    def __init__(self, claim: Claim, link: Link, session: Session, zone: str, node: str, now_ms: int) -> None:
        self.claim = claim
        self.link = link
        self.session = session
        self.zone = zone
        self.holder = Holder(
            device_id=claim.device_id, page_id=claim.page_id, node=node, device_kind=claim.device_kind
        )
        self.heard_ms = now_ms
        self.renewed_ms = now_ms
        self.state_ms = now_ms
        self.offered = ("", 0)  # check id and try that the player was asked for
        self.trouble = False  # something of ours failed while a check was pending
        self.resolving = False
        self.handover_ms = 0  # when the seat is given up with or without a last beat; 0: nobody asked
        self.handover_kind = ""
        self.enrolled_now = False
        self.stored_facts = 0  # how many of this session's facts were stored, or refused for good
        self.fresh: bytes | None = None  # the encoded snapshot, until the session is given something
        self.alarm_ms = FAR_MS  # see `alarms`
        self.over = False  # left or lost: nothing more happens here


def draw() -> Draw:
    """Fresh dice: ids and nonces that nobody can guess."""
    return Draw(secrets.token_hex(12), secrets.token_hex(8), secrets.randbits(32))


def first_beat_ms(beat_ms: int) -> int:
    """Only the start phase is jittered: after a storm the beats of many learners stay spread."""
    low = min(FIRST_BEAT_MS_MIN, beat_ms)
    return low + secrets.randbelow(max(1, beat_ms - low))


def seed() -> int:
    return secrets.randbits(63)
