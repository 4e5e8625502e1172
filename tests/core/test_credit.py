"""The one credit formula: laws by property, its corners by example, shared vectors with JavaScript."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctor.core.credit import Credit
from proctor.core.intervals import intersect, normalise, subtract, total
from proctor.core.policy import Policy

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "credit.json").read_text())

claim = st.tuples(st.integers(0, 90_000), st.integers(0, 30_000)).map(lambda p: (p[0], p[0] + p[1]))
beat = st.tuples(claim, st.integers(-5_000, 120_000), st.booleans(), st.booleans())


@given(st.lists(beat, max_size=30), st.lists(claim, max_size=3))
def test_laws(beats, before) -> None:
    """Σ credit ≤ Σ elapsed; granted is exactly what became covered; nothing is granted twice."""
    credit = Credit(Policy(), normalise(before), 0)
    now_ms = granted_ms = elapsed_sum_ms = 0
    granted: tuple = ()
    for span, wait_ms, playing, keep in beats:
        now_ms += wait_ms
        elapsed_ms = credit.elapsed_ms(now_ms)
        assert 0 <= elapsed_ms <= credit.policy.gap_ms_max
        covered = credit.covered
        grant = credit.grant(normalise([span]), elapsed_ms, 10**9)
        assert subtract(credit.covered, covered) == grant.spans and total(grant.spans) == grant.ms
        assert not intersect(granted, grant.spans)
        assert 0 <= credit.slack_ms <= credit.policy.slack_ms_max
        granted = normalise(granted + grant.spans)
        granted_ms += grant.ms
        elapsed_sum_ms += elapsed_ms
        credit.accept(now_ms, playing, keep)
    assert granted_ms <= elapsed_sum_ms


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vectors(case) -> None:
    policy = Policy(**case.get("policy", {}))
    credit = Credit(policy, normalise(tuple(s) for s in case["covered"]), 0)
    for step in case["beats"]:
        elapsed_ms = credit.elapsed_ms(step["at_ms"])
        claims = normalise([tuple(step["span"])]) if step.get("span") else ()
        grant = credit.grant(claims, elapsed_ms, step.get("day_left_ms", 10**9))
        credit.accept(step["at_ms"], step["playing"], step.get("keep_slack", True))
        assert (grant.ms, credit.slack_ms) == (step["credit_ms"], step["slack_ms"]), step
    assert [list(span) for span in credit.covered] == case["covered_after"]


def test_the_daily_cap_limits_the_grant_and_says_so() -> None:
    credit = Credit(Policy(), (), 0)
    credit.accept(0, True, True)
    grant = credit.grant(((0, 10_000),), 10_000, 4_000)
    assert (grant.ms, grant.capped_ms, grant.short_ms) == (4_000, 6_000, 0)


def test_uncovered_spans_may_be_earned_again() -> None:
    credit = Credit(Policy(), ((0, 10_000),), 0)
    credit.uncover(((2_000, 4_000),))
    assert credit.grant(((0, 10_000),), 30_000, 10**9).spans == ((2_000, 4_000),)
