"""Bursts: offering, hearing, and what is read before anything is decided; whatever of ours fails costs nobody."""

from __future__ import annotations

import pytest

from proctor.core import wire
from proctor.core.facts import CheckKind, CheckWay, Outcome
from proctor.core.inputs import Verdict
from proctor.ports import Accepted, CheckTicket
from tests.live.house import House, MemoryLink, beat


async def offered(house: House):
    """A learner whose start check waits, with its upload ticket."""
    await house.nodes.beat("w", "web", 0, 1)
    learner, link = await house.start()
    assert learner is not None
    push = link.sent[0].check  # type: ignore[union-attr]
    return learner, link, house.tickets.read_upload(push.ticket)


async def window_over(house: House, learner) -> None:
    check = learner.session.person.check
    house.clock.advance(check.left_ms(house.clock.now_ms()) + 1)
    learner.heard_ms = house.clock.now_ms()
    await house.nodes.beat("w", "web", 0, 1)
    house.hub.tick(learner, house.clock.now_ms())
    await house.hub.settle()


def decisions(link: MemoryLink) -> list[str]:
    return [one.outcome for one in link.of(wire.VerdictPush) if one.decided]


async def test_the_ticket_of_a_push_is_bound_to_check_page_and_device() -> None:
    house = House()
    learner, link, ticket = await offered(house)
    push = link.sent[0].check  # type: ignore[union-attr]
    assert (ticket.check_id, ticket.try_number, ticket.nonce) == (push.id, 1, push.nonce)
    assert (ticket.device_id, ticket.page_id) == (learner.claim.device_id, learner.claim.page_id)
    assert push.upload == f"/api/v1/checks/{push.id}/frames" and push.tries_left == 3 and not push.enrol


async def test_an_active_check_says_what_to_do_and_its_ticket_says_the_same_for_each_try() -> None:
    house = House()
    learner, link, ticket = await offered(house)
    push = link.sent[0].check  # type: ignore[union-attr]
    assert push.way == ticket.way == CheckWay.ACTIVE and push.actions == ticket.actions
    await house.judge(learner, Outcome.UNCLEAR, detail="order")
    again = link.last(wire.VerdictPush).next
    second = house.tickets.read_upload(again.ticket)
    assert len(push.actions) >= learner.session.policy.active_turns
    check, policy = learner.session.person.check, learner.session.policy
    assert check is not None and again.actions == second.actions == check.actions(policy)


async def test_another_way_is_told_with_the_ticket_of_a_try_of_its_own_and_the_camera_is_closed() -> None:
    house = House()
    learner, link, ticket = await offered(house)
    sheet = wire.Sheet(check=ticket.check_id, state="declined", why="other_way")
    house.hub.sheet(learner, sheet)
    await house.hub.settle()
    push = link.last(wire.Check).check
    assert (push.way, push.upload, push.actions) == ("code", f"/api/v1/checks/{ticket.check_id}/code", ())
    assert (await house.checks.accept(ticket, "digest")).why == "closed", "nothing of before is taken"
    by_code = house.tickets.read_upload(push.ticket)
    assert (by_code.way, by_code.try_number, by_code.enrol) == (CheckWay.CODE, 2, False)
    assert isinstance(await house.checks.accept(by_code, "digest"), Accepted)
    await house.judge(learner, Outcome.PASSED, model="code")
    assert decisions(link) == ["passed"]


async def test_consent_withdrawn_at_another_page_turns_an_open_check_to_code_at_once() -> None:
    house = House()
    learner, link, ticket = await offered(house)
    instruction = house.records.instruct(learner.claim.learner_id, "consent_withdrawn")
    await house.hub.instructions.pushed(learner, instruction)
    await house.hub.settle()
    assert link.last(wire.Check).check.way == "code" and decisions(link) == []
    assert (await house.checks.accept(ticket, "digest")).why == "closed"


async def test_without_consent_the_welcome_asks_for_a_code() -> None:
    house = House()
    claim = house.claim()
    house.records.directory.accounts[claim.learner_id].face_consent = False
    await house.nodes.beat("w", "web", 0, 1)
    _learner, link = await house.start(claim)
    assert link.sent[0].check.way == "code" and not link.sent[0].face  # type: ignore[union-attr]


async def test_a_push_that_was_lost_is_found_in_the_store_before_anything_is_decided() -> None:
    house = House()
    learner, link, ticket = await offered(house)
    assert isinstance(await house.checks.accept(ticket, "digest"), Accepted)
    await house.checks.judge(Verdict(check_id=ticket.check_id, try_number=1, outcome=Outcome.PASSED))
    await window_over(house, learner)
    assert decisions(link) == ["passed"]


async def test_an_upload_in_time_whose_push_was_lost_stops_the_window() -> None:
    house = House()
    learner, link, ticket = await offered(house)
    await house.checks.accept(ticket, "digest")
    await window_over(house, learner)
    assert decisions(link) == [] and learner.session.person.check is not None
    house.clock.advance(house.settings.verdict_ms + 1)
    learner.heard_ms = house.clock.now_ms()
    house.hub.tick(learner, house.clock.now_ms())
    await house.hub.settle()
    assert decisions(link) == ["our_fault"], "accepted and never judged"


@pytest.mark.parametrize("when", ["at the start", "while playing", "at another try"])
async def test_who_cannot_be_asked_does_not_play_on_uncounted_until_the_window_ends(when: str) -> None:
    """Seeds 87 and 287: Redis did not answer, the page heard of no check, and nothing counted for 20 seconds."""
    house = House()
    house.checks.gone = when == "at the start"
    learner, link = await house.start()
    assert learner is not None
    if when == "at another try":
        house.checks.gone = True
        check = learner.session.person.check
        assert check is not None
        word = Verdict(check_id=check.check_id, try_number=1, outcome=Outcome.UNCLEAR, detail="dark")
        house.hub.bursts.judged(learner, word)
    elif when == "while playing":
        await house.judge(learner, Outcome.PASSED)
        house.checks.gone = True
        session, now_ms = learner.session, house.clock.now_ms()
        session.person.due, session.person.due_at_ms, session.due_ms = CheckKind.RANDOM, now_ms, now_ms
        house.hub.tick(learner, now_ms)
    await house.hub.settle()
    assert decisions(link)[-1] == "our_fault" and learner.session.person.check is None
    assert learner.session.view().go_on and learner.session.person.due is not None, "and it is asked again soon"


@pytest.mark.parametrize("fault", ["web", "redis"])
async def test_what_of_ours_fails_is_our_fault_and_costs_nothing(fault: str) -> None:
    house = House()
    learner, link = await house.start()
    assert learner is not None
    if fault == "redis":
        house.hub._redis_gone()
    check = learner.session.person.check
    assert check is not None
    house.clock.advance(check.left_ms(house.clock.now_ms()) + 1)
    if fault != "web":
        await house.nodes.beat("w", "web", 0, 1)
    house.hub.tick(learner, house.clock.now_ms())
    await house.hub.settle()
    assert decisions(link) == ["our_fault"] and not learner.session.person.must and not learner.over


async def test_while_the_store_is_gone_nothing_is_decided_and_it_is_asked_again() -> None:
    house = House()
    learner, link, _ticket = await offered(house)
    house.checks.gone = True
    await window_over(house, learner)
    assert decisions(link) == [] and learner.trouble and not learner.resolving
    house.checks.gone = False
    house.hub.tick(learner, house.clock.now_ms() + 1)
    await house.hub.settle()
    assert decisions(link) == ["our_fault"]


async def test_a_verdict_of_another_try_or_check_changes_nothing() -> None:
    house = House()
    learner, link, ticket = await offered(house)
    for check_id, number in ((ticket.check_id, 2), ("other", 1)):
        house.hub.bursts.judged(learner, Verdict(check_id=check_id, try_number=number, outcome=Outcome.PASSED))
    assert decisions(link) == [] and learner.session.person.check is not None


async def test_an_unclear_try_is_told_with_the_ticket_of_the_next() -> None:
    house = House()
    learner, link, ticket = await offered(house)
    await house.judge(learner, Outcome.UNCLEAR, detail="dark")
    told = link.last(wire.VerdictPush)
    assert (told.outcome, told.detail, told.decided) == ("unclear", "dark", False)
    second = house.tickets.read_upload(told.next.ticket)
    assert (second.check_id, second.try_number) == (ticket.check_id, 2)
    assert isinstance(await house.checks.accept(second, "b"), Accepted)


async def test_a_takeover_cancels_the_check_of_the_former_device() -> None:
    house = House(handover_ms=0)
    _learner, _link, ticket = await offered(house)
    await house.hub.keeper.sync(list(house.hub.learners.values()))
    await house.start(house.claim(page="page-b", device="pc"))
    await house.hub.settle()
    refused = await house.checks.accept(ticket, "digest")
    assert refused.why == "cancelled"


async def test_a_reconnect_keeps_the_check_and_its_ticket() -> None:
    house = House()
    learner, _link, ticket = await offered(house)
    await house.hub.finish(learner, "disconnected", release=False)
    again, link = await house.resume(learner.claim, learner.session.fence)
    assert again is not None
    push = link.sent[0].check
    assert push.id == ticket.check_id
    assert isinstance(await house.checks.accept(ticket, "digest"), Accepted)
    assert isinstance(ticket, CheckTicket)


async def test_a_passed_check_is_told_with_the_ledger_as_it_is_now() -> None:
    house = House()
    learner, link = await house.studying()
    house.clock.advance(10_000)
    beat(house.hub, learner, "beat", 10_000)
    house.hub.sheet(learner, wire.Sheet(check="", state="open"))
    await house.hub.settle()
    if learner.session.person.check is not None:
        await house.judge(learner, Outcome.PASSED)
        assert link.last(wire.Ledger).final_ms == 10_000
