"""The histogram: exact where it must be, within its error elsewhere, and additive."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from bench.histogram import Histogram, bucket_of, upper_edge


@given(st.integers(0, 2**40))
def test_a_value_lies_in_a_narrow_bucket(value_us: int) -> None:
    edge = upper_edge(bucket_of(value_us))
    assert value_us <= edge <= value_us + value_us // 64
    assert bucket_of(edge) == bucket_of(value_us) and bucket_of(edge + 1) == bucket_of(edge) + 1


def test_percentiles_are_those_of_the_sorted_values() -> None:
    dice = random.Random(4)
    values = sorted(int(dice.lognormvariate(7, 1.5)) for _ in range(10_000))
    made = Histogram()
    for value in values:
        made.add(value)
    for permille in (1, 500, 990, 999, 1_000):
        exact = values[-(-len(values) * permille // 1_000) - 1]
        assert exact <= made.percentile(permille) <= exact + exact // 64
    assert made.percentile(1_000) == made.max_us == values[-1]


def test_two_halves_are_the_whole_also_through_json() -> None:
    whole, left, right = Histogram(), Histogram(), Histogram()
    for value in range(0, 5_000, 7):
        whole.add(value)
        (left if value % 2 else right).add(value)
    left.merge(Histogram.from_json(right.to_json()))
    assert left.to_json() == whole.to_json()


def test_an_empty_one_says_zero() -> None:
    assert Histogram().percentile(990) == 0 and Histogram().mean_us == 0
