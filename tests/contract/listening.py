"""Somebody who listens to an inbox: what arrived, and that nothing more did."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from proctor.ports import HandoverAsked, Inbox, Message

# Sent until it arrives: a subscription takes effect a moment after it is asked for.
_HELLO = HandoverAsked(learner_id=0, page_id="", device_kind="listening")


class Listening:
    """`async with Listening(inbox, node) as heard`: subscribed inside the block."""

    def __init__(self, inbox: Inbox, node: str) -> None:
        self._inbox = inbox
        self._node = node
        self._heard: asyncio.Queue[Message] = asyncio.Queue()

    async def __aenter__(self) -> Listening:
        self._task = asyncio.create_task(self._listen())
        while True:
            await self._inbox.send(self._node, _HELLO)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await self._heard.get()
                    break
        await self.nothing_more()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        async for message in self._inbox.messages(self._node):
            self._heard.put_nowait(message)

    async def take(self, count: int) -> list[Message]:
        async with asyncio.timeout(2):
            return [await self._heard.get() for _n in range(count)]

    async def nothing_more(self) -> bool:
        """A message sent behind all others arrives first of what is still under way."""
        await self._inbox.send(self._node, _HELLO)
        found = []
        async with asyncio.timeout(2):
            while True:
                message = await self._heard.get()
                if message == _HELLO and self._heard.empty():
                    return not found
                if message != _HELLO:
                    found.append(message)
