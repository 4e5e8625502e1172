"""The lease protocol as pure rules: who may play. The Lua scripts do the same; a test holds them together.

One row per learner: the newest fence, its holder while the lease lives, and the newest snapshot. Fences have no
life time and only grow. `lose_everything` is what a Redis without its data looks like.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from proctor.core.inputs import Snapshot
from proctor.core.snapshot import decode_snapshot


class Holding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who holds a lease: `device_id` and `page_id` name the page, `node` the gateway."""

    device_id: str
    page_id: str
    node: str
    device_kind: str = ""

    def same_page(self, other: Holding) -> bool:
        return self.device_id == other.device_id and self.page_id == other.page_id


class Granted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    fence: int
    snapshot: Snapshot | None
    previous: Holding | None  # the live holder that lost the lease, if it was another page


class NotGranted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    why: Literal["held", "kept", "elsewhere"]
    holder: Holding | None


class Row(msgspec.Struct, kw_only=True, gc=False):
    """What is stored of one learner. The holder stays named after the lease expired or was released."""

    fence: int = 0
    holder: Holding | None = None
    expires_ms: int = 0
    snapshot: bytes = b""
    snapshot_expires_ms: int = 0


class LeaseTable:
    """Leases of many learners. Every method takes Redis TIME in milliseconds and never waits."""

    def __init__(self, snapshot_keep_ms: int = 86_400_000) -> None:
        self.rows: dict[int, Row] = {}
        self._keep_ms = snapshot_keep_ms

    def acquire(
        self, learner_id: int, holder: Holding, lease_ms: int, now_ms: int, *, fence: int | None = None,
        first_keeps: bool = False, force: bool = False,
    ) -> Granted | NotGranted:  # fmt: skip
        """A start (`fence` None) or a resume; see `ports.Leases.acquire` for the obligations."""
        row = self.rows.get(learner_id)
        if row is None:
            row = self.rows[learner_id] = Row()
        live = row.holder if row.holder is not None and row.expires_ms > now_ms else None
        own = row.holder is not None and row.holder.same_page(holder)
        if fence is not None:
            if not (row.fence == 0 or fence == row.fence or own):
                return NotGranted(why="elsewhere", holder=live)
        elif live is not None and not own:
            if first_keeps:
                return NotGranted(why="kept", holder=live)
            if not force:
                return NotGranted(why="held", holder=live)
        previous = live if live is not None and not own else None
        # A resume whose fence the store has forgotten starts above it: a fence never repeats for this page.
        row.fence = max(row.fence, fence or 0) + 1
        row.holder = holder
        row.expires_ms = now_ms + lease_ms
        return Granted(fence=row.fence, snapshot=self._snapshot(row, now_ms), previous=previous)

    @staticmethod
    def _snapshot(row: Row, now_ms: int) -> Snapshot | None:
        if not row.snapshot or row.snapshot_expires_ms <= now_ms:
            return None
        return decode_snapshot(row.snapshot)

    def sync(
        self, learner_id: int, fence: int, holder: Holding, lease_ms: int, snapshot: bytes | None, now_ms: int
    ) -> bool:
        """Renew, also an expired lease whose fence is still this one; False when a newer fence exists."""
        row = self.rows.get(learner_id)
        if row is None or row.fence == 0:
            row = self.rows[learner_id] = Row(fence=fence)
        if row.fence > fence:
            return False
        if row.fence < fence or row.holder is None:
            # A fence above the stored one is ours: the store forgot what it had handed out, and to whom.
            row.fence, row.holder = fence, holder
        row.expires_ms = now_ms + lease_ms
        if snapshot is not None:
            row.snapshot = snapshot
            row.snapshot_expires_ms = now_ms + self._keep_ms
        return True

    def release(self, learner_id: int, fence: int, now_ms: int) -> bool:
        """The lease is free; fence, page and snapshot stay, so that the page may come back."""
        row = self.rows.get(learner_id)
        if row is None or row.fence != fence:
            return False
        row.expires_ms = now_ms
        return True

    def reseed(self, learner_id: int, fence: int) -> int:
        """SQL knows a newer fence than the store: raise it. Whoever holds the older one has lost it."""
        row = self.rows.setdefault(learner_id, Row())
        if row.fence < fence:
            row.fence = fence
            row.holder = None
            row.expires_ms = 0
        return row.fence

    def holder(self, learner_id: int, now_ms: int) -> tuple[Holding, int] | None:
        row = self.rows.get(learner_id)
        if row is None or row.holder is None or row.expires_ms <= now_ms:
            return None
        return row.holder, row.fence

    def lose_everything(self) -> None:
        self.rows.clear()
