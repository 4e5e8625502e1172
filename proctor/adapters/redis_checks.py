"""What gateway, web and worker must agree on about one check, by Redis TIME."""

from __future__ import annotations

from typing import Any

import msgspec

from proctor.adapters.redis_client import Client, Scripts, text, translated
from proctor.core.inputs import Verdict
from proctor.ports import Accepted, CheckTicket, Inbox, NotAccepted, UploadAccepted, VerdictReady

KEEP_MS = 3_600_000


class RedisChecks:
    """`ports.Checks`. Pushes go to the node that opened the burst last."""

    def __init__(self, client: Client, inbox: Inbox) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._inbox = inbox

    @staticmethod
    def _key(check_id: str) -> str:
        return f"zx:check:{{{check_id}}}"

    async def open(self, ticket: CheckTicket, left_ms: int, node: str) -> int:
        args = [ticket.try_number, left_ms, node, KEEP_MS]
        now_ms = await self._scripts.run("check_open", [self._key(ticket.check_id)], args)
        with translated():
            await self._client.hset(self._key(ticket.check_id), "learner", str(ticket.learner_id))
        return int(now_ms)

    async def cancel(self, check_id: str) -> None:
        with translated():
            await self._client.hset(self._key(check_id), "state", "cancelled")
            await self._client.pexpire(self._key(check_id), KEEP_MS)

    async def accept(self, ticket: CheckTicket, digest: str) -> Accepted | NotAccepted:
        args = [ticket.try_number, digest]
        now_ms, word, node, *opened = await self._scripts.run("check_accept", [self._key(ticket.check_id)], args)
        answer = text(word)
        if answer == "fresh":
            message = UploadAccepted(
                learner_id=ticket.learner_id, check_id=ticket.check_id, try_number=ticket.try_number,
                redis_ms=int(now_ms),
            )  # fmt: skip
            await self._inbox.send(text(node), message)
        if answer in ("fresh", "again"):
            open_ms = int(now_ms) - int(opened[0]) if opened else 0
            return Accepted(fresh=answer == "fresh", redis_ms=int(now_ms), open_ms=open_ms)
        return NotAccepted(why=answer, redis_ms=int(now_ms))  # type: ignore[arg-type]

    async def accepted(self, check_id: str, try_number: int) -> int:
        with translated():
            return int(await self._client.hget(self._key(check_id), f"accepted:{try_number}") or 0)

    async def judge(self, verdict: Verdict) -> None:
        args = [verdict.try_number, msgspec.msgpack.encode(verdict), KEEP_MS]
        fresh, node, _state = await self._scripts.run("check_judge", [self._key(verdict.check_id)], args)
        if int(fresh) != 1 or not node:
            return
        with translated():
            learner = await self._client.hget(self._key(verdict.check_id), "learner")
        await self._inbox.send(text(node), VerdictReady(learner_id=int(learner or 0), verdict=verdict))

    async def verdict(self, check_id: str, try_number: int) -> Verdict | None:
        with translated():
            raw: Any = await self._client.hget(self._key(check_id), f"verdict:{try_number}")
        return msgspec.msgpack.decode(raw, type=Verdict) if raw else None
