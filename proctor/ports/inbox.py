"""Inbox of a node: verdicts, handovers, instructions. Lossy by contract: whatever matters is found otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from proctor.core.inputs import Instruction, Verdict


class HandoverAsked(msgspec.Struct, frozen=True, kw_only=True, tag="handover"):
    learner_id: int
    page_id: str  # of who asks: it does not hand over to itself when the word comes late
    device_kind: str
    fence: int = 0  # of the seat that is asked, where SQL named it: it may be the same page's; 0: another page's


class VerdictReady(msgspec.Struct, frozen=True, kw_only=True, tag="verdict"):
    learner_id: int
    verdict: Verdict


class UploadAccepted(msgspec.Struct, frozen=True, kw_only=True, tag="accepted"):
    learner_id: int
    check_id: str
    try_number: int
    redis_ms: int


class InstructionReady(msgspec.Struct, frozen=True, kw_only=True, tag="instruction"):
    learner_id: int
    instruction: Instruction


class LeaseTaken(msgspec.Struct, frozen=True, kw_only=True, tag="taken"):
    learner_id: int
    fence: int  # of whoever has the lease now
    device_kind: str
    redis_ms: int


Message = HandoverAsked | VerdictReady | UploadAccepted | InstructionReady | LeaseTaken


class Inbox(Protocol):
    async def send(self, node: str, message: Message) -> None:
        """Push; raises nothing when nobody listens."""
        ...

    async def send_to_learner(self, learner_id: int, message: Message) -> None:
        """Push to the node that holds this learner's lease, if any."""
        ...

    def messages(self, node: str) -> AsyncIterator[Message]:
        """What is sent to `node` from now on; survives a lost connection by subscribing again."""
        ...
