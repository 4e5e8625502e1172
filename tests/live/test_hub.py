"""The hub over stores in memory: what each frame, fault and end does to the learner, the lease and the record."""

from __future__ import annotations

import asyncio

import pytest

from proctor import errors
from proctor.core import wire
from proctor.core.facts import Outcome
from proctor.core.snapshot import decode_snapshot
from tests.live.house import House, MemoryLink, beat


async def test_a_start_is_welcomed_with_its_check_and_an_honest_beat_earns_its_time() -> None:
    house = House()
    learner, link = await house.start()
    assert learner is not None
    welcome = link.sent[0]
    assert isinstance(welcome, wire.Welcome) and welcome.fence == 1 and welcome.earns and welcome.check is not None
    await house.judge(learner, Outcome.PASSED)
    beat(house.hub, learner, "play")
    house.clock.advance(10_000)
    ack = beat(house.hub, learner, "beat", 10_000)
    assert ack.counting and ack.total_ms == 10_000 and ack.durable == 0


async def test_durable_and_stored_follow_the_stores() -> None:
    house = House()
    learner, _link = await house.studying()
    house.clock.advance(10_000)
    beat(house.hub, learner, "beat", 10_000)
    await house.hub.keeper.sync([learner])
    house.clock.advance(10_000)
    ack = beat(house.hub, learner, "pause", 10_000)
    assert (ack.durable, ack.stored) == (2, 0)
    await house.hub.journal.flush()
    covered, _provisional, totals = await house.records.coverage(1, 1)
    assert covered == ((0, 20_000),) and totals.provisional_ms == 20_000
    house.clock.advance(1_000)
    assert beat(house.hub, learner, "beat").stored == 3


async def test_a_used_ticket_is_refused_and_told_so() -> None:
    house = House()
    claim = house.claim()
    await house.start(claim)
    learner, link = await house.start(house.claim(page="page-b", ticket_id=claim.ticket_id))
    assert learner is None and link.closed == (errors.CLOSE_TICKET, "ticket_used")


@pytest.mark.parametrize(("port", "word"), [("redis", "unavailable"), ("sql", "unavailable")])
async def test_a_store_that_does_not_answer_asks_the_player_to_dial_again(port: str, word: str) -> None:
    house = House()
    getattr(house, port).gone = True
    learner, link = await house.start()
    assert learner is None and link.closed == (errors.CLOSE_UNAVAILABLE, word)
    assert house.hub.learners == {}


async def test_the_same_page_again_replaces_its_dead_socket_and_loses_nothing() -> None:
    house = House()
    claim = house.claim()
    learner, link = await house.studying()
    house.clock.advance(5_000)
    beat(house.hub, learner, "beat", 5_000)
    again, new = await house.resume(claim, learner.session.fence)
    assert link.closed == (errors.CLOSE_REPLACED, "replaced") and again is house.hub.learners[1]
    assert new.sent[0].total_ms == 5_000


async def test_a_reconnect_whose_own_opening_fills_the_journal_keeps_what_was_played(monkeypatch) -> None:
    """The session was held before it had been granted what its page had played without a line (seed 132)."""
    house = House()
    claim = house.claim()
    learner, _link = await house.studying()
    house.clock.advance(5_000)
    beat(house.hub, learner, "beat", 5_000)
    house.hub.disconnected(learner)
    await house.hub.settle()
    house.clock.advance(4_000)
    monkeypatch.setattr(house.hub.journal, "_facts_max", house.hub.journal.waiting_facts)
    again, _new = await house.resume(claim, learner.session.fence, spans=((0, 9_000),), frames=200, pos=9_000)
    assert again is not None and again.session.held
    assert again.session.credit.covered == ((0, 9_000),)


async def test_who_is_asked_for_the_seat_while_redis_hangs_is_stored_before_it_is_taken(monkeypatch) -> None:
    """The snapshot hung, the seat was taken by force, and what was called durable was in no store (seed 1050)."""
    house = House(handover_ms=20)
    learner, _link = await house.studying()
    await house.hub.journal.flush()
    house.clock.advance(5_000)
    beat(house.hub, learner, "beat", 5_000)
    back = asyncio.Event()

    async def hangs(_learners) -> None:
        await back.wait()

    monkeypatch.setattr(house.hub.keeper, "sync", hangs)
    house.hub.asked_to_hand_over(learner, "phone")
    await house.hub.journal.flush()
    assert decode_snapshot(house.records.seats[1].state).open_spans == ((0, 5_000),)
    async with asyncio.timeout(5):
        while not learner.over:
            await asyncio.sleep(0.005)
    back.set()
    await house.hub.settle()


async def test_bye_frees_the_lease_at_once_and_a_lost_socket_keeps_it() -> None:
    house = House()
    learner, _link = await house.studying()
    house.hub.disconnected(learner)
    await house.hub.settle()
    assert await house.redis.holder(1) is not None
    learner, link = await house.studying(2)
    house.hub.bye(learner)
    await house.hub.settle()
    assert await house.redis.holder(2) is None and link.closed == (1000, "bye")


async def test_too_many_beats_end_the_socket_and_keep_what_was_earned() -> None:
    house = House()
    learner, link = await house.studying()
    house.clock.advance(2_000)
    beat(house.hub, learner, "beat", 2_000)
    for _again in range(400):
        if link.closed:
            break
        beat(house.hub, learner, "beat")
    await house.hub.settle()
    await house.hub.journal.flush()
    assert link.closed == (errors.CLOSE_PROTOCOL, "too often")
    assert (await house.records.coverage(1, 1))[0] == ((0, 2_000),)


async def test_a_full_journal_holds_everybody_and_lets_them_go_when_sql_is_back() -> None:
    house = House(journal_facts=2, journal_facts_max=6)
    learner, link = await house.studying()
    await house.hub.journal.flush()
    house.sql.gone = True
    for _n in range(8):
        house.clock.advance(2_000)
        beat(house.hub, learner, "pause", 1_000)
        beat(house.hub, learner, "play")
    assert link.of(wire.Hold)[-1].why == "journal_full" and not beat(house.hub, learner, "beat", 0).counting
    _late, held = await house.start(house.claim(2))
    assert _late is None, "SQL is gone: no seat"
    house.sql.gone = False
    await house.hub.journal.flush()
    await house.hub.settle()
    assert link.of(wire.Hold)[-1].over and house.hub.journal.waiting_facts <= 6
    assert held.closed == (errors.CLOSE_UNAVAILABLE, "unavailable")


async def test_two_mismatches_stop_the_lesson_and_say_so() -> None:
    house = House()
    learner, link = await house.start()
    assert learner is not None
    for _burst in range(2):
        await house.judge(learner, Outcome.MISMATCH)
    await house.hub.settle()
    assert link.closed == (errors.CLOSE_CHECK_STOPPED, "stopped") and learner.over
    assert link.last(wire.Lost).why == "stopped"


async def test_nothing_of_a_taken_session_is_written_any_more() -> None:
    house = House()
    learner, link = await house.studying()
    house.hub.taken(learner, "phone")
    assert link.closed == (errors.CLOSE_TAKEN_OVER, "taken_over") and link.last(wire.Lost).device == "phone"
    told = len(link.sent)
    house.hub.beat(learner, wire.Beat(seq=9, kind="beat", pos=0))
    house.hub.bye(learner)
    await house.hub.finish(learner, "left", release=True)
    assert len(link.sent) == told and await house.redis.holder(1) is not None


async def test_background_work_that_fails_is_forgotten_and_does_not_stop_the_hub() -> None:
    house = House()

    async def fails() -> None:
        raise RuntimeError("a bug")

    house.hub.spawn(fails())
    await house.hub.settle()
    learner, _link = await house.start()
    assert learner is not None


async def test_a_midnight_between_beats_starts_a_new_day_of_use() -> None:
    house = House()
    learner, _link = await house.studying()
    house.clock.advance(10_000)
    beat(house.hub, learner, "beat", 10_000)
    assert learner.session.day_used_ms == 10_000
    house.clock.advance(learner.session.day_end_ms - house.clock.now_ms())
    house.hub.tick(learner, house.clock.now_ms())
    assert learner.session.day_used_ms == 0


async def test_hanging_links_are_never_written_to_after_the_end() -> None:
    link = MemoryLink()
    link.close(1000)
    link.send(wire.Hold(why="x"))
    assert link.sent == []
