"""The one credit formula: elapsed server time and new media in, granted spans out.

elapsed = server time since the last accepted beat, clamped to [0, gap_ms_max]; 0 after "not playing"
new     = the part of the claim that is not covered yet
credit  = min(new, elapsed + slack)                    (rate_max 1.0: faster play earns wall time only)
slack   = unused elapsed carried over, at most one beat; emptied by pause, seek, hide, end and reconnect
"""

from __future__ import annotations

import msgspec

from proctor.core.facts import Spans
from proctor.core.intervals import subtract, take_first, total, union
from proctor.core.policy import Policy

PIECES_MAX = 8  # spans of one grant


class Grant(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one claim earned. `short_ms` = new media that elapsed and slack did not reach."""

    spans: Spans
    ms: int
    elapsed_ms: int
    repeated_ms: int
    short_ms: int
    capped_ms: int  # withheld from this grant by the daily cap alone


class Credit:
    """Elapsed time, slack and coverage of one session. Every grant goes through `grant`."""

    __slots__ = ("policy", "covered", "slack_ms", "last_ms", "playing", "_counted", "_counted_ms")

    def __init__(self, policy: Policy, covered: Spans, now_ms: int) -> None:
        self.policy = policy
        self.covered = covered
        self._counted: Spans = ()  # the coverage whose total is known
        self._counted_ms = 0
        self.slack_ms = 0
        self.last_ms = now_ms
        self.playing = False

    @property
    def covered_ms(self) -> int:
        """Total of the coverage; counted anew only after it was changed from outside of `grant`."""
        if self._counted is not self.covered:
            self._counted, self._counted_ms = self.covered, total(self.covered)
        return self._counted_ms

    def elapsed_ms(self, now_ms: int) -> int:
        """Elapsed for a beat that arrives now; the clamp is what a cut or a long silence may earn at most."""
        if not self.playing:
            return 0
        return max(0, min(now_ms - self.last_ms, self.policy.gap_ms_max))

    def grant(self, claim: Spans, elapsed_ms: int, day_left_ms: int) -> Grant:
        """Cover the earliest new milliseconds of `claim` that the formula allows; unused elapsed is slack."""
        # Coverage full of holes must not make the snapshot large: the rest of such a claim can be watched again.
        new = subtract(claim, self.covered)[:PIECES_MAX]
        new_ms = total(new)
        budget_ms = elapsed_ms * self.policy.rate_max_permille // 1_000 + self.slack_ms
        reach_ms = min(new_ms, budget_ms)
        ms = min(reach_ms, max(0, day_left_ms))
        spans = take_first(new, ms)
        covered_ms = self.covered_ms + ms
        self.covered = self._counted = union(self.covered, spans)
        self._counted_ms = covered_ms
        self.slack_ms = min(budget_ms - ms, self.policy.slack_ms_max)
        return Grant(
            spans=spans,
            ms=ms,
            elapsed_ms=elapsed_ms,
            repeated_ms=total(claim) - new_ms,
            short_ms=new_ms - reach_ms,
            capped_ms=reach_ms - ms,
        )

    def extend(self, to_ms: int, covered_ms: int, slack_ms: int, now_ms: int) -> None:
        """The steady beat: a grant that only moves the end of the coverage, and its acceptance."""
        covered = self.covered
        self.covered = self._counted = (*covered[:-1], (covered[-1][0], to_ms))
        self._counted_ms, self.slack_ms, self.last_ms = covered_ms, slack_ms, now_ms

    def accept(self, now_ms: int, playing: bool, keep_slack: bool) -> None:
        """The beat is accepted: elapsed starts anew from here."""
        self.last_ms = now_ms
        self.playing = playing
        if not keep_slack:
            self.slack_ms = 0

    def uncover(self, spans: Spans) -> None:
        """Withheld and void spans leave the coverage: they may be watched again."""
        self.covered = subtract(self.covered, spans)
