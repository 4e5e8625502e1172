"""From figures to verdicts: thresholds as the issue states them, and no conclusion without its measurement."""

from __future__ import annotations

import pytest

from bench import report
from bench.certify import steady
from bench.certify.meter import Cost, Reading, shares
from bench.certify.paper import verdicts_of
from bench.certify.plan import QUICK, Plan, scenarios_of
from bench.certify.stage import Mark
from bench.certify.tally import Tick
from bench.certify.truth import Truth
from bench.certify.words import CLAUSES, conclusion

PLAN = Plan(online=100_000, concurrent=1_000, hold_s=120, beat_s=10, gateways=8, loads=8, scenarios=QUICK)


def missed(rows: list[report.Row]) -> list[str]:
    return [row.budget for row in rows if row.met is False]


def held(*, late_us: int = 900, slow_us: int = 40_000, sent: int = 1_200_000) -> Tick:
    tick = Tick()
    tick.sent, tick.acked = sent, 1_200_000
    for _beat in range(9_900):
        tick.latency.add(2_000)
    for _beat in range(100):
        tick.latency.add(slow_us)
        tick.lateness.add(late_us)
    return tick


def test_a_good_hold_meets_everything() -> None:
    assert missed(steady.hold_rows(held(), 100_000, 10, 120, 1_200_000)) == []


@pytest.mark.parametrize(
    ("tick", "wanted"),
    [
        (held(slow_us=1_100_000), ["certify_s2_p999_ms", "certify_s2_max_ms"]),
        (held(sent=1_200_001), ["certify_s2_errors"]),
        (held(late_us=5_200), ["certify_late_p99_ms"]),
    ],
)
def test_what_a_hold_misses(tick, wanted) -> None:
    assert missed(steady.hold_rows(tick, 100_000, 10, 120, 1_200_000)) == wanted


def test_a_full_house_that_beats_too_slowly_misses_and_a_small_one_is_not_asked() -> None:
    assert missed(steady.hold_rows(held(), 100_000, 10, 121, 0)) == ["certify_s2_rate_min"]
    assert missed(steady.hold_rows(held(), 10_000, 10, 1_200, 0)) == []


def test_cost_of_a_learner_may_not_grow_with_their_number() -> None:
    quarter = Cost(online=25_000, cores={"gateway": 0.1}, pss_bytes={"gateway": 500_000_000})
    full = Cost(online=100_000, cores={"gateway": 0.5}, pss_bytes={"gateway": 2_000_000_000})
    assert missed(steady.cost_rows([quarter, full])) == ["certify_s4_times"]
    assert missed(steady.cost_rows([full])) == []


def test_a_kill_from_which_somebody_does_not_come_back() -> None:
    tick = Tick()
    tick.resumed = 12_400
    mark = Mark(name="kill", from_s=100.0, to_s=120.0)
    assert missed(steady.kill_rows(tick, mark, 109.0, 100_000, 100_000)) == []
    late = steady.kill_rows(tick, mark, 116.0, 100_000, 99_999)
    assert missed(late) == ["certify_s5_missing", "certify_s5_back_s"]


def test_truth_that_does_not_hold_misses() -> None:
    rows = steady.truth_rows("S3", Truth(learners=9, lost_ms=1), 10)
    assert missed(rows) == ["certify_s3_missing", "certify_s3_lost_ms"]


def test_cores_of_a_process_that_was_started_anew_begin_anew() -> None:
    readings = [
        Reading(1.0, "gateway-1", 10, 5.0, 0), Reading(2.0, "gateway-1", 10, 5.5, 0),
        Reading(3.0, "gateway-1", 11, 0.1, 0), Reading(4.0, "gateway-1", 11, 0.3, 0),
    ]  # fmt: skip
    assert [(at_s, round(cores, 3)) for at_s, cores in shares(readings)["gateway-1"]] == [(2.0, 0.5), (4.0, 0.2)]


def test_a_clause_is_met_only_by_measurements_of_its_size() -> None:
    clause = CLAUSES[0]
    all_met = dict.fromkeys(clause.scenarios, True)
    small = Plan(**{name: getattr(PLAN, name) for name in PLAN.__struct_fields__} | {"online": 10_000})
    assert conclusion(clause, PLAN, all_met) == "符合"
    assert conclusion(clause, small, all_met).startswith("未得出结论")
    assert conclusion(clause, PLAN, all_met | {"S2": False}).startswith("不符合")
    assert conclusion(clause, PLAN, {"S1": True}).startswith("未得出结论")


def test_a_verdict_is_that_of_all_thresholds() -> None:
    rows = steady.hold_rows(held(sent=1_200_001), 100_000, 10, 120, 0)
    rows.append(report.row("S9", "shown only", 1, ""))
    assert verdicts_of(rows) == {"S2": False}


def test_scenarios_by_name() -> None:
    assert scenarios_of("s5, S1", quick=False) == ("S1", "S5")
    assert scenarios_of("", quick=True) == QUICK
    with pytest.raises(ValueError, match="S99"):
        scenarios_of("S99", quick=False)
