"""The default pack, and numbers that contradict each other."""

from __future__ import annotations

import pytest

from proctor.core.policy import DEFAULT, Policy


def test_the_default_pack_keeps_the_relations_that_the_rules_rely_on() -> None:
    assert DEFAULT.gap_ms_max == 3 * DEFAULT.beat_ms and DEFAULT.slack_ms_max == DEFAULT.beat_ms
    assert DEFAULT.durable_pause_ms * 6 == DEFAULT.gap_ms_max * 5 and DEFAULT.rate_max_permille == 1_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"beat_ms": 0},
        {"beat_ms": 20_000},
        {"durable_nudge_ms": 25_000},
        {"durable_pause_ms": 30_001},
        {"slack_ms_max": 30_001},
        {"check_every_ms_min": 900_001},
        {"check_tries": 0},
        {"review_persons": 3},
        {"active_one_in": -1},
        {"active_turns": 0},
    ],
)
def test_a_pack_that_contradicts_itself_is_refused(wrong) -> None:
    with pytest.raises(AssertionError):
        Policy(**wrong)


def test_the_default_pack_is_that_of_the_domain() -> None:
    """Row by row: beat, gap, checks, window and tries, miss ratio, repeat and rate, daily cap, second person."""
    minute_ms, hour_ms = 60_000, 3_600_000
    assert (DEFAULT.beat_ms, DEFAULT.gap_ms_max) == (10_000, 30_000)
    assert (DEFAULT.second_device, DEFAULT.takeovers_per_hour_flag) == ("newest", 3)
    assert DEFAULT.check_at_start and DEFAULT.check_at_end
    assert (DEFAULT.check_every_ms_min, DEFAULT.check_every_ms_max) == (7 * minute_ms, 15 * minute_ms)
    assert (DEFAULT.check_window_ms, DEFAULT.check_tries) == (minute_ms, 3)
    assert (DEFAULT.misses_review_per_10000, DEFAULT.makeup_days) == (1_875, 3)  # 9 of 48
    assert DEFAULT.rate_max_permille == 1_000 and DEFAULT.daily_cap_ms == 6 * hour_ms == 8 * 45 * minute_ms
    assert DEFAULT.active_start and DEFAULT.active_end and DEFAULT.active_takeover and DEFAULT.active_one_in == 5
    assert DEFAULT.review_persons == 2 and DEFAULT.complete_rest_ms == 2_000
