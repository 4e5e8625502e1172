"""Whoever had to stand because of us goes on again, and nobody twice because of the others."""

from __future__ import annotations

import asyncio

import pytest

from proctor.core import wire
from tests.live.house import House, beat


async def test_a_full_house_goes_on_in_groups_that_the_journal_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once filled the journal again with what they brought: a gateway held and let go for a minute."""
    house = House(journal_facts=64, journal_facts_max=64, journal_every_ms=10)
    hub = house.hub
    studying = []
    for number in range(1, 21):
        studying.append(await house.studying(number))
        await hub.journal.flush()
    house.sql.gone = True
    for learner, _link in studying:
        for _n in range(2):
            house.clock.advance(1_000)
            beat(hub, learner, "pause", 500)
            beat(hub, learner, "play")
    assert all(learner.session.held for learner, _link in studying)
    groups, release = [], hub.holding._release

    def going_on(learners):
        groups.append(len(learners))
        release(learners)
        for learner in learners:
            beat(hub, learner, "play")

    monkeypatch.setattr(hub.holding, "_release", going_on)
    house.sql.gone = False
    async with asyncio.timeout(10):
        while any(learner.session.held for learner, _link in studying):
            await hub.journal.flush()
            assert not hub.holding.on
            await asyncio.sleep(0.01)
    await hub.settle()
    assert sum(groups) == 20 and max(groups) <= 64 // 2 // 8
    assert all([frame.over for frame in link.of(wire.Hold)] == [False, True] for _learner, link in studying)


async def test_a_journal_that_fills_again_stops_the_letting_go_and_a_drain_waits_for_nobody() -> None:
    house = House(journal_facts=16, journal_facts_max=16, journal_every_ms=10)
    hub = house.hub
    studying = [await house.studying(number) for number in range(1, 6)]
    await hub.journal.flush()
    hub.holding.switch(True)
    await hub.journal.flush()
    hub.holding.switch(False)
    await asyncio.sleep(0)
    assert sum(learner.session.held for learner, _link in studying) == 4
    hub.holding.switch(True)
    await hub.settle()
    assert all(learner.session.held for learner, _link in studying)
    house.sql.gone = True
    hub.holding.switch(False)
    for learner, _link in studying:
        await hub.finish(learner, "drained", release=False)
    await hub.settle()
