"""Budgets: what is missed is said and is the exit code."""

from __future__ import annotations

import json

from rich.console import Console

from bench import report


def test_a_missed_budget_is_the_exit_code() -> None:
    good = report.row("open", "CPU per beat", 44.9, "µs", "beats_open_cpu_us")
    bad = report.row("open", "CPU per beat", 45.1, "µs", "beats_open_cpu_us")
    shown = report.row("open", "sockets", 15_000, "")
    assert (good.met, bad.met, shown.met) == (True, False, None)
    assert report.exit_code([good, shown]) == 0
    assert report.exit_code([good, bad]) == 1


def test_a_figure_that_must_be_reached() -> None:
    assert report.row("closed", "less", 9.9, "times", "peers_closed_channels_times_min").met is False
    assert report.row("closed", "less", 10.0, "times", "peers_closed_channels_times_min").met is True


def test_table_and_file_say_what_was_measured(tmp_path) -> None:
    rows = [report.row("closed", "CPU per beat", 99.0, "µs", "beats_closed_cpu_us")]
    console = Console(record=True, width=120)
    report.show(console, "Price", rows)
    text = console.export_text()
    assert "99.0" in text and "MISSED" in text and "machine" in text and "picows" in text
    path = report.keep("beats", rows, {"closed": [1]}, tmp_path / "one.json")
    kept = json.loads(path.read_text("utf-8"))
    assert kept["rows"][0]["value"] == 99.0 and kept["raw"] == {"closed": [1]} and kept["machine"]["picows"]
