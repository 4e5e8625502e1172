"""Many beats, one fact: open stretches and runs of refusals."""

from __future__ import annotations

from proctor.core.facts import Reason
from proctor.core.stretch import SIGNALS_MAX, RefusedRun, Stretch


def test_a_stretch_is_one_fact_with_a_summary_and_the_next_has_the_next_number() -> None:
    stretch = Stretch(4)
    stretch.add(((0, 10_000),), 20_000, 10_000, 250, ["stalled"])
    stretch.add(((10_000, 20_000),), 32_000, 12_000, -1, ["stalled", "seeked"])
    fact = stretch.close(2, "d", "r", 40_000, "beat:3")
    assert fact is not None and (fact.stretch, fact.spans) == (4, ((0, 20_000),))
    assert (fact.from_at_ms, fact.at_ms, fact.cause) == (10_000, 40_000, "beat:3")
    summary = fact.summary
    assert (summary.beats, summary.gap_ms_max, summary.frames) == (2, 12_000, 250)
    assert summary.signals == ("stalled", "seeked")
    assert stretch.number == 5 and stretch.close(2, "d", "r", 41_000, "x") is None and stretch.number == 5


def test_signals_of_a_stretch_are_bounded() -> None:
    stretch = Stretch(1)
    stretch.add(((0, 1),), 1, 1, 0, [f"s{i}" for i in range(50)])
    assert len(stretch.signals) == SIGNALS_MAX


def test_refusals_for_one_reason_are_one_run_until_the_reason_changes() -> None:
    run = RefusedRun()
    assert run.add(Reason.HIDDEN, (10, 20), 10, 100, 2, "beat:1") is None
    assert run.add(Reason.HIDDEN, (5, 12), 7, 200, 2, "beat:2") is None
    ended = run.add(Reason.BLURRED, (30, 40), 10, 300, 2, "beat:3")
    assert ended is not None
    assert (ended.from_ms, ended.to_ms, ended.ms, ended.beats, ended.from_at_ms) == (5, 20, 17, 2, 100)
    last = run.end(2, 400, "beat:4")
    assert last is not None and (last.reason, last.beats) == (Reason.BLURRED, 1) and run.end(2, 500, "x") is None
