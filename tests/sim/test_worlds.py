"""Worlds from seeds: the same one twice is the same to the last digit, and no law is broken in any."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.sim.run import run_seed

ROOT = Path(__file__).resolve().parents[2]


def test_a_seed_gives_one_world_whatever_order_hashes_give() -> None:
    code = (
        "from tests.sim.run import run_seed\n"
        "for seed in (7, 11, 23): r = run_seed(seed); print(seed, r.digest, r.steps, r.virtual_ms)"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        ).stdout
        for hash_seed in ("1", "2")
    ]  # fmt: skip
    assert outputs[0] == outputs[1] and outputs[0].count("\n") == 3


def test_other_seeds_give_other_worlds() -> None:
    assert len({run_seed(seed).digest for seed in (1, 3, 4)}) == 3
