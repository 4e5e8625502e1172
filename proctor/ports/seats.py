"""Leases (Redis decides who may play) and records (SQL decides whose writes count)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from proctor.core.facts import Fact, Spans
from proctor.core.inputs import Instruction, Licence, Snapshot, Totals
from proctor.core.policy import Policy

# Leases (Redis decides who may play).


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    device_id: str
    page_id: str
    node: str
    device_kind: str = ""  # phone, pc, webview: told to the other side


class Acquire(msgspec.Struct, frozen=True, kw_only=True):
    """`fence` is None for a start (somebody pressed play), else what a resume presents."""

    learner_id: int
    holder: Holder
    lease_ms: int
    fence: int | None = None
    first_keeps: bool = False
    force: bool = False  # take it even from a live holder (a start, after asking it to hand over)


class Acquired(msgspec.Struct, frozen=True, kw_only=True):
    """The lease is held under a fence above every earlier one that this Redis knows."""

    fence: int
    snapshot: Snapshot | None  # the stored one, whoever wrote it
    previous: Holder | None  # the live holder that lost the lease, if it was another page
    redis_ms: int


class NotAcquired(msgspec.Struct, frozen=True, kw_only=True):
    """`held`: a live other page holds it; ask it to hand over, then force. `kept`: first keeps.
    `elsewhere`: the resume's fence is old and somebody else's page studied since."""

    why: Literal["held", "kept", "elsewhere"]
    holder: Holder | None
    redis_ms: int


class LeaseSync(msgspec.Struct, frozen=True, kw_only=True):
    """Renew the lease and, where it changed, store the snapshot; both only under this exact fence."""

    learner_id: int
    fence: int
    holder: Holder
    lease_ms: int
    snapshot: bytes | None  # encoded core Snapshot; None: only renew


class Leases(Protocol):
    async def acquire(self, request: Acquire) -> Acquired | NotAcquired:
        """Atomic. A start of the same page (device and page equal) never needs to ask. An expired lease is
        free. A resume succeeds only if the stored fence is the presented one, or the holder is that page, or
        nothing is stored. Every success raises the fence by one and restarts the lease's life. Fences have
        no life time; snapshots live `snapshot_keep_ms`."""
        ...

    async def sync(self, items: Sequence[LeaseSync]) -> tuple[list[bool], int]:
        """One call per bucket; also returns Redis TIME. For each item: True if the stored fence is the item's,
        older or missing (Redis lost data): the lease is renewed, also an expired one, and the snapshot stored;
        False if a newer fence exists: nothing is written."""
        ...

    async def release(self, learner_id: int, fence: int) -> bool:
        """Give the lease up (keeping fence and snapshot) if the fence is current."""
        ...

    async def reseed(self, learner_id: int, fence: int) -> int:
        """Raise the stored fence to at least `fence`; returns the stored one. Redis had lost its data."""
        ...

    async def holder(self, learner_id: int) -> tuple[Holder, int] | None:
        """The live holder and its fence, or None."""
        ...

    async def use_ticket(self, ticket_id: str, life_ms: int) -> bool:
        """True exactly once per ticket id within its life: a start ticket is single-use."""
        ...


# Records (SQL decides whose writes count).


class OpenSeat(msgspec.Struct, frozen=True, kw_only=True):
    learner_id: int
    lesson_id: int
    fence: int
    node: str
    device_id: str
    page_id: str
    resumed: bool
    snapshot: Snapshot | None
    login_id: str  # "" for a host ticket
    account_version: int
    at_ms: int  # engine ms: labels the facts
    at_redis_ms: int  # the same moment: the institution's zone says which day it is


class SeatOpened(msgspec.Struct, frozen=True, kw_only=True):
    """The seat belongs to `fence` now. What snapshot or seat held beyond the ledger was settled as
    `credited` facts with cause `resume`; pending instructions are included in coverage and version."""

    covered: Spans
    totals: Totals
    duration_ms: int
    class_id: int
    institution_id: int
    zone: str
    policy: Policy
    licence: Licence
    day: str  # local day of the request in `zone`
    day_used_ms: int  # granted on that day
    base: Snapshot | None  # the newer of snapshot and seat state, after settling
    settled_ms: int  # newly stored by settling
    face_consent: bool
    enrolled: bool
    instruction_version: int
    provisional: Spans = ()  # the part of `covered` that is provisional
    reached_ms: int = 0  # end of the furthest span in the ledger of this lesson, of any status


class SeatRefused(msgspec.Struct, frozen=True, kw_only=True):
    """`stale`: not `fence > stored_fence` (reseed above `stored_fence`, acquire anew). Others are final:
    login_ended, account_changed, not_on_roster, no_lesson, blocked."""

    why: Literal["stale", "login_ended", "account_changed", "not_on_roster", "no_lesson", "blocked"]
    stored_fence: int = 0
    node: str = ""  # of a stale one: where the seat of the stored fence is, or was


class SeatWrite(msgspec.Struct, frozen=True, kw_only=True):
    """What one session adds: its facts in order, and the encoded seat state after them (None: unchanged)."""

    learner_id: int
    lesson_id: int
    fence: int
    first: int  # number of the first fact: a session counts what it writes under its fence, from 0
    facts: tuple[Fact, ...]
    state: bytes | None
    at_ms: int = 0  # of the state
    position_ms: int | None = None  # where the learner is in the lesson; None: as before


class SeatWritten(msgspec.Struct, frozen=True, kw_only=True):
    """`matched`: the fence was current and everything of this item was stored; else nothing of it was."""

    matched: bool
    instruction_version: int


class Records(Protocol):
    async def open_seats(self, requests: Sequence[OpenSeat]) -> list[SeatOpened | SeatRefused]:
        """One transaction; each request strictly `fence > seats.fence` or refused: a retry needs a new fence."""
        ...

    async def write(self, items: Sequence[SeatWrite]) -> list[SeatWritten]:
        """One transaction: seats first (`WHERE fence = :fence`, key order), then facts, ledger, checks, cases
        and rollups of the matched ones. All or nothing. Items of one learner keep their order. What is
        stored already adds nothing: facts by their numbers (an answer was lost), stretches by theirs."""
        ...

    async def instructions(self, learner_id: int, after_version: int) -> list[Instruction]:
        """Instructions above that version, ascending."""
        ...

    async def coverage(self, learner_id: int, lesson_id: int) -> tuple[Spans, Spans, Totals]:
        """Covered spans, the provisional part of them, and totals of the ledger now."""
        ...
