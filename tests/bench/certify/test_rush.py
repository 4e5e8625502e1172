"""A rendezvous lets all go at once and counts from the opening of the gate; what the rush is judged by."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from bench.certify.plan import SCENARIOS, Plan
from bench.certify.rush import Outcome, numbers, outcome_rows, rendezvous, sign_in_rows
from bench.histogram import Histogram
from tests.bench.certify.test_judging import missed


def outcome(*seconds: float, **errors: int) -> Outcome:
    found = Outcome(took=Histogram(), errors=Counter(errors))
    for one in seconds:
        found.took.add(int(one * 1e6))
    return found


async def test_nobody_goes_before_all_are_at_the_gate() -> None:
    began: list[float] = []

    async def well() -> str:
        began.append(time.perf_counter())
        await asyncio.sleep(0.05)
        return ""

    async def badly() -> str:
        began.append(time.perf_counter())
        return "page 500"

    async def never() -> str:
        raise TimeoutError

    found = await rendezvous([well, badly, never, well])
    assert max(began) - min(began) < 0.05
    assert found.errors == {"page 500": 1, "TimeoutError": 1}
    assert found.took.count == 4 and 50_000 <= found.took.max_us < 1_000_000


def test_an_operation_that_fails_or_is_slow_misses() -> None:
    assert missed(outcome_rows("S9", "record page", outcome(*[0.5] * 99, 2.9), 100)) == []
    assert missed(outcome_rows("S9", "record page", outcome(*[0.5] * 98, 3.1, 3.1), 100)) == ["certify_s9_p99_s"]
    assert missed(outcome_rows("S9", "record page", outcome(0.5, page=1), 1)) == ["certify_s9_errors"]


def test_sign_ins_may_take_what_their_hashes_cost_and_two_seconds() -> None:
    def met(last_s: float) -> list[bool]:
        rows = sign_in_rows(outcome(0.1, last_s), 1_000, 0.02, 2)
        return [row.met for row in rows if row.met is not None]

    assert met(11.9) == [True, True] and met(12.1) == [True, False]


def test_those_who_rush_are_not_in_the_crowd() -> None:
    plan = Plan(online=50_000, concurrent=1_000, hold_s=9, beat_s=10, gateways=8, loads=8, scenarios=SCENARIOS)
    assert numbers(plan) == range(49_000, 50_000)
