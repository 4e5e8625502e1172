"""docs/scaling.md: written from kept reports, and its arithmetic."""

from __future__ import annotations

import json
from pathlib import Path

from scripts import scaling_table

ROOT = Path(__file__).resolve().parents[1]
FOUND = {"gateway": (6.0, 15.0), "valkey": (2.0, 1.0), "postgres": (3.0, 0.0)}


def test_the_page_is_what_the_script_writes() -> None:
    """A newer report in bench/results needs `python -m scripts.scaling_table`."""
    assert (ROOT / "docs" / "scaling.md").read_text("utf-8") == scaling_table.page()


def test_what_is_measured_is_the_full_size_and_the_memory_of_one_more() -> None:
    costs = [
        {"online": 1_000, "cores": {"gateway": 0.1}, "pss_bytes": {"gateway": 50 * 2**20}},
        {"online": 3_000, "cores": {"gateway": 0.12}, "pss_bytes": {"gateway": 50 * 2**20 + 2_000 * 10_240}},
    ]
    assert scaling_table.measured({"costs": costs}) == {"gateway": (40.0, 10.0)}


def test_what_a_size_needs() -> None:
    small, large = scaling_table.needs(100_000, FOUND), scaling_table.needs(10_000_000, FOUND)
    by = {name.partition(" (")[0]: name for name in small}
    # 100,000 sockets of 18,000 each are six processes, and one may die; ten million are 556.
    assert (small[by["gateway processes"]], large[by["gateway processes"]]) == ("7", "557")
    assert small["cores of the gateways"] == "1.0" and large["cores of PostgreSQL"] == "50.0"
    # Half of what Valkey costs is its replicas': a master takes 1 µs of each learner's second.
    assert small[by["Valkey masters, each with a replica"]] == "3"
    assert large[by["Valkey masters, each with a replica"]] == "17"
    # A check in 660 s of each, 65 ms a burst, no worker busier than 60 %.
    assert small[by["face workers"]] == "17"


def test_every_figure_says_whether_it_was_measured() -> None:
    page = scaling_table.page()
    assert all("computed" in row for row in page.splitlines() if row.startswith("| cores of"))
    report = json.loads((ROOT / "bench" / "results" / "cluster.json").read_text("utf-8"))
    assert report["plan"]["cluster"] and f"{report['costs'][-1]['online']:,}" in page
