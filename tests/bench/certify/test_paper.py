"""The report says what ran, and draws each stretch apart."""

from __future__ import annotations

import json

import msgspec

from bench import report
from bench.certify.paper import curves, site_words, write
from bench.certify.plan import QUICK, Plan
from bench.certify.seconds import Seconds
from bench.certify.stage import Findings, Mark, Part
from bench.certify.tally import Tick

PLAN = Plan(online=2_000, concurrent=200, hold_s=20, beat_s=10, gateways=2, loads=8, scenarios=QUICK)


def part(**given) -> Part:
    return Part(name="steady", seconds=Seconds(), **given)


def test_a_part_tells_its_own_processes_and_stores() -> None:
    """A run on a cluster said that it had the embedded Valkey and SQLite, and S11 had the gateways of S1."""
    own = site_words(part(plan=PLAN))
    assert "2,000 人，8 个压测进程 → 2 个网关进程" in own and "内置 Valkey" in own and "SQLite" in own
    clustered = msgspec.structs.replace(
        PLAN, cluster=True, redis_url="redis-cluster://127.0.0.1:7000", database_url="postgresql://x", gateways=3
    )
    words = site_words(part(plan=clustered, hosts=3))
    assert "Valkey 集群" in words and "PostgreSQL" in words and "模拟主机" in words
    assert "SQLite" not in words and "内置" not in words
    faces = site_words(part(plan=msgspec.structs.replace(PLAN, online=20_000), web=1, workers=2))
    assert "20,000 人" in faces and "1 个网页进程" in faces and "2 个人脸进程" in faces


def test_the_percentiles_of_a_hold_know_nothing_of_the_ramp_before_it() -> None:
    one = part(marks=[Mark(name="S1 ramp", from_s=10.0, to_s=12.0), Mark(name="S2 hold", from_s=12.0, to_s=14.0)])
    for at, us in ((10, 900_000), (11, 900_000), (12, 2_000), (13, 2_000)):
        tick = one.seconds.ticks[at] = Tick()
        tick.latency.add(us)
    found = curves(one)
    assert found["S2 hold"].max_us == 2_000 and found["S1 ramp"].max_us == 900_000


def test_the_page_says_which_scenario_was_not_judged_and_which_did_not_run(tmp_path) -> None:
    (tmp_path / "raw" / "steady").mkdir(parents=True)
    unread = report.row("S4", "未含读不到的 valkey", 1, "GB")
    rows = [report.row("S1", "missing", 0, "", "certify_s1_missing"), unread]
    page = write(PLAN, Findings(rows=rows, parts=[part(plan=PLAN)]), tmp_path).read_text("utf-8")
    cells = {name: page.split(f"<tr><td>{name}</td>")[1].split("</tr>")[0] for name in ("S1", "S4", "S12")}
    assert "达标" in cells["S1"] and "未判定" in cells["S4"] and "本次未运行" in cells["S12"]
    assert "未含读不到的 valkey" in page, "its figures are shown"
    assert "在途的拨号至多 100 个" in page and "随机字节" in page and "S1–S10 中人脸核验关闭" not in page
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["verdicts"] == {"S1": True}
