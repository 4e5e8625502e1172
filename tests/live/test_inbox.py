"""The inbox: each kind of message reaches its learner, and a message for nobody here is nothing."""

from __future__ import annotations

import asyncio

from proctor import errors
from proctor.core import wire
from proctor.core.facts import Outcome
from proctor.core.inputs import Verdict
from proctor.live.inbox import deliver, read_inbox
from proctor.ports import HandoverAsked, LeaseTaken, UploadAccepted, VerdictReady
from tests.live.house import House


async def test_a_verdict_an_upload_and_a_handover_reach_their_learner() -> None:
    house = House()
    learner, link = await house.start()
    assert learner is not None
    check = learner.session.person.check
    assert check is not None
    redis_ms = house.clock.redis_ms(house.clock.now_ms())
    deliver(house.hub, UploadAccepted(learner_id=1, check_id=check.check_id, try_number=1, redis_ms=redis_ms))
    assert check.accepted_try == 1
    verdict = Verdict(check_id=check.check_id, try_number=1, outcome=Outcome.PASSED)
    deliver(house.hub, VerdictReady(learner_id=1, verdict=verdict))
    assert link.last(wire.VerdictPush).outcome == "passed"
    deliver(house.hub, HandoverAsked(learner_id=1, page_id="other", device_kind="phone"))
    assert link.last(wire.Handover).in_ms == house.settings.handover_ms


async def test_a_late_word_of_its_own_asks_nobody_to_hand_over() -> None:
    """It was sent before the asker took the lease; read afterwards, it asked the asker itself."""
    house = House()
    learner, link = await house.studying()
    deliver(house.hub, HandoverAsked(learner_id=1, page_id=learner.claim.page_id, device_kind="pc"))
    assert not link.of(wire.Handover)


async def test_a_seat_that_sql_named_is_asked_by_its_own_page_and_a_younger_one_is_not() -> None:
    house = House()
    learner, link = await house.studying()
    fence = learner.session.fence
    named = {"learner_id": 1, "page_id": learner.claim.page_id, "device_kind": "pc"}
    deliver(house.hub, HandoverAsked(**named, fence=fence - 1))
    assert not link.of(wire.Handover)
    deliver(house.hub, HandoverAsked(**named, fence=fence))
    assert link.of(wire.Handover)


async def test_a_takeover_counts_only_under_a_newer_fence() -> None:
    house = House()
    learner, link = await house.studying()
    deliver(house.hub, LeaseTaken(learner_id=1, fence=learner.session.fence, device_kind="pc", redis_ms=0))
    assert link.closed is None
    deliver(house.hub, LeaseTaken(learner_id=1, fence=learner.session.fence + 1, device_kind="pc", redis_ms=0))
    assert link.closed == (errors.CLOSE_TAKEN_OVER, "taken_over") and link.last(wire.Lost).device == "pc"


async def test_a_message_for_somebody_who_is_not_here_is_nothing() -> None:
    house = House()
    deliver(house.hub, HandoverAsked(learner_id=99, page_id="other", device_kind="phone"))
    deliver(house.hub, LeaseTaken(learner_id=99, fence=1, device_kind="", redis_ms=0))


async def test_the_loop_delivers_until_it_is_stopped() -> None:
    house = House()
    _learner, link = await house.studying()
    stop = asyncio.Event()
    task = asyncio.create_task(read_inbox(house.hub, house.inbox, stop))
    await asyncio.sleep(0)
    await house.inbox.send_to_learner(1, HandoverAsked(learner_id=1, page_id="other", device_kind="phone"))
    async with asyncio.timeout(10):
        while not link.of(wire.Handover):
            await asyncio.sleep(0)
        stop.set()
        await house.inbox.send(house.hub.node, HandoverAsked(learner_id=1, page_id="other", device_kind="pc"))
        await task
