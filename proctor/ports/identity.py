"""Somebody who knows who people are."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

Word = Literal["same", "different", "unknown"]


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody says to be. `number`: well-formed by GB 11643. `photo`: one JPEG."""

    name: str
    number: str
    photo: bytes
    reference: str  # of ours, for the other side's records; names nobody


class IdentityAuthority(Protocol):
    """`name` stands beside each word in the record. `is_local`: nothing leaves this installation."""

    name: str
    is_local: bool

    async def ask(self, claimed: Claimed) -> Word:
        """same: this name has this number and this face. different: not so. unknown: the authority cannot tell, and a
        person decides. Asking again is safe. Raises Unavailable."""
        ...
