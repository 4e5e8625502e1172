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
    ],
)
def test_a_pack_that_contradicts_itself_is_refused(wrong) -> None:
    with pytest.raises(AssertionError):
        Policy(**wrong)
