"""From figures to verdicts: thresholds as the issue states them, and no conclusion without its measurement."""

from __future__ import annotations

import time
from types import SimpleNamespace

import msgspec
import pytest
import typer
from rich.progress import Progress

from bench import report
from bench.certify import command, steady
from bench.certify.meter import Cost, Reading, shares
from bench.certify.paper import verdicts_of
from bench.certify.plan import QUICK, Plan, scenarios_of
from bench.certify.seconds import Seconds
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


def test_a_small_house_is_asked_for_the_beats_that_it_planned() -> None:
    assert missed(steady.hold_rows(held(), 10_200, 10, 1_200, 0)) == ["certify_s2_sent_share_min"]


def test_cost_of_a_learner_may_not_grow_with_their_number() -> None:
    quarter = Cost(online=25_000, cores={"gateway": 0.1}, pss_bytes={"gateway": 500_000_000})
    full = Cost(online=100_000, cores={"gateway": 0.5}, pss_bytes={"gateway": 2_000_000_000})
    assert missed(steady.cost_rows([quarter, full])) == ["certify_s4_times"]
    assert missed(steady.cost_rows([full])) == []


def test_a_kill_from_which_somebody_does_not_come_back() -> None:
    tick = Tick()
    tick.resumed = 12_400
    mark = Mark(name="kill", from_s=100.0, to_s=120.0)
    assert missed(steady.kill_rows(tick, mark, 109.0, 100_000, 100_000, 8)) == []
    late = steady.kill_rows(tick, mark, 116.0, 100_000, 99_999, 8)
    assert missed(late) == ["certify_s5_missing", "certify_s5_back_s"]


def test_the_kill_of_a_gateway_that_hardly_anybody_was_on_shows_nothing() -> None:
    tick = Tick()
    tick.resumed = 1
    mark = Mark(name="kill", from_s=100.0, to_s=120.0)
    assert missed(steady.kill_rows(tick, mark, 109.0, 100_000, 100_000, 8)) == ["certify_s5_moved_share_min"]


def test_truth_that_does_not_hold_misses() -> None:
    rows = steady.truth_rows("S3", Truth(learners=9, lost_ms=1), 10)
    assert missed(rows) == ["certify_s3_missing", "certify_s3_lost_ms"]


def test_a_house_that_grants_nothing_is_not_true_either() -> None:
    assert missed(steady.truth_rows("S5", Truth(learners=9, short_most_ms=10_001), 9)) == ["certify_s3_short_ms"]


def test_cores_of_a_process_that_was_started_anew_begin_anew() -> None:
    readings = [
        Reading(1.0, "gateway-1", 10, 5.0, 0), Reading(2.0, "gateway-1", 10, 5.5, 0),
        Reading(3.0, "gateway-1", 11, 0.1, 0), Reading(4.0, "gateway-1", 11, 0.3, 0),
    ]  # fmt: skip
    assert [(at_s, round(cores, 3)) for at_s, cores in shares(readings)["gateway-1"]] == [(2.0, 0.5), (4.0, 0.2)]


def test_a_clause_is_met_only_by_measurements_of_its_size() -> None:
    clause = CLAUSES[0]
    all_met = dict.fromkeys(clause.scenarios, True)
    small = msgspec.structs.replace(PLAN, online=10_000)
    assert conclusion(clause, PLAN, all_met) == "符合"
    assert conclusion(clause, small, all_met).startswith("未得出结论")
    assert conclusion(clause, PLAN, all_met | {"S2": False}).startswith("不符合")
    assert conclusion(clause, PLAN, {"S1": True}).startswith("未得出结论")


@pytest.mark.parametrize(
    ("number", "changes", "said"),
    [
        (0, {"hold_s": 20.0}, "保持秒数 20"),
        (0, {"beat_s": 15.0}, "心跳周期 15"),
        (1, {"online": 1_000}, "并发 500"),  # a thousand of them are asked for, and half a thousand rush
        (1, {"online": 20_000}, "在线 20,000"),
        (1, {"concurrent": 999}, "并发 999"),
        (2, {"gateways": 16}, "网关进程数 16"),
        (2, {"online": 99_999}, "在线 99,999"),
    ],
)
def test_a_run_that_is_smaller_in_any_way_draws_no_conclusion(number, changes, said) -> None:
    clause = CLAUSES[number]
    all_met = dict.fromkeys(clause.scenarios, True)
    assert conclusion(clause, PLAN, all_met) == "符合"
    found = conclusion(clause, msgspec.structs.replace(PLAN, **changes), all_met)
    assert found.startswith("未得出结论") and said in found


def test_a_store_that_cannot_be_read_leaves_the_cost_without_a_verdict() -> None:
    quarter = Cost(online=25_000, cores={"gateway": 0.1}, pss_bytes={"gateway": 500_000_000}, unread=["valkey"])
    full = Cost(online=100_000, cores={"gateway": 0.2}, pss_bytes={"gateway": 2_000_000_000}, unread=["valkey"])
    rows = steady.cost_rows([quarter, full])
    assert verdicts_of(rows) == {} and any("valkey" in row.measure for row in rows)
    assert "未判定 S4" in conclusion(CLAUSES[0], PLAN, {"S1": True, "S2": True, "S3": True})


class Crowds:
    """Load processes that have told what is in `seconds`."""

    def __init__(self, unearned: int) -> None:
        self.seconds = Seconds()
        self.left = unearned
        self.asked_s = 0.0

    async def heard(self, until_s: float) -> None:
        """In the last second one beat was not answered, and one player stood."""
        tick = self.seconds.ticks[int(until_s) - 1] = Tick()
        tick.sent, tick.acked, tick.errors["playback stands: hold"] = 10, 9, 1

    async def unearned(self, since_s: float) -> int:
        self.asked_s = since_s
        return self.left


async def test_after_a_fault_everybody_must_earn_and_be_answered() -> None:
    crowds = Crowds(unearned=3)
    began_s = time.perf_counter()
    assert await steady.settled(crowds, 0.5) == (3, 2)
    assert began_s <= crowds.asked_s <= time.perf_counter() - 1, "a whole period, after the fault"
    stage = SimpleNamespace(crowds=crowds, plan=msgspec.structs.replace(PLAN, beat_s=0.5))
    assert missed(await steady.settled_rows(stage, "S6")) == ["certify_after_unearned", "certify_after_errors"]


def test_a_late_generator_fails_every_part() -> None:
    late = held(late_us=5_200)
    assert missed([steady.late_row("S7", late, "SQL")]) == ["certify_late_p99_ms"]
    rows = steady.kill_rows(late, Mark(name="kill", from_s=1, to_s=2), 2.0, 100, 100, 8)
    assert "certify_late_p99_ms" in missed(rows)


def test_a_verdict_is_that_of_all_thresholds() -> None:
    rows = steady.hold_rows(held(sent=1_200_001), 100_000, 10, 120, 0)
    rows.append(report.row("S9", "shown only", 1, ""))
    assert verdicts_of(rows) == {"S2": False}


async def test_a_given_store_is_not_ours_to_kill(tmp_path) -> None:
    plan = msgspec.structs.replace(PLAN, scenarios=("S6", "S7"), redis_url="redis://127.0.0.1:6379/0")
    with pytest.raises(typer.BadParameter, match="--scenarios S6"):
        await command.run(plan, tmp_path, Progress())
    assert msgspec.structs.replace(plan, scenarios=("S6",)).refusal == ""
    assert msgspec.structs.replace(plan, redis_url="").refusal == ""


def test_scenarios_by_name() -> None:
    assert scenarios_of("s5, S1", quick=False) == ("S1", "S5")
    assert scenarios_of("", quick=True) == QUICK
    assert "S12" not in scenarios_of("", quick=False) and scenarios_of("S12", quick=False) == ("S12",)
    with pytest.raises(ValueError, match="S99"):
        scenarios_of("S99", quick=False)
