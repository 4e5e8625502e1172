"""Engine time: steady against steps of the host's clock, and local days that end where people say."""

from __future__ import annotations

import time

import pytest

from proctor.adapters.clock import SystemClock, local_day

HOUR_MS = 3_600_000
# 2026-03-29 00:30 UTC: summer time began in Berlin half an hour later.
SPRING_MS = 1_774_744_200_000


@pytest.mark.parametrize(
    ("epoch_ms", "zone", "day", "left_ms"),
    [
        (0, "UTC", "1970-01-01", 24 * HOUR_MS),
        (0, "Asia/Shanghai", "1970-01-01", 16 * HOUR_MS),
        (16 * HOUR_MS - 1, "Asia/Shanghai", "1970-01-01", 1),
        (16 * HOUR_MS, "Asia/Shanghai", "1970-01-02", 24 * HOUR_MS),
        (SPRING_MS, "Europe/Berlin", "2026-03-29", int(21.5 * HOUR_MS)),
    ],
)
def test_a_local_day_ends_at_its_midnight_also_when_clocks_are_turned(epoch_ms, zone, day, left_ms) -> None:
    assert local_day(epoch_ms, zone) == (day, epoch_ms + left_ms)


def test_a_step_of_the_hosts_clock_does_not_move_it(monkeypatch) -> None:
    clock = SystemClock()
    before = clock.now_ms()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert 0 <= clock.now_ms() - before < 1_000


def test_labels_follow_redis_and_days_are_told_in_engine_time() -> None:
    clock = SystemClock()
    ahead_ms = 90 * 60_000
    clock.observe(clock.now_ms() + ahead_ms)
    now_ms = clock.now_ms()
    assert abs(clock.redis_ms(now_ms) - now_ms - ahead_ms) < 50
    assert clock.engine_ms(clock.redis_ms(now_ms)) == now_ms
    day, end_ms = clock.day(now_ms, "Asia/Shanghai")
    assert (day, clock.redis_ms(end_ms)) == local_day(clock.redis_ms(now_ms), "Asia/Shanghai")
