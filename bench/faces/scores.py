"""From scores to rates: pure arithmetic over arrays. Every rate comes with its interval and its counts.

Accepting means `score >= threshold`, as the judge does it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import numpy as np

Z = 1.96  # 95 %
RESAMPLES = 300
COMBINATIONS_MAX = 120  # of three pictures per template and person: enough to average, and nobody's fame decides


class Rate(msgspec.Struct, frozen=True):
    """A share with its 95 % interval; `hits` of `count`, which are pairs unless said otherwise."""

    value: float
    low: float
    high: float
    hits: float
    count: int


def wilson(hits: float, count: int) -> Rate:
    """The interval that is right also for rare events and few tries. An empty count is a rate of nothing."""
    if not count:
        return Rate(0.0, 0.0, 1.0, 0, 0)
    share = hits / count
    base = 1 + Z * Z / count
    middle = (share + Z * Z / (2 * count)) / base
    half = Z * ((share * (1 - share) + Z * Z / (4 * count)) / count) ** 0.5 / base
    return Rate(share, max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share)), hits, count)


class Table(msgspec.Struct, frozen=True):
    """All against all: genuine and impostor scores with the two people of each."""

    genuine: np.ndarray
    genuine_of: np.ndarray  # person
    impostor: np.ndarray
    impostor_of: np.ndarray  # n x 2 people, smaller first


def all_against_all(vectors: np.ndarray, people: Sequence[int]) -> Table:
    """`vectors`: n x dims float32 of length 1. Each pair of pictures once."""
    who = np.asarray(people)
    first, second = np.triu_indices(len(who), 1)
    scores = (vectors @ vectors.T)[first, second]
    same = who[first] == who[second]
    both = np.stack([who[first], who[second]], axis=1)
    return Table(scores[same], who[first][same], scores[~same], np.sort(both[~same], axis=1))


def threshold_at(impostor: np.ndarray, rate: float, weights: np.ndarray | None = None) -> float:
    """The lowest threshold at which no more than `rate` of the impostors (by weight) are accepted."""
    order = np.argsort(-impostor, kind="stable")
    ordered = impostor[order]
    share = np.ones(len(ordered)) if weights is None else weights[order]
    accepted = np.cumsum(share) / share.sum()
    over = int(np.searchsorted(accepted, rate, side="right"))  # the first one that would be too many
    return float(np.nextafter(ordered[over], np.float32(2))) if over < len(ordered) else float(ordered[-1])


def accepted(scores: np.ndarray, threshold: float) -> Rate:
    return wilson(float((scores >= threshold).sum()), len(scores))


def by_person(table: Table, threshold: float) -> Rate:
    """Genuine pairs accepted, with an interval over people instead of pairs: pairs of one person go together."""
    people, place = np.unique(table.genuine_of, return_inverse=True)
    hits = np.bincount(place, table.genuine >= threshold)
    counts = np.bincount(place)
    dice = np.random.default_rng(1)
    picks = dice.integers(0, len(people), (RESAMPLES, len(people)))
    rates = hits[picks].sum(axis=1) / counts[picks].sum(axis=1)
    low, high = np.percentile(rates, [2.5, 97.5])
    total = float(hits.sum())
    return Rate(total / int(counts.sum()), float(low), float(high), total, int(counts.sum()))


def pair_weights(pairs: np.ndarray) -> np.ndarray:
    """One share for every two people, however many pictures they have: a few wrong labels cannot decide alone."""
    _unique, place, counts = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    return 1 / counts[place.reshape(-1)]


def weighted(scores: np.ndarray, weights: np.ndarray, threshold: float, groups: np.ndarray) -> Rate:
    """Accepted share by weight; the interval is over `groups`, each of which weighs the same."""
    keys, place = np.unique(groups, axis=0, return_inverse=True)
    place = place.reshape(-1)
    share = np.bincount(place, weights * (scores >= threshold)) / np.bincount(place, weights)
    dice = np.random.default_rng(2)
    means = [float(share[dice.integers(0, len(keys), len(keys))].mean()) for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Rate(float(share.mean()), float(low), float(high), float(share.sum()), len(keys))


def best_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    """Where most pairs are told right."""
    order = np.argsort(scores, kind="stable")
    ordered, truth = scores[order], same[order]
    # Accepting from place i on: right are the different ones below it and the same ones from it on.
    right = np.concatenate([[0], np.cumsum(~truth)]) + np.concatenate([np.cumsum(truth[::-1])[::-1], [0]])
    at = int(np.argmax(right))
    if at == 0:
        return float(ordered[0])
    return float(ordered[-1] + 1e-6) if at == len(ordered) else float((ordered[at - 1] + ordered[at]) / 2)


def folds(scores: np.ndarray, same: np.ndarray, fold: np.ndarray) -> tuple[Rate, float]:
    """Accuracy of pairs, each fold judged at the best threshold of the others; and the mean threshold."""
    right, limits = 0, []
    for one in np.unique(fold):
        limit = best_threshold(scores[fold != one], same[fold != one])
        right += int(((scores >= limit) == same)[fold == one].sum())
        limits.append(limit)
    return wilson(right, len(scores)), float(np.mean(limits))


def means_of_three(vectors: np.ndarray, of: dict[int, list[int]], threshold: float) -> tuple[Rate, Rate]:
    """FNMR and FMR of the mean of three pictures against one, for people with at least four.

    Every picture is once the template; of the others up to `COMBINATIONS_MAX` combinations, drawn evenly. For the
    FMR each template meets every other person's pictures, parted into threes. All are pooled.
    """
    dice = np.random.default_rng(3)
    rejected = count = 0
    ready = {person: mine for person, mine in of.items() if len(mine) >= 4}
    probes = {}
    for person, mine in ready.items():
        for template in mine:
            three = list(itertools.combinations([at for at in mine if at != template][:30], 3))
            if len(three) > COMBINATIONS_MAX:
                three = [three[at] for at in dice.choice(len(three), COMBINATIONS_MAX, replace=False)]
            scores = (vectors[np.array(three)] @ vectors[template]).mean(axis=1)
            rejected += int((scores < threshold).sum())
            count += len(scores)
        shuffled = dice.permutation(mine)[: len(mine) // 3 * 3]
        probes[person] = vectors[shuffled.reshape(-1, 3)].mean(axis=1)
    owner = np.concatenate([np.full(len(means), person) for person, means in probes.items()])
    means = np.concatenate(list(probes.values()))
    wrong = tried = 0
    for person, mine in ready.items():
        others = means[owner != person]
        scores = vectors[mine] @ others.T
        wrong += int((scores >= threshold).sum())
        tried += scores.size
    return wilson(rejected, count), wilson(wrong, tried)


def det(genuine: np.ndarray, impostor: np.ndarray, weights: np.ndarray | None = None) -> list[tuple[float, float]]:
    """Points (FMR, FNMR) of the error trade-off, from an FMR of 10 % down to one pair."""
    least = 1 / len(impostor)
    points = []
    for exponent in np.arange(-1, np.log10(least) - 0.01, -0.1):
        limit = threshold_at(impostor, 10.0**exponent, weights)
        points.append((10.0 ** float(exponent), float((genuine < limit).mean())))
    return points


def equal_error(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """Where as many of the one are refused as of the other are accepted."""
    limits = np.linspace(-0.2, 1, 1_201)
    refused = np.searchsorted(np.sort(genuine), limits) / len(genuine)
    taken = 1 - np.searchsorted(np.sort(impostor), limits) / len(impostor)
    at = int(np.argmin(np.abs(refused - taken)))
    return float((refused[at] + taken[at]) / 2)
