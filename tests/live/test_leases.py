"""The keeper: who is due is renewed, who changed is durable, who lost it is told, and an outage loses nothing."""

from __future__ import annotations

import asyncio

import pytest

from proctor.errors import Unavailable
from tests.live.house import House, beat


async def test_only_who_changed_or_is_due_is_sent() -> None:
    house = House()
    learner, _link = await house.studying()
    keeper = house.hub.keeper
    assert keeper._due(lambda: [learner]) == [learner]
    await keeper.sync([learner])
    assert keeper._due(lambda: [learner]) == []
    house.clock.advance(10_000)
    assert keeper._due(lambda: [learner]) == [learner], "a third of the lease's life is over"
    await keeper.sync([learner])
    beat(house.hub, learner, "beat")
    assert keeper._due(lambda: [learner]) == [learner]
    await keeper.sync([])
    assert house.redis.calls["sync"] == 2


async def test_a_beat_is_durable_when_its_snapshot_is_stored_and_not_one_that_came_meanwhile(monkeypatch) -> None:
    house = House()
    learner, _link = await house.studying()
    house.clock.advance(3_000)
    beat(house.hub, learner, "beat", 3_000)
    real = house.redis._port.sync

    async def slow(items):
        beat(house.hub, learner, "beat")
        return await real(items)

    monkeypatch.setattr(house.redis._port, "sync", slow)
    await house.hub.keeper.sync([learner])
    assert (learner.session.durable_seq, learner.session.seq) == (2, 3) and learner.session.changed


async def test_a_call_under_way_does_not_revive_a_lease_that_is_released_meanwhile(monkeypatch) -> None:
    house = House()
    learner, _link = await house.studying()
    real, under_way, go_on = house.redis._port.sync, asyncio.Event(), asyncio.Event()

    async def first_is_slow(items):
        if not under_way.is_set():
            under_way.set()
            await go_on.wait()
        return await real(items)

    monkeypatch.setattr(house.redis._port, "sync", first_is_slow)
    renewing = asyncio.create_task(house.hub.keeper.sync([learner]))
    await under_way.wait()
    leaving = asyncio.create_task(house.hub.finish(learner, "left", release=True))
    await asyncio.sleep(0.2)
    go_on.set()
    await asyncio.gather(renewing, leaving)
    assert await house.redis.holder(1) is None


async def test_an_outage_makes_nothing_durable_and_afterwards_everything() -> None:
    house = House()
    learner, _link = await house.studying()
    house.redis.gone = True
    with pytest.raises(Unavailable):
        await house.hub.keeper.sync([learner])
    assert learner.session.durable_seq == 0 and learner.session.changed
    house.redis.gone = False
    await house.hub.keeper.sync([learner])
    assert learner.session.durable_seq == learner.session.seq


async def test_a_lease_that_ran_out_while_nobody_took_it_is_its_own_again() -> None:
    house = House()
    learner, _link = await house.studying()
    await house.hub.keeper.sync([learner])
    house.clock.advance(60_000)
    assert await house.redis.holder(1) is None
    await house.hub.keeper.sync([learner])
    assert (await house.redis.holder(1))[1] == learner.session.fence and not learner.over


async def test_a_snapshot_stays_within_its_bound_with_everything_in_it() -> None:
    house = House()
    learner, _link = await house.studying()
    for _n in range(40):
        house.clock.advance(3_000)
        beat(house.hub, learner, "seek", 1_000, pos=learner.session.position_ms + 3_000)
        beat(house.hub, learner, "play")
        await house.hub.keeper.sync([learner])
    assert 0 < house.hub.keeper.bytes_max <= house.settings.snapshot_bytes_max


async def test_its_loop_goes_on_after_an_outage_and_says_that_ours_is_at_fault() -> None:
    house = House(snapshot_every_ms=10)
    learner, _link = await house.start()
    assert learner is not None and not learner.trouble
    house.redis.gone = True
    stop = asyncio.Event()
    task = asyncio.create_task(house.hub.keeper.run(stop, lambda: list(house.hub.learners.values())))
    async with asyncio.timeout(10):
        while not house.hub.keeper.failures:
            await asyncio.sleep(0.01)
        assert learner.trouble, "the pending check is not the learner's fault"
        house.redis.gone = False
        while learner.session.changed:
            await asyncio.sleep(0.01)
    stop.set()
    task.cancel()
