"""What S12 is judged by: a line through the second half, and no process that began anew."""

from __future__ import annotations

import math

from bench.certify.rest import QUEUES, Look, memory_rows, queue_rows
from proctor.settings import Settings
from tests.bench.certify.test_judging import missed

MIB = 2**20


def looks(*, leak: float = 0.0, early: float = 0.0, facts: float = 0.0) -> list[Look]:
    """Half an hour of a gateway of 200 MiB. `leak`: in it, by the hour; `early`: in its first half only."""
    found = []
    for at_s in range(0, 1_801, 10):
        hours = at_s / 3_600
        size = 200 * MIB * (1 + leak * hours + early * min(hours, 0.25)) + MIB / 8 * math.sin(at_s)
        found.append(Look(
            at_s=at_s, pss_bytes={"gateway-1": int(size), "valkey": 90 * MIB, "postgres": 50 * MIB},
            pids={"gateway-1": 11, "valkey": 12},
            waiting={QUEUES[0]: 300 + 200 * math.sin(at_s) + facts * hours, QUEUES[1]: 0.0},
        ))  # fmt: skip
    return found


def test_what_is_level_is_met_whatever_it_did_at_first() -> None:
    assert missed(memory_rows(looks())) == []
    assert missed(memory_rows(looks(early=0.5))) == [], "caches fill in the beginning"
    assert missed(queue_rows(looks(), 8, Settings())) == []


def test_what_grows_is_missed() -> None:
    assert missed(memory_rows(looks(leak=0.02))) == ["certify_s12_slope_percent"]
    assert missed(memory_rows(looks(leak=-0.1))) == []
    assert missed(queue_rows(looks(facts=20_000), 8, Settings())) == ["certify_s12_growth"]


def test_a_process_that_began_anew_hides_no_growth() -> None:
    found = looks()
    other = Look(at_s=1_810, pss_bytes={}, pids={"gateway-1": 13, "valkey": 12}, waiting=found[0].waiting)
    assert missed(memory_rows(found)) == [] and missed(memory_rows([*found, other])) == ["certify_s12_anew"]


def test_what_cannot_be_read_is_not_judged_and_one_look_is_no_line() -> None:
    assert missed(memory_rows(looks(leak=0.02), ["valkey"])) == []
    assert set(missed(memory_rows(looks()[:1]))) == {"certify_s12_slope_percent"}
