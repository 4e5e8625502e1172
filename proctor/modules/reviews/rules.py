"""Which facts call for a person, pure: kind, severity and words of the case that a fact opens or joins."""

from __future__ import annotations

import msgspec

from proctor.core.facts import CheckDecided, Fact, Flagged, FlagKind, Outcome

# Worst first in the queue. An appeal waits behind what only people can decide against somebody.
SEVERITY = {"mismatch": 90, "photo": 80, "misses": 70, "appeal": 60, "flags": 50, "unclear": 40, "no_consent": 20}

# Flags that deserve a look of their own; the others only stand beside a case as signals.
CASE_FLAGS = (FlagKind.NO_FRAMES, FlagKind.TAKEOVERS, FlagKind.STALE_BEATS)


class CaseCall(msgspec.Struct, frozen=True, gc=False):
    """A case is to be opened or joined. `cause` and `detail` are stored with it."""

    kind: str
    severity: int
    cause: str
    detail: str


def case_of(fact: Fact) -> CaseCall | None:
    """The case this fact calls for, or None."""
    if isinstance(fact, CheckDecided) and fact.review:
        kind = _check_kind(fact)
        return CaseCall(kind, SEVERITY[kind], f"check:{fact.check_id}", fact.detail[:200])
    if isinstance(fact, Flagged) and fact.flag in CASE_FLAGS:
        return CaseCall("flags", SEVERITY["flags"], f"flag:{fact.flag}", fact.detail[:200])
    return None


def _check_kind(fact: CheckDecided) -> str:
    if fact.outcome is Outcome.MISMATCH:
        return "mismatch"
    if fact.outcome is Outcome.MISSED:
        return "misses"
    return "no_consent" if fact.detail == "no_consent" else "unclear"
