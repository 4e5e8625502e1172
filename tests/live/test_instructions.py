"""Instructions: the record half's word reaches a running session once, in order, pushed or found."""

from __future__ import annotations

import pytest

from proctor import errors
from proctor.core import wire
from proctor.core.inputs import Instruction
from proctor.live.inbox import deliver
from proctor.ports import InstructionReady
from tests.live.house import House, beat


async def earned(house: House):
    learner, link = await house.studying()
    house.clock.advance(10_000)
    beat(house.hub, learner, "pause", 10_000)
    await house.hub.journal.flush()
    return learner, link


async def test_a_void_takes_the_spans_out_and_tells_the_player() -> None:
    house = House()
    learner, link = await earned(house)
    house.records.decide(1, 1, "void", ((2_000, 5_000),), 1, house.clock.now_ms())
    await house.hub.instructions.fetch(learner)
    told = link.last(wire.Ledger)
    assert told.action == "void" and told.covered == ((0, 2_000), (5_000, 10_000)) and told.total_ms == 7_000


async def test_a_missed_push_is_found_at_the_next_seat_update() -> None:
    house = House()
    learner, link = await earned(house)
    house.records.decide(1, 1, "void", ((0, 5_000),), 1, house.clock.now_ms())
    house.clock.advance(10_000)
    beat(house.hub, learner, "play")
    house.hub.journal.want_state(learner)
    await house.hub.journal.flush()
    await house.hub.settle()
    assert link.last(wire.Ledger).action == "void"


async def test_a_push_twice_or_late_applies_once() -> None:
    house = House()
    learner, link = await earned(house)
    house.records.decide(1, 1, "void", ((0, 5_000),), 1, house.clock.now_ms())
    (first,) = await house.records.instructions(1, 0)
    for _again in range(3):
        deliver(house.hub, InstructionReady(learner_id=1, instruction=first))
        await house.hub.settle()
    assert [one.action for one in link.of(wire.Ledger)].count("void") == 1
    assert learner.session.instruction_version == first.version


async def test_a_push_that_came_before_its_elder_is_filled_up_from_sql() -> None:
    house = House()
    learner, link = await earned(house)
    for number, spans in ((1, ((0, 1_000),)), (2, ((1_000, 2_000),))):
        house.records.decide(1, 1, "void", spans, number, house.clock.now_ms())
    newest = (await house.records.instructions(1, 0))[-1]
    deliver(house.hub, InstructionReady(learner_id=1, instruction=newest))
    await house.hub.settle()
    assert learner.session.credit.covered == ((2_000, 10_000),)
    assert [one.action for one in link.of(wire.Ledger)][-2:] == ["void", "void"]


@pytest.mark.parametrize(
    ("action", "code"), [("blocked", errors.CLOSE_NOT_ALLOWED), ("login_ended", errors.CLOSE_LOGIN_ENDED)]
)
async def test_a_blocked_account_and_an_ended_login_leave_with_their_reason(action, code: int) -> None:
    house = House()
    learner, link = await earned(house)
    house.records.instruct(1, action)
    await house.hub.instructions.fetch(learner)
    await house.hub.settle()
    assert link.closed == (code, action) and await house.redis.holder(1) is None


async def test_sql_that_is_gone_leaves_it_to_the_next_update() -> None:
    house = House()
    learner, link = await earned(house)
    house.records.decide(1, 1, "void", ((0, 5_000),), 1, house.clock.now_ms())
    house.sql.gone = True
    await house.hub.instructions.pushed(learner, Instruction(version=9, action="void"))
    assert link.of(wire.Ledger) == [] or link.last(wire.Ledger).action != "void"
    house.sql.gone = False
    await house.hub.instructions.pushed(learner, Instruction(version=9, action="void"))
    assert link.last(wire.Ledger).action == "void"
