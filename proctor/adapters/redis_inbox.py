"""Inboxes of nodes as pub/sub channels: quick and lossy, as the port says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import structlog

from proctor.adapters.redis_client import FAILURES, Client, translated
from proctor.ports import Leases, Message

log = structlog.get_logger("inbox")

AGAIN_S = 0.5
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)


class RedisInbox:
    """`ports.Inbox`. `leases` tells which node holds a learner; set after both are made."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.leases: Leases | None = None

    @staticmethod
    def _channel(node: str) -> str:
        return f"zx:node:{node}"

    async def send(self, node: str, message: Message) -> None:
        if not node:
            return
        with translated():
            await self._client.publish(self._channel(node), _encoder.encode(message))

    async def send_to_learner(self, learner_id: int, message: Message) -> None:
        assert self.leases is not None, "the inbox was wired without leases"
        found = await self.leases.holder(learner_id)
        if found is not None:
            await self.send(found[0].node, message)

    async def messages(self, node: str) -> AsyncIterator[Message]:
        while True:
            try:
                async for message in self._subscribed(node):
                    yield message
            except FAILURES as error:
                log.warning("inbox_lost", reason=type(error).__name__)
                await asyncio.sleep(AGAIN_S)

    async def _subscribed(self, node: str) -> AsyncIterator[Message]:
        await self._client.initialize()  # of a cluster: who its servers are
        async with self._client.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(self._channel(node))
            while True:
                found = await channel.get_message(timeout=1.0)
                if found is not None and isinstance(found["data"], bytes):
                    try:
                        yield _decoder.decode(found["data"])
                    except msgspec.MsgspecError:
                        # Another version of this product may run beside us during an upgrade.
                        log.warning("inbox_unreadable")
