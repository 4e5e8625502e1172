"""Counts by the second, from a load process to the controller and added up without loss."""

from __future__ import annotations

from bench.certify import orders
from bench.certify.orders import Word
from bench.certify.plan import shares
from bench.certify.seconds import Seconds
from bench.certify.tally import Tally


def told(tally: Tally, now_s: float) -> list:
    """What arrives at the controller."""
    return orders.read_word(orders.encode(Word(seconds=tally.hand_over(now_s)))).seconds


def test_a_second_is_told_when_it_is_old_and_late_answers_are_added() -> None:
    tally, whole = Tally(), Seconds()
    tally.at(10.2).sent += 2
    tally.at(10.9).latency.add(1_500)
    tally.at(11.0).errors["cut"] += 1
    assert told(tally, 12.4) == []
    (first,) = told(tally, 12.5)
    whole.add(first)
    tally.at(10.9).latency.add(9_000_000)
    for second in told(tally, 60.0):
        whole.add(second)
    assert whole.ticks[10].sent == 2
    found = whole.window(10.0, 12.0)
    assert found.latency.count == 2 and found.latency.max_us == 9_000_000 and found.errors == {"cut": 1}


def test_a_window_takes_whole_seconds_only() -> None:
    whole = Seconds()
    tally = Tally()
    for second in range(5):
        tally.at(second).sent += 1
    for one in tally.hand_over(0.0, everything=True):
        whole.add(one)
    assert whole.window(0.5, 3.9).sent == 2


def test_learners_are_dealt_evenly_and_completely() -> None:
    parts = shares(10_001, 8)
    assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]
    assert (parts[0].start, parts[-1].stop) == (0, 10_001) and {len(part) for part in parts} == {1_250, 1_251}
