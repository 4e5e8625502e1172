"""Texts to a phone."""

from __future__ import annotations

from typing import Protocol


class Messages(Protocol):
    async def send(self, phone: str, words: str) -> None:
        """Hand one text for this mobile number over to whoever delivers it, within a few seconds. Raises Unavailable
        when it was not taken; sending again may deliver twice. Neither words nor number are logged."""
        ...
