"""Turns: due checks are asked as fast as workers answer, the oldest first, and nobody is failed for waiting."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proctor.adapters.memory_jobs import MemoryJobs
from proctor.core import wire
from proctor.core.facts import CheckKind, Outcome
from proctor.errors import Unavailable
from proctor.live import turns as turns_module
from proctor.live.ticker import scan
from proctor.live.turns import CALM, PATIENCE, PUSH, UNKNOWN_MS, Turns, follow, rate_of, workers_wanted
from proctor.ports import Backlog
from tests.live.house import House

NOW_MS = 1_000


def backlog(**changes: Any) -> Backlog:
    values: dict[str, Any] = {
        "waiting": 0, "judging": 0, "oldest_ms": 0, "institutions": 0, "dead": 0, "queued": 0, "per_second": 0.0,
        "workers": 2, "burst_ms": 50.0, "nodes": 1, "due": 0,
    }  # fmt: skip
    return Backlog(**{**values, **changes})


def taken(turns: Turns, now_ms: int, tries: int = 1_000) -> int:
    return sum(turns.take(now_ms) for _n in range(tries))


def test_nothing_is_limited_while_nobody_knows_of_a_worker() -> None:
    turns = Turns()
    assert taken(turns, NOW_MS) == 1_000 and turns.waiting == 0
    assert rate_of(backlog(workers=0, burst_ms=0.0), 0, 10_000) is None


def test_turns_come_at_their_rate_and_unused_ones_are_kept_for_a_moment_only() -> None:
    turns = Turns()
    turns.learn(10.0, NOW_MS)
    assert taken(turns, NOW_MS) == 20, "two seconds may be taken at once"
    assert turns.waiting == 980
    assert [taken(turns, NOW_MS + ms) for ms in (100, 150, 200, 1_200)] == [1, 0, 1, 10]
    assert taken(turns, NOW_MS + 3_600_000) == 20
    turns.learn(0.0, NOW_MS + 3_600_000)
    assert taken(turns, NOW_MS + 7_200_000) == 0


def test_whoever_is_alone_is_asked_at_once_however_slow_the_workers_are() -> None:
    turns = Turns()
    turns.learn(0.01, NOW_MS)
    assert taken(turns, NOW_MS) == 1


def test_the_rate_is_what_the_workers_can_do_less_what_waits() -> None:
    able = 2 * 1_000 / 50
    assert rate_of(backlog(), 0, 10_000) == pytest.approx(able * PUSH)
    half = int(10_000 * PATIENCE / 2 * able / 1_000)
    assert rate_of(backlog(waiting=half), 0, 10_000) == pytest.approx(able * PUSH / 2)
    assert rate_of(backlog(waiting=half, judging=half), 0, 10_000) == 0
    assert rate_of(backlog(burst_ms=0.0), 0, 10_000) == pytest.approx(2 * 1_000 / UNKNOWN_MS * PUSH)


def test_gateways_share_the_turns_by_what_waits_with_them() -> None:
    all_ms = rate_of(backlog(), 0, 10_000)
    assert all_ms is not None
    shares = [rate_of(backlog(nodes=3, due=97), due, 10_000) for due in (97, 0, 0)]
    assert sum(share or 0 for share in shares) == pytest.approx(all_ms)
    assert shares[0] == pytest.approx(all_ms * 0.98) and shares[1] == pytest.approx(all_ms * 0.01)


def test_slow_workers_make_nobody_wait_while_nothing_is_asked_of_them() -> None:
    slow = {"workers": 1, "burst_ms": 1_500.0, "nodes": 2}
    assert rate_of(backlog(**slow), 0, 10_000) == CALM
    for asked in ({"waiting": 1}, {"due": 1}):
        rate = rate_of(backlog(**slow, **asked), 0, 10_000)
        assert rate is not None and rate < 1


def test_workers_are_wanted_for_what_comes_and_for_what_waits() -> None:
    assert workers_wanted(backlog(workers=0, burst_ms=0.0)) == 1
    assert workers_wanted(backlog(per_second=28.0)) == 2  # 1.4 cores of work at 70 %
    assert workers_wanted(backlog(per_second=28.0, waiting=150, due=600)) == 4  # and 25 a second for half a minute


async def test_start_checks_beyond_the_turns_wait_while_playback_goes_on() -> None:
    house = House()
    house.hub.turns.learn(0.5, house.clock.now_ms())
    opened = [await house.start(house.claim(number)) for number in (1, 2, 3)]
    sessions = [learner.session for learner, _link in opened if learner is not None]
    assert [one.person.check is not None for one in sessions] == [True, False, False]
    assert [one.person.blocks for one in sessions] == [True, False, False], "a check to come bars nobody"
    assert [one.person.due for one in sessions] == [None, CheckKind.RANDOM, CheckKind.RANDOM]
    asked = []
    for _second in range(4):
        house.clock.advance(1_000)
        scan(house.hub, house.clock.now_ms())
        await house.hub.settle()
        asked.append([len(link.of(wire.Check)) for _learner, link in opened])
    assert asked == [[0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 1, 1]], "the oldest first"
    assert house.hub.turns.waiting == 0
    # It owes what the start check would have been.
    assert sessions[1].person.check is not None and sessions[1].person.check.way == sessions[0].person.check.way  # type: ignore[union-attr]


async def test_those_who_stand_still_and_those_who_answer_by_code_are_asked_at_once() -> None:
    house = House()
    (learner, _link), (other, _other) = await house.studying(1), await house.studying(2)
    house.hub.turns.learn(0.0, house.clock.now_ms())
    taken(house.hub.turns, house.clock.now_ms())
    learner.session.person.must = True
    learner.session.person.take(house.clock.now_ms())
    other.session.person.consent = False
    other.session.person._ask(CheckKind.RANDOM, house.clock.now_ms(), True)
    for one in (learner, other):
        house.hub.tick(one, house.clock.now_ms())
        one.session._plan(house.clock.now_ms())
        house.hub.tick(one, house.clock.now_ms())
        assert one.session.person.check is not None


async def test_who_waits_is_failed_by_nothing_and_passes_in_the_end() -> None:
    house = House()
    learner, link = await house.start()
    assert learner is not None
    await house.judge(learner, Outcome.PASSED)
    house.hub.turns.learn(0.0, house.clock.now_ms())
    taken(house.hub.turns, house.clock.now_ms())
    learner.session.person._ask(CheckKind.RANDOM, house.clock.now_ms(), True)
    learner.session._plan(house.clock.now_ms())
    house.hub.alarms.set(learner, learner.session.due_ms)
    for _second in range(120):
        house.clock.advance(1_000)
        learner.heard_ms = house.clock.now_ms()
        scan(house.hub, house.clock.now_ms())
    assert house.hub.turns.waiting == 1 and learner.session.person.check is None and link.closed is None
    house.hub.turns.learn(5.0, house.clock.now_ms())
    house.clock.advance(1_000)
    scan(house.hub, house.clock.now_ms())
    await house.hub.settle()
    assert learner.session.person.check is not None
    await house.judge(learner, Outcome.PASSED)
    assert link.of(wire.VerdictPush)[-1].outcome == "passed"


async def test_the_gateway_learns_from_the_queue_and_keeps_the_last_word_while_redis_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns_module, "EVERY_S", 0.01)
    house, turns, stop = House(), Turns(), asyncio.Event()
    jobs = MemoryJobs(lambda: house.clock.now_ms())
    await jobs.take("w", 1, 1, 50.0)
    turns.waiting = 3
    task = asyncio.create_task(follow(turns, jobs, house.clock, stop, node="g", verdict_ms=10_000))
    async with asyncio.timeout(5):
        while turns.rate is None:
            await asyncio.sleep(0.005)
    assert turns.rate == pytest.approx(20 * PUSH) and (await jobs.backlog()).due == 3

    async def gone(*_args: object) -> Backlog:
        raise Unavailable("redis")

    monkeypatch.setattr(jobs, "backlog", gone)
    await asyncio.sleep(0.05)
    assert turns.rate == pytest.approx(20 * PUSH) and not task.done()
    stop.set()
    await asyncio.wait_for(task, 2)
