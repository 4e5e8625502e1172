"""Checks: what the port promises, in memory and on a real Valkey."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from proctor.adapters import redis_checks
from proctor.adapters.memory import MemoryChecks, MemoryInbox
from proctor.adapters.redis_checks import RedisChecks
from proctor.adapters.redis_client import redis_time_ms
from proctor.adapters.redis_inbox import RedisInbox
from proctor.core.facts import Outcome
from proctor.core.inputs import Verdict
from proctor.ports import Accepted, CheckTicket, NotAccepted, UploadAccepted, VerdictReady
from tests.contract.listening import Listening

_numbers = itertools.count(1)


class Desk:
    """The port under test, its inbox, and how to let time pass for one check."""

    def __init__(self, client) -> None:
        self.client = client
        self.now_ms = 1_790_000_000_000
        self.inbox = RedisInbox(client) if client else MemoryInbox()
        self.checks = RedisChecks(client, self.inbox) if client else MemoryChecks(lambda: self.now_ms, self.inbox)

    async def time_ms(self) -> int:
        return await redis_time_ms(self.client) if self.client else self.now_ms

    async def deadline_passed(self, check_id: str) -> None:
        """The stored deadline is moved instead of waiting for it."""
        if self.client:
            await self.client.hset(RedisChecks._key(check_id), "deadline", (await self.time_ms()) - 1)
        else:
            self.now_ms = self.checks._rows[check_id].deadline_ms + 1


@pytest.fixture
def desk(client) -> Desk:
    return Desk(client)


def ticket(try_number: int = 1, check_id: str = "") -> CheckTicket:
    return CheckTicket(
        check_id=check_id or f"check{next(_numbers)}", try_number=try_number, learner_id=7, institution_id=1,
        lesson_id=1, device_id="d", page_id="p", nonce="n", expires_redis_ms=0,
    )  # fmt: skip


def verdict(of: CheckTicket, outcome: Outcome = Outcome.PASSED, **fields) -> Verdict:
    return Verdict(check_id=of.check_id, try_number=of.try_number, outcome=outcome, **fields)


def why(answer) -> str:
    assert isinstance(answer, NotAccepted), answer
    return answer.why


async def test_the_first_upload_of_an_open_burst_is_accepted_at_redis_time(desk: Desk) -> None:
    one = ticket()
    opened_ms = await desk.checks.open(one, 60_000, "n1")
    assert await desk.checks.accepted(one.check_id, 1) == 0
    answer = await desk.checks.accept(one, "a")
    assert isinstance(answer, Accepted) and answer.fresh
    assert opened_ms <= answer.redis_ms == await desk.checks.accepted(one.check_id, 1) <= await desk.time_ms()


async def test_the_same_bytes_again_are_no_news_and_other_bytes_are_refused(desk: Desk) -> None:
    one = ticket()
    await desk.checks.open(one, 60_000, "n1")
    await desk.checks.accept(one, "a")
    again = await desk.checks.accept(one, "a")
    assert isinstance(again, Accepted) and not again.fresh
    assert why(await desk.checks.accept(one, "b")) == "other_bytes"


async def test_the_same_bytes_count_also_after_the_deadline_and_until_there_is_a_verdict(desk: Desk) -> None:
    one = ticket()
    await desk.checks.open(one, 60_000, "n1")
    await desk.checks.accept(one, "a")
    await desk.deadline_passed(one.check_id)
    assert isinstance(await desk.checks.accept(one, "a"), Accepted)
    await desk.checks.judge(verdict(one))
    assert why(await desk.checks.accept(one, "a")) == "judged"


async def test_a_burst_after_its_deadline_is_late_and_opening_again_moves_it(desk: Desk) -> None:
    one = ticket()
    await desk.checks.open(one, 60_000, "n1")
    await desk.deadline_passed(one.check_id)
    assert why(await desk.checks.accept(one, "a")) == "late"
    await desk.checks.open(one, 60_000, "n2")
    assert isinstance(await desk.checks.accept(one, "a"), Accepted)


async def test_an_acceptance_says_how_long_ago_its_try_was_first_opened(desk: Desk) -> None:
    """Also when a reconnect opened it again, and each try by itself."""
    first = ticket()
    second = ticket(2, first.check_id)
    opened_ms = await desk.checks.open(first, 60_000, "n1")
    await asyncio.sleep(0.12)
    await desk.checks.open(first, 60_000, "n2")
    answer = await desk.checks.accept(first, "a")
    assert isinstance(answer, Accepted) and answer.open_ms == answer.redis_ms - opened_ms
    opened_ms = await desk.checks.open(second, 60_000, "n2")
    answer = await desk.checks.accept(second, "b")
    assert isinstance(answer, Accepted) and answer.open_ms == answer.redis_ms - opened_ms <= 100


async def test_opening_again_keeps_what_was_accepted(desk: Desk) -> None:
    one = ticket()
    await desk.checks.open(one, 60_000, "n1")
    first = await desk.checks.accept(one, "a")
    await desk.checks.open(one, 60_000, "n2")
    assert await desk.checks.accepted(one.check_id, 1) == first.redis_ms
    assert why(await desk.checks.accept(one, "b")) == "other_bytes"


async def test_another_try_than_the_open_one_is_closed_and_a_check_that_nobody_opened_unknown(desk: Desk) -> None:
    one = ticket()
    assert why(await desk.checks.accept(one, "a")) == "unknown"
    await desk.checks.open(one, 60_000, "n1")
    await desk.checks.open(ticket(2, one.check_id), 60_000, "n1")
    assert why(await desk.checks.accept(one, "a")) == "closed"
    assert why(await desk.checks.accept(ticket(3, one.check_id), "a")) == "closed"
    assert isinstance(await desk.checks.accept(ticket(2, one.check_id), "a"), Accepted)


async def test_nothing_of_a_cancelled_check_is_accepted_whatever_comes_after(desk: Desk) -> None:
    one = ticket()
    await desk.checks.open(one, 60_000, "n1")
    await desk.checks.cancel(one.check_id)
    await desk.checks.open(one, 60_000, "n2")
    assert why(await desk.checks.accept(one, "a")) == "cancelled"
    never = ticket()
    await desk.checks.cancel(never.check_id)
    await desk.checks.open(never, 60_000, "n1")
    assert why(await desk.checks.accept(never, "a")) == "cancelled"


async def test_the_first_verdict_stays_and_is_pushed_once_to_the_node_of_the_check(desk: Desk) -> None:
    one = ticket()
    await desk.checks.open(one, 60_000, "n1")
    await desk.checks.open(one, 60_000, "n2")
    async with Listening(desk.inbox, "n1") as old, Listening(desk.inbox, "n2") as new:
        await desk.checks.accept(one, "a")
        await desk.checks.judge(verdict(one, score=0.5))
        await desk.checks.judge(verdict(one, Outcome.MISMATCH))
        accepted, judged = await new.take(2)
        assert isinstance(accepted, UploadAccepted) and accepted.learner_id == 7
        assert accepted.redis_ms == await desk.checks.accepted(one.check_id, 1)
        assert judged == VerdictReady(learner_id=7, verdict=verdict(one, score=0.5))
        assert await new.nothing_more() and await old.nothing_more()
    assert await desk.checks.verdict(one.check_id, 1) == verdict(one, score=0.5)


async def test_a_verdict_of_a_check_that_nobody_opened_is_kept_and_pushed_nowhere(desk: Desk) -> None:
    """In memory such a check counted as judged, in Redis as unknown: an upload for it is unknown in both."""
    one = ticket()
    assert await desk.checks.verdict(one.check_id, 1) is None
    await desk.checks.judge(verdict(one))
    assert await desk.checks.verdict(one.check_id, 1) == verdict(one)
    assert await desk.checks.verdict(one.check_id, 2) is None
    assert why(await desk.checks.accept(one, "a")) == "unknown"


async def test_a_verdict_is_kept_for_an_hour(desk: Desk) -> None:
    one = ticket()
    await desk.checks.open(one, 60_000, "n1")
    await desk.checks.judge(verdict(one))
    if desk.client:
        left_ms = await desk.client.pttl(RedisChecks._key(one.check_id))
        assert 3_590_000 < left_ms <= redis_checks.KEEP_MS == 3_600_000
        return
    desk.now_ms += 3_599_999
    assert await desk.checks.verdict(one.check_id, 1) is not None
    desk.now_ms += 1
    assert await desk.checks.verdict(one.check_id, 1) is None


@pytest.mark.parametrize("same", [True, False], ids=["same bytes", "other bytes"])
async def test_of_many_uploads_at_once_exactly_one_is_fresh(desk: Desk, same: bool) -> None:
    one = ticket()
    await desk.checks.open(one, 60_000, "n1")
    digests = ["a" if same else str(n) for n in range(20)]
    answers = await asyncio.gather(*(desk.checks.accept(one, digest) for digest in digests))
    fresh = [answer for answer in answers if isinstance(answer, Accepted) and answer.fresh]
    others = [answer for answer in answers if answer not in fresh]
    assert len(fresh) == 1
    if same:
        assert all(isinstance(answer, Accepted) for answer in others)
    else:
        assert {why(answer) for answer in others} == {"other_bytes"}
