"""Exact arithmetic of half-open millisecond spans: sorted, disjoint, never empty, no tolerance anywhere."""

from __future__ import annotations

from collections.abc import Iterable

from proctor.core.facts import Span, Spans


def normalise(spans: Iterable[Span | list[int]]) -> Spans:
    """Any spans, in any order, overlapping or touching, as the same set of milliseconds; empty ones vanish."""
    merged: list[list[int]] = []
    for from_ms, to_ms in sorted((a, b) for a, b in spans if a < b):
        if merged and from_ms <= merged[-1][1]:
            if to_ms > merged[-1][1]:
                merged[-1][1] = to_ms
        else:
            merged.append([from_ms, to_ms])
    return tuple((a, b) for a, b in merged)


def total(spans: Iterable[Span]) -> int:
    """Milliseconds in disjoint spans."""
    ms = 0
    for from_ms, to_ms in spans:
        ms += to_ms - from_ms
    return ms


def union(left: Spans, right: Spans) -> Spans:
    """What is in either. Appending at the end, the usual case of a player, costs nothing extra."""
    if not right:
        return left
    if not left:
        return right
    if len(right) == 1:
        last_from, last_to = left[-1]
        from_ms, to_ms = right[0]
        if from_ms > last_to:
            return left + right
        if from_ms >= last_from:
            return (*left[:-1], (last_from, to_ms if to_ms > last_to else last_to))
    return normalise(left + right)


def subtract(left: Spans, right: Spans) -> Spans:
    """What is in `left` and not in `right`. Beyond the end of `right`, the usual case of a player, it is `left`."""
    if not left or not right or left[0][0] >= right[-1][1]:
        return left
    rest: list[Span] = []
    index = 0
    for from_ms, to_ms in left:
        while index < len(right) and right[index][1] <= from_ms:
            index += 1
        at = index
        while at < len(right) and right[at][0] < to_ms:
            if right[at][0] > from_ms:
                rest.append((from_ms, right[at][0]))
            from_ms = max(from_ms, right[at][1])
            at += 1
        if from_ms < to_ms:
            rest.append((from_ms, to_ms))
    return tuple(rest)


def intersect(left: Spans, right: Spans) -> Spans:
    """What is in both."""
    found: list[Span] = []
    i = j = 0
    while i < len(left) and j < len(right):
        from_ms = max(left[i][0], right[j][0])
        to_ms = min(left[i][1], right[j][1])
        if from_ms < to_ms:
            found.append((from_ms, to_ms))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def clip(spans: Spans, from_ms: int, to_ms: int) -> Spans:
    """What lies in [from_ms, to_ms)."""
    if len(spans) == 1 and from_ms <= spans[0][0] < spans[0][1] <= to_ms:
        return spans
    return tuple((max(a, from_ms), min(b, to_ms)) for a, b in spans if max(a, from_ms) < min(b, to_ms))


def take_first(spans: Spans, ms: int) -> Spans:
    """The earliest `ms` milliseconds of the spans."""
    if len(spans) == 1 and 0 < spans[0][1] - spans[0][0] <= ms:
        return spans
    taken: list[Span] = []
    for from_ms, to_ms in spans:
        if ms <= 0:
            break
        part = min(ms, to_ms - from_ms)
        taken.append((from_ms, from_ms + part))
        ms -= part
    return tuple(taken)


def edge(spans: Spans) -> int:
    """The furthest covered position, 0 when nothing is."""
    return spans[-1][1] if spans else 0
