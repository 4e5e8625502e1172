"""Inboxes: pushes to whoever listens, lost when nobody does, in memory and on a real Valkey."""

from __future__ import annotations

import asyncio

import pytest

from proctor.adapters.memory import MemoryInbox, MemoryLeases
from proctor.adapters.redis_inbox import RedisInbox
from proctor.adapters.redis_leases import RedisLeases
from proctor.core.facts import Outcome
from proctor.core.inputs import Instruction, Verdict
from proctor.ports import (
    Acquire,
    HandoverAsked,
    Holder,
    InstructionReady,
    LeaseTaken,
    Message,
    UploadAccepted,
    VerdictReady,
)  # fmt: skip
from tests.contract.listening import Listening

EVERY_KIND: tuple[Message, ...] = (
    HandoverAsked(learner_id=1, page_id="other", device_kind="phone"),
    VerdictReady(learner_id=1, verdict=Verdict(check_id="c", try_number=1, outcome=Outcome.UNCLEAR, detail="dark")),
    UploadAccepted(learner_id=1, check_id="c", try_number=1, redis_ms=5),
    InstructionReady(learner_id=1, instruction=Instruction(version=3, action="void", lesson_id=2, spans=((0, 5),))),
    LeaseTaken(learner_id=1, fence=9, device_kind="pc", redis_ms=5),
)


@pytest.fixture
def inbox(client):
    made = RedisInbox(client) if client else MemoryInbox()
    made.leases = RedisLeases(client) if client else MemoryLeases(lambda: 1_000)
    return made


async def test_every_kind_of_message_arrives_as_it_was_sent_and_in_order(inbox) -> None:
    async with Listening(inbox, "inbox-a") as heard:
        for message in EVERY_KIND:
            await inbox.send("inbox-a", message)
        assert await heard.take(len(EVERY_KIND)) == list(EVERY_KIND)


async def test_a_message_reaches_its_node_only(inbox) -> None:
    async with Listening(inbox, "inbox-b") as one, Listening(inbox, "inbox-c") as other:
        await inbox.send("inbox-b", EVERY_KIND[0])
        assert await one.take(1) == [EVERY_KIND[0]] and await other.nothing_more()


async def test_sending_to_nobody_is_no_error_and_is_lost(inbox) -> None:
    await inbox.send("inbox-nobody", EVERY_KIND[0])
    await inbox.send("", EVERY_KIND[0])
    async with Listening(inbox, "inbox-nobody") as late:
        assert await late.nothing_more()


async def test_a_message_for_a_learner_goes_to_the_node_of_the_lease_if_any(inbox) -> None:
    holder = Holder(device_id="d", page_id="p", node="inbox-d")
    async with Listening(inbox, "inbox-d") as heard:
        await inbox.send_to_learner(880_001, EVERY_KIND[0])
        taken = await inbox.leases.acquire(Acquire(learner_id=880_002, holder=holder, lease_ms=60_000))
        await inbox.send_to_learner(880_002, EVERY_KIND[1])
        assert await heard.take(1) == [EVERY_KIND[1]]
        await inbox.leases.release(880_002, taken.fence)
        await inbox.send_to_learner(880_002, EVERY_KIND[2])
        assert await heard.nothing_more()


async def test_who_listens_no_more_is_forgotten(inbox, client) -> None:
    async with Listening(inbox, "inbox-e"):
        pass
    await asyncio.sleep(0.01)
    if client:
        assert await client.pubsub_numsub("zx:node:inbox-e") == [(b"zx:node:inbox-e", 0)]
    else:
        assert inbox._queues["inbox-e"] == []


@pytest.mark.parametrize("store", ["valkey"], indirect=True)
async def test_a_lost_connection_is_subscribed_again(inbox, client, monkeypatch) -> None:
    monkeypatch.setattr("proctor.adapters.redis_inbox.AGAIN_S", 0.01)
    async with Listening(inbox, "inbox-f") as heard:
        await client.client_kill_filter(_type="pubsub")
        async with asyncio.timeout(5):
            while not dict(await client.pubsub_numsub("zx:node:inbox-f"))[b"zx:node:inbox-f"]:
                await asyncio.sleep(0.01)
        await inbox.send("inbox-f", EVERY_KIND[4])
        assert await heard.take(1) == [EVERY_KIND[4]]


@pytest.mark.parametrize("store", ["valkey"], indirect=True)
async def test_a_message_of_another_version_is_passed_over(inbox, client) -> None:
    async with Listening(inbox, "inbox-g") as heard:
        await client.publish("zx:node:inbox-g", b"\xc1 not of ours")
        await inbox.send("inbox-g", EVERY_KIND[0])
        assert await heard.take(1) == [EVERY_KIND[0]]
