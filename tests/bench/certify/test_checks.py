"""What S11 and S15 are judged by: who was answered, when, and what the beats paid for it."""

from __future__ import annotations

from bench.certify.camera import FIELDS, Asked
from bench.certify.checks import LAST_S, beat_rows, check_rows, due_rows, gateways_for, idle_rows, read, seen
from bench.certify.plan import SCENARIOS, Plan
from bench.certify.tally import Tick
from tests.bench.certify.test_judging import missed


def asked(learner: int, decided_s: float, outcome: str = "passed", **given) -> Asked:
    said = {"check": f"c{learner}", "kind": "random", "way": "routine", "left_ms": 60_000, "asked_s": 100.0,
            "shown_s": 101.0, "status": 202, "accepted_s": 101.1}  # fmt: skip
    return Asked(learner=learner, decided_s=decided_s, outcome=outcome, **(said | given))


def test_answered_is_who_got_a_word_of_somebody_who_looked_in_time() -> None:
    told = [
        asked(1, 102.0), asked(2, 174.9, "unclear"), asked(3, 176.0), asked(4, 0.0, ""), asked(5, 160.0, "missed"),
        asked(6, 111.0, "our_fault"), asked(7, 103.0, "mismatch", status=0), asked(8, 102.0, status=410),
    ]  # fmt: skip
    assert seen(told).unanswered == 5, "within the window: the word of the second came 14.9 s after it"
    found = seen(told, LAST_S)
    assert (found.count, found.unanswered, found.refused) == (8, 4, 1)
    assert found.outcomes == {"passed": 3, "unclear": 1, "open": 1, "missed": 1, "our_fault": 1, "mismatch": 1}
    assert found.answered.count == 4 and found.shown.max_us == 73_900_000
    assert missed(check_rows("S11", found)) == ["certify_checks_unanswered"]
    assert missed(check_rows("S11", seen([asked(1, 102.0)]))) == []


def test_a_learner_whom_our_fault_left_waiting_is_measured_from_the_first_time() -> None:
    both = [asked(1, 110.0, "our_fault", due_s=90.0), asked(1, 150.0, asked_s=140.0), asked(2, 120.0, due_s=91.0)]
    assert missed(due_rows(both, 2)) == []
    late = [*both[:1], asked(1, 211.0, asked_s=205.0), both[2]]
    assert missed(due_rows(late, 2)) == ["certify_s15_due_s"]
    assert missed(due_rows(both[:1], 2)) == ["certify_checks_unanswered"]
    assert due_rows([], 0)[-1].value == 0


def test_one_at_a_time_counts_from_falling_due_and_movements_from_the_last_picture() -> None:
    quick = [asked(n, 101.2, due_s=99.8) for n in range(99)]
    turned = asked(99, 112.0, due_s=99.8, way="active", shown_s=111.5)
    assert missed(idle_rows([*quick, turned], 100)) == []
    assert missed(idle_rows([*quick[:90], turned, *(asked(n, 103.0, due_s=99.8) for n in range(9))], 100)) == [
        "certify_s15_idle_p95_s"
    ]
    assert missed(idle_rows(quick, 100)) == ["certify_checks_unanswered"]


def test_the_beats_of_a_hold_are_judged_apart_from_those_of_the_ramp() -> None:
    ramp, hold = Tick(), Tick()
    for _beat in range(1_000):
        ramp.latency.add(2_000)
    for tick, us in ((hold, 150_000), (ramp, 2_000)):
        for _beat in range(8):
            tick.latency.add(us)
    rows = [*beat_rows("S11", ramp, "上线 ramp"), *beat_rows("S11", hold, "保持 hold")]
    assert [row.measure for row in rows if row.met is False] == ["保持 hold: 心跳 p99"]


def test_checks_are_read_as_they_were_told(tmp_path) -> None:
    one = asked(7, 102.5, due_s=99.0, detail="")
    path = tmp_path / "load-1-checks.csv"
    path.write_text(",".join(FIELDS) + "\n" + ",".join(str(getattr(one, name)) for name in FIELDS) + "\n", "utf-8")
    assert read([path]) == [one]


def test_twenty_thousand_need_two_gateways() -> None:
    def plan(online: int) -> Plan:
        return Plan(
            online=online, concurrent=1, hold_s=1, beat_s=10, gateways=8, loads=8, scenarios=SCENARIOS
        )  # fmt: skip

    assert [gateways_for(plan(online)) for online in (50, 20_000, 100_000)] == [2, 2, 9]
