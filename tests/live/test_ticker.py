"""The ticker: due checks, silent sockets, old states and overdue handovers, each at its time and not before."""

from __future__ import annotations

import asyncio

from proctor.core import wire
from proctor.live.ticker import run_ticker, scan
from tests.live.house import House, beat


def look(house: House) -> None:
    scan(house.hub, house.clock.now_ms())


async def test_a_check_falls_due_by_the_time_that_was_earned() -> None:
    house = House()
    house.records.directory.lessons[1].duration_ms = 3_600_000
    learner, link = await house.studying()
    asked = len(link.of(wire.Check))
    for _n in range(95):
        house.clock.advance(10_000)
        beat(house.hub, learner, "beat", 10_000)
        look(house)
        await house.hub.settle()
        if len(link.of(wire.Check)) > asked:
            break
    earned = learner.session.total_ms
    policy = learner.session.policy
    assert policy.check_every_ms_min <= earned <= policy.check_every_ms_max + 10_000
    assert link.last(wire.Check).check.kind == "random"


async def test_a_silent_socket_is_left_after_its_patience_and_not_before() -> None:
    house = House()
    learner, link = await house.studying()
    house.clock.advance(house.settings.idle_ms)
    look(house)
    assert link.closed is None and not learner.over
    house.clock.advance(1)
    look(house)
    await house.hub.settle()
    assert link.closed == (1001, "silent") and learner.over and house.hub.counts["idle"] == 1


async def test_a_check_that_is_not_answered_in_its_window_is_missed() -> None:
    house = House()
    await house.nodes.beat("w", "web", 0, 1)
    learner, link = await house.start()
    assert learner is not None and learner.session.person.check is not None
    for _second in range(62):
        house.clock.advance(1_000)
        learner.heard_ms = house.clock.now_ms()
        await house.nodes.beat("w", "web", 0, 1)
        look(house)
        await house.hub.settle()
    said = [one for one in link.of(wire.VerdictPush) if one.decided]
    assert [one.outcome for one in said] == ["missed"] and not said[0].go_on


async def test_the_state_of_a_long_stretch_is_written_once_a_lease_s_life() -> None:
    house = House()
    learner, _link = await house.studying()
    await house.hub.journal.flush()
    wrote = 0
    for _n in range(12):
        house.clock.advance(10_000)
        beat(house.hub, learner, "beat", 10_000)
        look(house)
        before = house.hub.journal.transactions
        await house.hub.journal.flush()
        wrote += house.hub.journal.transactions - before
    assert 3 <= wrote <= 5, "two minutes hold four lives of 30 s"


async def test_its_loop_runs_until_it_is_told_to_stop() -> None:
    house = House(tick_ms=5)
    learner, link = await house.studying()
    stop = asyncio.Event()
    task = asyncio.create_task(run_ticker(house.hub, stop))
    house.clock.advance(house.settings.idle_ms + 1)
    async with asyncio.timeout(10):
        while link.closed is None:
            await asyncio.sleep(0.005)
        stop.set()
        await task
    assert learner.over
