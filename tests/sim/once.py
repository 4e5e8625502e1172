"""A law about facts that the ledger does not tell: however often they are sent, refusals and flags stand once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from proctor.core import facts as f

LAW = "what is written again stands once"
ELSEWHERE = (f.Credited, f.Decided)  # the ledger's own laws speak of these


class Once:
    """What was written by learner, and what the record holds of it. Runs of refusals may be joined, not doubled."""

    def __init__(self) -> None:
        self._sent: dict[int, Counter] = defaultdict(Counter)
        self._stored: dict[int, Counter] = defaultdict(Counter)
        self._seen: dict[int, Any] = {}  # by id; they are kept, so that an id stays its own
        self._read = 0

    def wrote(self, items: Iterable, record: list[tuple[int, int, Any]]) -> list[str]:
        """What does not stand once now. `items`: those whose fence was the seat's; `record`: all facts."""
        for item in items:
            for fact in item.facts:
                if id(fact) not in self._seen:
                    self._seen[id(fact)] = fact
                    _add(self._sent[item.learner_id], fact)
        fresh, self._read = record[self._read :], len(record)
        for learner_id, _fence, fact in fresh:
            _add(self._stored[learner_id], fact)
        return [
            f"learner {one}: {dict(self._stored[one])} for {dict(self._sent[one])}"
            for one in sorted({learner_id for learner_id, _fence, _fact in fresh})
            if self._stored[one] != self._sent[one]
        ]


def _add(sums: Counter, fact: Any) -> None:
    if isinstance(fact, f.Refused):
        sums["refused ms"] += fact.ms
        sums["refused beats"] += fact.beats
    elif not isinstance(fact, ELSEWHERE):
        sums[type(fact).__name__] += 1
