"""What other processes tell this node: verdicts, uploads, handovers, takeovers, instructions."""

from __future__ import annotations

import asyncio

from proctor.live.hub import Hub
from proctor.ports import (
    HandoverAsked,
    Inbox,
    InstructionReady,
    LeaseTaken,
    Message,
    UploadAccepted,
    VerdictReady,
)  # fmt: skip


async def read_inbox(hub: Hub, inbox: Inbox, stop: asyncio.Event) -> None:
    """Until `stop` is set. Lossy by contract: whatever matters is found otherwise."""
    async for message in inbox.messages(hub.node):
        if stop.is_set():
            return
        deliver(hub, message)


def deliver(hub: Hub, message: Message) -> None:
    """One message to its learner, if that learner is here."""
    learner = hub.learners.get(message.learner_id)
    if learner is None:
        return
    if isinstance(message, VerdictReady):
        hub.bursts.judged(learner, message.verdict)
    elif isinstance(message, UploadAccepted):
        hub.bursts.accepted(learner, message.check_id, message.try_number, message.redis_ms)
    elif isinstance(message, HandoverAsked):
        own = message.page_id == learner.claim.page_id
        if learner.session.fence <= message.fence if message.fence else not own:
            hub.asked_to_hand_over(learner, message.device_kind)
    elif isinstance(message, LeaseTaken):
        if message.fence > learner.session.fence:
            hub.taken(learner, message.device_kind)
    elif isinstance(message, InstructionReady):
        hub.spawn(hub.instructions.pushed(learner, message.instruction))
