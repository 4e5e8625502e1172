"""Checks across processes: gateway issues, web accepts the upload, worker judges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from proctor.core.facts import CheckWay
from proctor.core.inputs import Verdict


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
    way: CheckWay = CheckWay.ROUTINE
    actions: tuple[str, ...] = ()  # asked of this burst, in order (`core.actions`)


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """`fresh` is False for the same bytes again: answer as before, queue nothing."""

    fresh: bool
    redis_ms: int
    open_ms: int = 0  # of a fresh one: how long ago this try was first opened


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


class Shot(msgspec.Struct, frozen=True, array_like=True):
    """What the page says of one frame; it can only speak against itself."""

    at_ms: int  # since the burst began, by the page's clock
    action: int = -1  # index into `actions`; -1: looking straight at the camera


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
    way: CheckWay = CheckWay.ROUTINE
    actions: tuple[str, ...] = ()
    shots: tuple[Shot, ...] = ()  # one a frame, in the order of the frames
    hints: tuple[str, ...] = ()  # what the page says of its camera, which speaks against itself
    open_ms: int = 0  # from the moment when this try was first opened until the acceptance; 0: not known
    deliveries: int = 1
    waited_ms: int = 0  # from the acceptance until it was taken, by Redis TIME; stored as 0


class DeadJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that no worker could judge. `job` is None when it could not even be read."""

    why: str
    at_redis_ms: int
    job: FaceJob | None


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """How the queue stands, and what its workers can do."""

    waiting: int  # in nobody's hands
    judging: int  # in a worker's hands
    oldest_ms: int  # how long the one that came first has been waiting
    institutions: int  # that have some waiting
    dead: int
    queued: int  # ever since the store began
    per_second: float  # queued, lately
    workers: int  # that asked for work lately
    burst_ms: float  # what one burst takes one of them; 0 while nobody knows
    nodes: int  # gateways that asked lately
    due: int  # checks that wait with those gateways for their turn

    @property
    def all(self) -> int:
        return self.waiting + self.judging


class Jobs(Protocol):
    """A bounded queue with one consumer group: at least once, each institution in its turn."""

    async def put(self, job: FaceJob) -> bool:
        """False when nothing was queued: `jobs_max` are there already, or so many of this institution wait that it
        would leave the others less room than it takes itself."""
        ...

    async def take(self, worker: str, count: int, wait_ms: int, burst_ms: float = 0.0) -> list[tuple[str, FaceJob]]:
        """Up to `count` jobs with their receipts: first those that a worker left over for 5 s, then of each
        institution with waiting jobs its oldest, and so on. `burst_ms`: what a burst takes this worker."""
        ...

    async def done(self, receipts: Sequence[str]) -> None:
        """These are finished; they are gone."""
        ...

    async def bury(self, receipt: str, job: FaceJob, why: str) -> None:
        """Finished without a judgement, and kept for people: the newest thousand, for a week."""
        ...

    async def dead(self, count: int) -> list[DeadJob]:
        """The newest first."""
        ...

    async def backlog(self, node: str = "", due: int = 0) -> Backlog:
        """`node`: a gateway with `due` checks that wait for their turn; known to the others for 5 s."""
        ...
