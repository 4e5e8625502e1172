"""What the running half needs from outside. Each comment is an obligation that the contract tests check.

Every adapter exists twice: for real (Valkey/Redis, SQL, files) and in memory (`adapters.memory`, faithful).
Methods raise `errors.Unavailable` when the outside does not answer; nothing is then half-done from the
caller's point of view: calling again is safe. Times named `redis_ms` are Redis TIME in milliseconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

import msgspec

from proctor.core.facts import Fact, Spans
from proctor.core.inputs import Instruction, Licence, Snapshot, Totals, Verdict
from proctor.core.policy import Policy


class Clock(Protocol):
    """Engine time: monotonic milliseconds, anchored once per process so that they read like Redis TIME.

    Rules only ever see engine time; it never steps. Whatever leaves the process is converted.
    """

    def now_ms(self) -> int: ...

    def redis_ms(self, engine_ms: int) -> int:
        """Redis TIME at that engine time, by the offset last observed."""
        ...

    def engine_ms(self, redis_ms: int) -> int:
        """The inverse of `redis_ms`."""
        ...

    def observe(self, redis_ms: int) -> None:
        """An adapter saw this Redis TIME just now."""
        ...

    def day(self, engine_ms: int, zone: str) -> tuple[str, int]:
        """Local day `YYYY-MM-DD` in `zone`, and the engine time at which it ends."""
        ...


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


# Checks across processes: gateway issues, web accepts the upload, worker judges.


class CheckTicket(msgspec.Struct, frozen=True, kw_only=True):
    """What an upload ticket is bound to (not to a fence: a reconnect keeps it, a takeover cancels)."""

    check_id: str
    try_number: int
    learner_id: int
    institution_id: int
    lesson_id: int
    device_id: str
    page_id: str
    nonce: str
    expires_redis_ms: int
    enrol: bool = False


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """`fresh` is False for the same bytes again: answer as before, queue nothing."""

    fresh: bool
    redis_ms: int


class NotAccepted(msgspec.Struct, frozen=True, kw_only=True):
    why: Literal["cancelled", "closed", "late", "other_bytes", "unknown", "judged"]
    redis_ms: int


class Checks(Protocol):
    async def open(self, ticket: CheckTicket, left_ms: int, node: str) -> int:
        """The burst `try_number` of this check may be uploaded for `left_ms` from now; returns Redis TIME.
        Opening again moves the deadline and the node (a reconnect) and keeps what was accepted."""
        ...

    async def cancel(self, check_id: str) -> None:
        """Nothing of this check is accepted any more; kept long enough to answer 409."""
        ...

    async def accept(self, ticket: CheckTicket, digest: str) -> Accepted | NotAccepted:
        """Atomic, by Redis TIME: the first upload in time of an open burst is accepted; the same digest again
        is `fresh=False` until there is a verdict; other bytes are refused."""
        ...

    async def accepted(self, check_id: str, try_number: int) -> int:
        """Redis TIME of the acceptance, or 0."""
        ...

    async def judge(self, verdict: Verdict) -> None:
        """Store a verdict (kept one hour) and push it to the node of the check. Idempotent: the first stays."""
        ...

    async def verdict(self, check_id: str, try_number: int) -> Verdict | None: ...


class FaceJob(msgspec.Struct, frozen=True, kw_only=True):
    """A burst to judge: a reference to encrypted evidence, never pictures."""

    check_id: str
    try_number: int
    learner_id: int
    institution_id: int
    lesson_id: int
    evidence_id: str
    enrol: bool
    source: str  # camera or file
    accepted_redis_ms: int
    deliveries: int = 1


class Jobs(Protocol):
    """A bounded stream with one consumer group; at-least-once."""

    async def put(self, job: FaceJob) -> bool:
        """False when `jobs_max` wait already: nothing was queued."""
        ...

    async def take(self, worker: str, count: int, wait_ms: int) -> list[tuple[str, FaceJob]]:
        """Up to `count` jobs with their receipts; also those that a dead worker left over for 5 s."""
        ...

    async def done(self, receipts: Sequence[str]) -> None:
        """These are finished; they leave the stream."""
        ...

    async def waiting(self) -> int: ...


# Inbox of a node: verdicts, handovers, instructions. Lossy by contract: whatever matters is found otherwise.


class HandoverAsked(msgspec.Struct, frozen=True, kw_only=True, tag="handover"):
    learner_id: int
    page_id: str  # of who asks: it does not hand over to itself when the word comes late
    device_kind: str
    fence: int = 0  # of the seat that is asked, where SQL named it: it may be the same page's; 0: another page's


class VerdictReady(msgspec.Struct, frozen=True, kw_only=True, tag="verdict"):
    learner_id: int
    verdict: Verdict


class UploadAccepted(msgspec.Struct, frozen=True, kw_only=True, tag="accepted"):
    learner_id: int
    check_id: str
    try_number: int
    redis_ms: int


class InstructionReady(msgspec.Struct, frozen=True, kw_only=True, tag="instruction"):
    learner_id: int
    instruction: Instruction


class LeaseTaken(msgspec.Struct, frozen=True, kw_only=True, tag="taken"):
    learner_id: int
    fence: int  # of whoever has the lease now
    device_kind: str
    redis_ms: int


Message = HandoverAsked | VerdictReady | UploadAccepted | InstructionReady | LeaseTaken


class Inbox(Protocol):
    async def send(self, node: str, message: Message) -> None:
        """Push; raises nothing when nobody listens."""
        ...

    async def send_to_learner(self, learner_id: int, message: Message) -> None:
        """Push to the node that holds this learner's lease, if any."""
        ...

    def messages(self, node: str) -> AsyncIterator[Message]:
        """What is sent to `node` from now on; survives a lost connection by subscribing again."""
        ...


class Evidence(Protocol):
    """Encrypted blobs outside SQL. An id is never reused; ids name no person."""

    async def put(self, data: bytes, *, kind: str, institution_id: int, learner_id: int) -> str: ...

    async def get(self, evidence_id: str) -> bytes:
        """The plain bytes. Raises errors.Refused("evidence_gone") when deleted or unknown."""
        ...

    async def delete(self, evidence_id: str) -> None:
        """Irreversible; deleting again is no error."""
        ...


class Vault(Protocol):
    """Field encryption and blind indexes for personal data (AES-256-GCM, HMAC-SHA-256; versioned key ids)."""

    def seal(self, plain: str, *, field: str) -> bytes: ...
    def open(self, sealed: bytes, *, field: str) -> str: ...
    def seal_bytes(self, plain: bytes, *, field: str) -> bytes: ...
    def open_bytes(self, sealed: bytes, *, field: str) -> bytes: ...

    def index(self, plain: str, *, field: str) -> bytes:
        """Equal plain text of one field gives equal 32 bytes; nothing else is learnt from it."""
        ...


class Nodes(Protocol):
    """Which processes run: the web sums their health and metrics."""

    async def beat(self, name: str, kind: str, admin_port: int, pid: int) -> None:
        """Say that this process lives; forgotten after 10 s."""
        ...

    async def all(self) -> list[dict[str, Any]]: ...


class Database(Protocol):
    """The one way to SQL for the record half: a SQLAlchemy AsyncConnection in a transaction, which commits at a
    normal end and rolls back on any exception. `write` on SQLite is BEGIN IMMEDIATE."""

    def read(self) -> AbstractAsyncContextManager[Any]: ...

    def write(self) -> AbstractAsyncContextManager[Any]: ...
