"""Face jobs on one bounded Redis stream with one consumer group: at least once, nothing kept when done."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from redis.exceptions import ResponseError

from proctor.adapters.redis_client import Client, Scripts, text, translated
from proctor.errors import Unavailable
from proctor.ports import FaceJob

STREAM = "zx:jobs:faces"
GROUP = "workers"
LEFT_OVER_MS = 5_000  # a job that its worker holds longer is given to another


class RedisJobs:
    """`ports.Jobs`."""

    def __init__(self, client: Client, *, jobs_max: int = 10_000) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._jobs_max = jobs_max
        self._cursor: bytes | str = "0-0"

    async def put(self, job: FaceJob) -> bool:
        args = [self._jobs_max, msgspec.msgpack.encode(job)]
        return int(await self._scripts.run("job_put", [STREAM], args)) == 1

    async def take(self, worker: str, count: int, wait_ms: int) -> list[tuple[str, FaceJob]]:
        try:
            return await self._take(worker, count, wait_ms)
        except Unavailable as error:
            if "ResponseError" not in str(error):
                raise
            # The group is gone with a store that lost its data, or was never made.
            await self._make_group()
            return await self._take(worker, count, wait_ms)

    async def _make_group(self) -> None:
        with translated():
            try:
                await self._client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def _take(self, worker: str, count: int, wait_ms: int) -> list[tuple[str, FaceJob]]:
        with translated():
            claimed = await self._client.xautoclaim(
                STREAM, GROUP, worker, min_idle_time=LEFT_OVER_MS, start_id="0-0", count=count
            )
            left_over = [(receipt, fields) for receipt, fields in claimed[1] if fields]
            if left_over:
                return [await self._again(receipt, fields) for receipt, fields in left_over]
            # Blocking must stay below the client's own time-out.
            block_ms = max(1, min(wait_ms, 1_000))
            found = await self._client.xreadgroup(GROUP, worker, {STREAM: ">"}, count=count, block=block_ms)
        return [(text(receipt), _job(fields)) for receipt, fields in _entries(found)]

    async def _again(self, receipt: bytes, fields: dict) -> tuple[str, FaceJob]:
        pending = await self._client.xpending_range(STREAM, GROUP, min=receipt, max=receipt, count=1)
        deliveries = int(pending[0]["times_delivered"]) if pending else 2
        return text(receipt), msgspec.structs.replace(_job(fields), deliveries=deliveries)

    async def done(self, receipts: Sequence[str]) -> None:
        if not receipts:
            return
        with translated():
            await self._client.xack(STREAM, GROUP, *receipts)
            await self._client.xdel(STREAM, *receipts)

    async def waiting(self) -> int:
        with translated():
            return int(await self._client.xlen(STREAM))


def _entries(found) -> list:
    """RESP3 answers with a map of streams, RESP2 with pairs; RESP3 wraps the entries once more."""
    if not found:
        return []
    values = list(found.values())[0] if isinstance(found, dict) else found[0][1]
    return values[0] if values and isinstance(values[0], list) else values


def _job(fields: dict) -> FaceJob:
    return msgspec.msgpack.decode(fields[b"job"], type=FaceJob)
