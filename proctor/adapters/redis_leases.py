"""Leases and snapshots in Redis: the Lua scripts do what `core.lease` says, many items a call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from proctor.adapters.redis_client import Client, Scripts, redis_time_ms, text
from proctor.core.snapshot import decode_snapshot
from proctor.ports import Acquire, Acquired, Holder, LeaseSync, NotAcquired

_pack = msgspec.msgpack.Encoder().encode
ITEMS_MAX = 500  # of one call: a longer script would hold the others up
CALLS_MAX = 64  # of one round trip
UNKNOWN = 2  # the store does not know who holds it under this fence


class RedisLeases:
    """`ports.Leases`. Keys of one learner carry the tag of its bucket, so a call stays within one slot."""

    def __init__(self, client: Client, *, buckets: int = 64, snapshot_keep_ms: int = 86_400_000) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._buckets = buckets
        self._keep_ms = snapshot_keep_ms

    def _lease(self, learner_id: int) -> str:
        return f"zx:lease:{{{learner_id % self._buckets}}}:{learner_id}"

    def _snapshot(self, learner_id: int) -> str:
        return f"zx:snap:{{{learner_id % self._buckets}}}:{learner_id}"

    async def acquire(self, request: Acquire) -> Acquired | NotAcquired:
        holder = request.holder
        answer = await self._scripts.run(
            "acquire",
            [self._lease(request.learner_id), self._snapshot(request.learner_id)],
            [
                holder.device_id, holder.page_id, holder.node, holder.device_kind, request.lease_ms,
                "" if request.fence is None else request.fence, int(request.first_keeps), int(request.force),
                self._keep_ms,
            ],
        )  # fmt: skip
        now_ms, word = int(answer[0]), text(answer[1])
        other = _holder(answer[-4:])
        if word != "granted":
            return NotAcquired(why=word, holder=other, redis_ms=now_ms)  # type: ignore[arg-type]
        raw = answer[3]
        return Acquired(
            fence=int(answer[2]), snapshot=decode_snapshot(raw) if raw else None, previous=other, redis_ms=now_ms
        )

    async def sync(self, items: Sequence[LeaseSync]) -> tuple[list[bool], int]:
        answers, now_ms = await self._ask("sync", items, range(len(items)))
        # Who holds it is said only where the store does not know: after a loss of data.
        unknown = [index for index, word in enumerate(answers) if word == UNKNOWN]
        if unknown:
            again, now_ms = await self._ask("sync_named", items, unknown)
            for index in unknown:
                answers[index] = again[index]
        return [word == 1 for word in answers], now_ms or await redis_time_ms(self._client)

    async def _ask(self, script: str, items: Sequence[LeaseSync], which: Sequence[int]) -> tuple[list[int], int]:
        """One call of the script per bucket, many of them in one round trip. Returns a word by index."""
        by_bucket: dict[int, list[int]] = defaultdict(list)
        for index in which:
            by_bucket[items[index].learner_id % self._buckets].append(index)
        parts = [
            indexes[start : start + ITEMS_MAX]
            for indexes in by_bucket.values()
            for start in range(0, len(indexes), ITEMS_MAX)
        ]
        words = [0] * len(items)
        now_ms = 0
        for start in range(0, len(parts), CALLS_MAX):
            some = parts[start : start + CALLS_MAX]
            calls = [self._of([items[index] for index in part], named=script == "sync_named") for part in some]
            for part, answer in zip(some, await self._scripts.run_many(script, calls), strict=True):
                now_ms = answer[0]
                for index, word in zip(part, answer[1:], strict=True):
                    words[index] = word
        return words, now_ms

    def _of(self, items: Sequence[LeaseSync], *, named: bool) -> tuple[list[str], list]:
        """Keys and arguments of the items of one bucket: few arguments, packed at once in C."""
        tag = f"{{{items[0].learner_id % self._buckets}}}"
        snapshots = [item.snapshot or b"" for item in items]
        flat: list = []
        for item, snapshot in zip(items, snapshots, strict=True):
            flat += (item.learner_id, item.fence, item.lease_ms, len(snapshot))
            if named:
                holder = item.holder
                flat += (holder.device_id, holder.page_id, holder.node, holder.device_kind)
        args = [self._keep_ms, f"zx:lease:{tag}:", f"zx:snap:{tag}:", _pack(flat), b"".join(snapshots)]
        return [f"zx:lease:{tag}"], args

    async def release(self, learner_id: int, fence: int) -> bool:
        return int(await self._scripts.run("release", [self._lease(learner_id)], [fence])) == 1

    async def reseed(self, learner_id: int, fence: int) -> int:
        return int(await self._scripts.run("reseed", [self._lease(learner_id)], [fence]))

    async def holder(self, learner_id: int) -> tuple[Holder, int] | None:
        row = await self._scripts.run("holder", [self._lease(learner_id)], [])
        found = _holder(row[:4]) if row else None
        return (found, int(row[4])) if found else None

    async def use_ticket(self, ticket_id: str, life_ms: int) -> bool:
        return bool(await self._scripts.ask("SET", f"zx:ticket:{ticket_id}", b"1", "NX", "PX", max(1, life_ms)))


def _holder(row: Sequence) -> Holder | None:
    device, page, node, kind = (text(value) for value in row)
    return Holder(device_id=device, page_id=page, node=node, device_kind=kind) if device else None
