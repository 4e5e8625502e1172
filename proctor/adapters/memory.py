"""Every port in memory, faithful: for tests, simulations, and to say exactly what a port means.

`Records` and `Jobs` have modules of their own, `memory_records` and `memory_jobs`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Literal

import msgspec

from proctor.adapters.clock import local_day
from proctor.adapters.face_keys import FaceKey, key_id_of
from proctor.core.inputs import Verdict
from proctor.core.lease import Granted, Holding, LeaseTable
from proctor.errors import Refused
from proctor.ports import (
    Accepted,
    Acquire,
    Acquired,
    CheckTicket,
    Holder,
    Inbox,
    Leases,
    LeaseSync,
    Message,
    NotAccepted,
    NotAcquired,
    UploadAccepted,
    VerdictReady,
)  # fmt: skip

CHECK_KEEP_MS = 3_600_000
Why = Literal["cancelled", "closed", "late", "other_bytes", "unknown", "judged"]


class ManualClock:
    """`ports.Clock` that moves only when a test says so."""

    def __init__(self, now_ms: int = 1_790_000_000_000) -> None:
        self._now_ms = now_ms
        self.offset_ms = 0

    def advance(self, ms: int) -> None:
        assert ms >= 0, "engine time never goes back"
        self._now_ms += ms

    def now_ms(self) -> int:
        return self._now_ms

    def redis_ms(self, engine_ms: int) -> int:
        return engine_ms + self.offset_ms

    def engine_ms(self, redis_ms: int) -> int:
        return redis_ms - self.offset_ms

    def observe(self, redis_ms: int) -> None:
        self.offset_ms = redis_ms - self._now_ms

    def day(self, engine_ms: int, zone: str) -> tuple[str, int]:
        day, end_ms = local_day(self.redis_ms(engine_ms), zone)
        return day, self.engine_ms(end_ms)


def _holding(holder: Holder) -> Holding:
    return Holding(
        device_id=holder.device_id, page_id=holder.page_id, node=holder.node, device_kind=holder.device_kind
    )


def _holder(holding: Holding | None) -> Holder | None:
    if holding is None:
        return None
    return Holder(
        device_id=holding.device_id, page_id=holding.page_id, node=holding.node, device_kind=holding.device_kind
    )


class MemoryLeases:
    """`ports.Leases` over the pure `LeaseTable`. `redis_ms` is the store's own time."""

    def __init__(self, redis_ms: Callable[[], int]) -> None:
        self.table = LeaseTable()
        self._redis_ms = redis_ms
        self._tickets: dict[str, int] = {}

    async def acquire(self, request: Acquire) -> Acquired | NotAcquired:
        now_ms = self._redis_ms()
        answer = self.table.acquire(
            request.learner_id, _holding(request.holder), request.lease_ms, now_ms, fence=request.fence,
            first_keeps=request.first_keeps, force=request.force,
        )  # fmt: skip
        if isinstance(answer, Granted):
            previous = _holder(answer.previous)
            return Acquired(fence=answer.fence, snapshot=answer.snapshot, previous=previous, redis_ms=now_ms)
        return NotAcquired(why=answer.why, holder=_holder(answer.holder), redis_ms=now_ms)

    async def sync(self, items: Sequence[LeaseSync]) -> tuple[list[bool], int]:
        now_ms = self._redis_ms()
        held = [
            self.table.sync(i.learner_id, i.fence, _holding(i.holder), i.lease_ms, i.snapshot, now_ms) for i in items
        ]
        return held, now_ms

    async def release(self, learner_id: int, fence: int) -> bool:
        return self.table.release(learner_id, fence, self._redis_ms())

    async def reseed(self, learner_id: int, fence: int) -> int:
        return self.table.reseed(learner_id, fence)

    async def holder(self, learner_id: int) -> tuple[Holder, int] | None:
        found = self.table.holder(learner_id, self._redis_ms())
        holder = _holder(found[0]) if found else None
        return (holder, found[1]) if found and holder else None

    async def use_ticket(self, ticket_id: str, life_ms: int) -> bool:
        now_ms = self._redis_ms()
        if self._tickets.get(ticket_id, 0) > now_ms:
            return False
        self._tickets[ticket_id] = now_ms + life_ms
        return True


class _CheckRow(msgspec.Struct, kw_only=True):
    expires_ms: int = 0
    opened: bool = False
    learner_id: int = 0
    node: str = ""
    try_number: int = 0
    deadline_ms: int = 0
    cancelled: bool = False
    first_ms: dict[int, int] = {}  # when each try was first opened
    digests: dict[int, str] = {}
    accepted: dict[int, int] = {}
    verdicts: dict[int, Verdict] = {}


class MemoryChecks:
    """`ports.Checks`. Everything of a check goes an hour after it was last opened, cancelled or judged."""

    def __init__(self, redis_ms: Callable[[], int], inbox: Inbox) -> None:
        self._redis_ms = redis_ms
        self._inbox = inbox
        self._rows: dict[str, _CheckRow] = {}

    def _row(self, check_id: str) -> _CheckRow | None:
        row = self._rows.get(check_id)
        if row is not None and row.expires_ms <= self._redis_ms():
            del self._rows[check_id]
            return None
        return row

    def _kept(self, check_id: str) -> _CheckRow:
        row = self._row(check_id)
        if row is None:
            row = self._rows[check_id] = _CheckRow()
        row.expires_ms = self._redis_ms() + CHECK_KEEP_MS
        return row

    async def open(self, ticket: CheckTicket, left_ms: int, node: str) -> int:
        now_ms = self._redis_ms()
        row = self._kept(ticket.check_id)
        if not row.cancelled:
            row.opened, row.node, row.try_number = True, node, ticket.try_number
            row.deadline_ms, row.learner_id = now_ms + left_ms, ticket.learner_id
            row.first_ms.setdefault(ticket.try_number, now_ms)
        return now_ms

    async def cancel(self, check_id: str) -> None:
        self._kept(check_id).cancelled = True

    async def accept(self, ticket: CheckTicket, digest: str) -> Accepted | NotAccepted:
        now_ms = self._redis_ms()
        row, number = self._row(ticket.check_id), ticket.try_number
        why = self._refusal(row, number, digest, now_ms)
        if why is not None or row is None:
            return NotAccepted(why=why or "unknown", redis_ms=now_ms)
        if number in row.digests:
            return Accepted(fresh=False, redis_ms=now_ms)
        row.digests[number] = digest
        row.accepted[number] = now_ms
        message = UploadAccepted(
            learner_id=ticket.learner_id, check_id=ticket.check_id, try_number=number, redis_ms=now_ms
        )
        await self._inbox.send(row.node, message)
        return Accepted(fresh=True, redis_ms=now_ms, open_ms=now_ms - row.first_ms.get(number, now_ms))

    @staticmethod
    def _refusal(row: _CheckRow | None, number: int, digest: str, now_ms: int) -> Why | None:
        if row is None or not (row.opened or row.cancelled):
            return "unknown"
        if row.cancelled:
            return "cancelled"
        if number in row.verdicts:
            return "judged"
        if number in row.digests:
            return None if row.digests[number] == digest else "other_bytes"
        if row.try_number != number:
            return "closed"
        return "late" if now_ms > row.deadline_ms else None

    async def accepted(self, check_id: str, try_number: int) -> int:
        row = self._row(check_id)
        return row.accepted.get(try_number, 0) if row else 0

    async def judge(self, verdict: Verdict) -> None:
        row = self._kept(verdict.check_id)
        if verdict.try_number in row.verdicts:
            return
        row.verdicts[verdict.try_number] = verdict
        await self._inbox.send(row.node, VerdictReady(learner_id=row.learner_id, verdict=verdict))

    async def verdict(self, check_id: str, try_number: int) -> Verdict | None:
        row = self._row(check_id)
        return row.verdicts.get(try_number) if row else None


class MemoryInbox:
    """`ports.Inbox`; what is sent while nobody listens is lost, as with pub/sub."""

    def __init__(self) -> None:
        self.leases: Leases | None = None
        self._queues: dict[str, list[asyncio.Queue[Message]]] = {}

    async def send(self, node: str, message: Message) -> None:
        for queue in self._queues.get(node, []):
            queue.put_nowait(message)

    async def send_to_learner(self, learner_id: int, message: Message) -> None:
        assert self.leases is not None, "the inbox was wired without leases"
        found = await self.leases.holder(learner_id)
        if found is not None:
            await self.send(found[0].node, message)

    async def messages(self, node: str) -> AsyncIterator[Message]:
        queue: asyncio.Queue[Message] = asyncio.Queue()
        self._queues.setdefault(node, []).append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._queues[node].remove(queue)


class MemoryEvidence:
    """`ports.Evidence`."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    async def put(self, data: bytes, *, kind: str, institution_id: int, learner_id: int) -> str:
        evidence_id = secrets.token_hex(16)
        self.blobs[evidence_id] = bytes(data)
        return evidence_id

    async def get(self, evidence_id: str) -> bytes:
        if evidence_id not in self.blobs:
            raise Refused("evidence_gone")
        return self.blobs[evidence_id]

    async def delete(self, evidence_id: str) -> None:
        self.blobs.pop(evidence_id, None)


class MemoryFaceKeys:
    """`ports.FaceKeys`."""

    def __init__(self, cipher: str = "aes") -> None:
        self.keys: dict[str, FaceKey] = {}
        self.ids: dict[tuple[int, str], str] = {}
        self._cipher = cipher

    async def sealing(self, *, learner_id: int, kind: str) -> FaceKey:
        key_id = self.ids.setdefault((learner_id, kind), secrets.token_hex(16))
        return self.keys.setdefault(key_id, FaceKey(key_id, self._cipher, secrets.token_bytes(32)))

    async def opening(self, sealed: bytes) -> FaceKey:
        found = self.keys.get(key_id_of(sealed))
        if found is None:
            raise Refused("evidence_gone")
        return found

    def erase(self, learner_id: int) -> None:
        for who in [one for one in self.ids if one[0] == learner_id]:
            del self.keys[self.ids.pop(who)]


class MemoryNodes:
    """`ports.Nodes`."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._rows: dict[str, tuple[dict[str, Any], int]] = {}

    async def beat(self, name: str, kind: str, admin_port: int, pid: int) -> None:
        row = {"name": name, "kind": kind, "admin_port": admin_port, "pid": pid}
        self._rows[name] = (row, self._now_ms())

    async def all(self) -> list[dict[str, Any]]:
        now_ms = self._now_ms()
        found = [row for row, since in self._rows.values() if now_ms - since < 10_000]
        return sorted(found, key=lambda row: (row["kind"], row["name"]))
