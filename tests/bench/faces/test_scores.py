"""From scores to rates: arithmetic that can be done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bench.faces import scores


def test_a_rate_has_an_interval_around_it_also_when_nothing_happened() -> None:
    none, half = scores.wilson(0, 150), scores.wilson(50, 100)
    assert none.value == 0 and none.low == 0 and 0.02 < none.high < 0.03
    assert half.low < 0.5 < half.high
    assert scores.wilson(0, 0).high == 1


def test_all_against_all_has_each_pair_once() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 0, 1, 2]]
    table = scores.all_against_all(vectors, [5, 5, 6, 7])
    assert table.genuine.tolist() == [1.0] and table.genuine_of.tolist() == [5]
    assert len(table.impostor) == 5 and table.impostor.max() == 0


def test_a_threshold_lets_no_more_impostors_through_than_its_rate() -> None:
    impostor = np.linspace(0, 1, 1_001, dtype=np.float32)
    for rate in (0.001, 0.01, 0.1):
        limit = scores.threshold_at(impostor, rate)
        assert (impostor >= limit).mean() <= rate
        assert (impostor >= np.nextafter(np.float32(limit), np.float32(0)) - 0.0011).mean() > rate


def test_people_with_many_pictures_do_not_decide_alone() -> None:
    pairs = np.array([[1, 2]] * 9 + [[1, 3]])
    weights = scores.pair_weights(pairs)
    assert weights[:9].sum() == pytest.approx(1) and weights[9] == 1
    found = scores.weighted(np.array([0.9] * 9 + [0.1]), weights, 0.5, pairs)
    assert found.value == pytest.approx(0.5)


def test_folds_are_judged_at_the_threshold_of_the_others() -> None:
    values = np.array([0.1, 0.9, 0.2, 0.8, 0.15, 0.85])
    right, limit = scores.folds(values, values > 0.5, np.array([1, 1, 2, 2, 3, 3]))
    assert right.value == 1 and 0.2 < limit < 0.8


def test_the_mean_of_three_is_compared_with_a_fourth() -> None:
    vectors = np.eye(2, dtype=np.float32)[[0] * 4 + [1] * 4]
    refused, taken = scores.means_of_three(vectors, {1: [0, 1, 2, 3], 2: [4, 5, 6, 7]}, 0.5)
    assert (refused.value, refused.count, taken.value) == (0, 8, 0)
