"""A small school over a real gateway, Valkey and SQLite: the bench itself works, whatever it finds dear."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOCKETS = 50


@pytest.mark.processes
def test_a_small_run_prints_the_table_and_keeps_the_samples(tmp_path) -> None:
    out = tmp_path / "beats.json"
    done = subprocess.run(
        [
            sys.executable, "-m", "bench", "beats", "--sockets", str(SOCKETS), "--closed-sockets", "20",
            "--busy", "5", "--seconds", "3", "--period", "1", "--out", str(out),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    # So few beats may well be dear: a missed budget is 1, anything else is a bug.
    assert done.returncode in (0, 1), done.stderr[-2_000:]
    assert "Price of a beat" in done.stdout and "CPU per beat" in done.stdout, done.stderr[-2_000:]
    kept = json.loads(out.read_text("utf-8"))
    missed = [row for row in kept["rows"] if row["limit"] is not None and row["value"] > row["limit"]]
    assert done.returncode == bool(missed)
    opened, closed = kept["raw"]["open"], kept["raw"]["closed"]
    assert opened["latency"]["count"] == opened["beats"]
    # One beat of each socket a period, whatever the machine does: a hold that took longer has more of them. The
    # sockets are spread over the period; at the edges of the hold a few fall on either side, and what was late then.
    late_s = max(opened["latency"]["max_us"], opened["lateness"]["max_us"]) / 1e6
    assert abs(opened["beats"] - SOCKETS * opened["seconds"]) <= SOCKETS * (0.2 + late_s)
    # Every beat of the closed loop made a snapshot of its own.
    assert closed["counted"]["zhenxue_forced_snapshots_total"] >= closed["beats"] * 0.95 > 100
