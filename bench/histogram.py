"""A histogram of latencies with a fixed relative error: logarithmic buckets, each split evenly.

Values are microseconds. Every bucket is at most 1/64 (1.6 %) wide, so a percentile is that exact; counts add up
over processes without loss. The largest value is kept as it is. A timer may wake a little early: what is below 0
counts as 0, and whoever subtracts the times of two events judges their order first.
"""

from __future__ import annotations

from collections import defaultdict

SPLIT_BITS = 6


class Histogram:
    """Counts by bucket. `add` costs a few operations and keeps nothing per value."""

    def __init__(self) -> None:
        self.buckets: dict[int, int] = defaultdict(int)
        self.count = 0
        self.sum_us = 0
        self.max_us = 0

    def add(self, value_us: int) -> None:
        value_us = max(0, value_us)
        self.buckets[bucket_of(value_us)] += 1
        self.count += 1
        self.sum_us += value_us
        if value_us > self.max_us:
            self.max_us = value_us

    def merge(self, other: Histogram) -> None:
        for bucket, count in other.buckets.items():
            self.buckets[bucket] += count
        self.count += other.count
        self.sum_us += other.sum_us
        self.max_us = max(self.max_us, other.max_us)

    def percentile(self, permille: int) -> int:
        """The smallest bucket edge below which at least `permille` of all values lie, in microseconds."""
        assert 0 < permille <= 1_000
        wanted = -(-self.count * permille // 1_000)
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= wanted and seen:
                return min(upper_edge(bucket), self.max_us)
        return 0

    @property
    def mean_us(self) -> float:
        return self.sum_us / self.count if self.count else 0.0

    def to_json(self) -> dict:
        buckets = {str(bucket): count for bucket, count in sorted(self.buckets.items())}
        return {"count": self.count, "sum_us": self.sum_us, "max_us": self.max_us, "buckets": buckets}

    @classmethod
    def from_json(cls, data: dict) -> Histogram:
        made = cls()
        made.count, made.sum_us, made.max_us = data["count"], data["sum_us"], data["max_us"]
        made.buckets.update({int(bucket): count for bucket, count in data["buckets"].items()})
        return made


def bucket_of(value_us: int) -> int:
    """Below 64 each value has its own bucket; above, 64 buckets to every doubling."""
    shift = max(0, value_us.bit_length() - SPLIT_BITS - 1)
    return (shift << SPLIT_BITS) + (value_us >> shift)


def upper_edge(bucket: int) -> int:
    """The largest value that falls into the bucket."""
    if bucket < 2 << SPLIT_BITS:
        return bucket
    shift = (bucket >> SPLIT_BITS) - 1
    return ((bucket - (shift << SPLIT_BITS) + 1) << shift) - 1
