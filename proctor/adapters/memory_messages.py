"""`ports.Messages` in memory: what was sent, in order."""

from __future__ import annotations

from proctor.errors import Unavailable


class MemoryMessages:
    """`gone`: nobody takes anything."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.gone = False

    async def send(self, phone: str, words: str) -> None:
        if self.gone:
            raise Unavailable("messages")
        self.sent.append((phone, words))

    async def close(self) -> None:
        return
