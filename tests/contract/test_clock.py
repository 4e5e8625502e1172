"""Clocks: engine time never steps, conversions are exact inverses, and days end where the institution says."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctor.adapters.clock import SystemClock, local_day
from proctor.adapters.memory import ManualClock

EPOCH_MS = st.integers(1_500_000_000_000, 2_500_000_000_000)
ZONES = ["Asia/Shanghai", "UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"]


@pytest.fixture(params=[ManualClock, SystemClock], ids=["manual", "system"])
def clock(request):
    return request.param()


def test_engine_time_reads_like_an_epoch_and_redis_time_is_its_offset(clock) -> None:
    now_ms = clock.now_ms()
    assert 1_700_000_000_000 < now_ms < 2_500_000_000_000
    assert clock.redis_ms(now_ms) == now_ms, "nothing was observed yet"
    clock.observe(now_ms + 5_000)
    assert abs(clock.redis_ms(now_ms) - (now_ms + 5_000)) <= 100


@given(EPOCH_MS, st.integers(-86_400_000, 86_400_000))
def test_engine_ms_is_the_inverse_of_redis_ms(at_ms: int, offset_ms: int) -> None:
    for clock in (ManualClock(), SystemClock()):
        clock.observe(clock.now_ms() + offset_ms)
        assert clock.engine_ms(clock.redis_ms(at_ms)) == at_ms


def test_a_step_of_the_host_s_clock_does_not_move_engine_time(monkeypatch) -> None:
    clock = SystemClock()
    before = clock.now_ms()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 0 <= clock.now_ms() - before < 1_000


def test_engine_time_goes_on_and_never_back(clock) -> None:
    seen = [clock.now_ms() for _n in range(1_000)]
    assert seen == sorted(seen)
    if isinstance(clock, ManualClock):
        clock.advance(5)
        assert clock.now_ms() == seen[-1] + 5
        with pytest.raises(AssertionError):
            clock.advance(-1)


@given(EPOCH_MS, st.sampled_from(ZONES))
def test_a_day_is_the_local_one_and_ends_at_the_next_local_midnight(at_ms: int, zone: str) -> None:
    day, end_ms = local_day(at_ms, zone)
    assert day == datetime.fromtimestamp(at_ms / 1_000, ZoneInfo(zone)).strftime("%Y-%m-%d")
    assert at_ms < end_ms <= at_ms + 25 * 3_600_000
    assert local_day(end_ms - 1, zone)[0] == day and local_day(end_ms, zone)[0] > day


def test_the_day_s_end_is_told_in_engine_time(clock) -> None:
    now_ms = clock.now_ms()
    clock.observe(now_ms + 3_600_000)
    day, end_ms = clock.day(now_ms, "Asia/Shanghai")
    expected, redis_end_ms = local_day(clock.redis_ms(now_ms), "Asia/Shanghai")
    assert day == expected and abs(clock.redis_ms(end_ms) - redis_end_ms) <= 1
