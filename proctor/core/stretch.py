"""Open stretches and runs of refusals: many beats become one fact when something ends them."""

from __future__ import annotations

from proctor.core.facts import BeatSummary, Credited, Reason, Refused, Spans
from proctor.core.intervals import union

SIGNALS_MAX = 8
SPANS_MAX = 12  # an open stretch with more pieces is closed: a snapshot must stay small


class Stretch:
    """What was credited since the last closing, with a summary of its beats for the reviewer."""

    __slots__ = ("number", "spans", "began_ms", "beats", "gap_ms_max", "frames", "early", "signals")

    def __init__(self, number: int) -> None:
        self._reset(number)

    def _reset(self, number: int) -> None:
        self.number = number
        self.spans: Spans = ()
        self.began_ms = 0
        self.beats = 0
        self.gap_ms_max = 0
        self.frames = 0
        self.early = 0
        self.signals: tuple[str, ...] = ()

    def add(self, spans: Spans, now_ms: int, elapsed_ms: int, frames: int, signals: list[str]) -> None:
        """One granted claim joins the stretch; it began when the elapsed time of its first claim began."""
        if not self.spans:
            self.began_ms = now_ms - elapsed_ms
        self.spans = union(self.spans, spans)
        self.beats += 1
        self.gap_ms_max = max(self.gap_ms_max, elapsed_ms)
        self.frames += max(0, frames)
        for signal in signals:
            if signal not in self.signals and len(self.signals) < SIGNALS_MAX:
                self.signals += (signal,)

    def extend(self, to_ms: int, elapsed_ms: int, frames: int) -> None:
        """The steady beat: the open stretch only moves its end."""
        spans = self.spans
        self.spans = (*spans[:-1], (spans[-1][0], to_ms))
        self.beats += 1
        if elapsed_ms > self.gap_ms_max:
            self.gap_ms_max = elapsed_ms
        if frames > 0:
            self.frames += frames

    def close(self, lesson_id: int, day: str, rule_version: str, now_ms: int, cause: str) -> Credited | None:
        """The fact of this stretch, if anything was granted; the next stretch has the next number."""
        if not self.spans:
            return None
        fact = Credited(
            lesson_id=lesson_id,
            at_ms=now_ms,
            cause=cause,
            stretch=self.number,
            spans=self.spans,
            day=day,
            from_at_ms=self.began_ms,
            rule_version=rule_version,
            summary=BeatSummary(
                beats=self.beats,
                gap_ms_max=self.gap_ms_max,
                frames=self.frames,
                early=self.early,
                signals=self.signals,
            ),
        )
        self._reset(self.number + 1)
        return fact


class RefusedRun:
    """Consecutive claims refused for one reason: written once, when the reason changes or credit goes on."""

    __slots__ = ("reason", "from_ms", "to_ms", "ms", "began_ms", "beats")

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self.from_ms = self.to_ms = self.ms = self.began_ms = self.beats = 0

    def add(
        self, reason: Reason, span: tuple[int, int], ms: int, now_ms: int, lesson_id: int, cause: str
    ) -> Refused | None:
        """Join the run, or end it and begin another; returns the run that ended."""
        ended = None
        if self.reason is not reason:
            ended = self.end(lesson_id, now_ms, cause)
            self.reason, self.began_ms = reason, now_ms
            self.from_ms, self.to_ms = span
        self.from_ms = min(self.from_ms, span[0])
        self.to_ms = max(self.to_ms, span[1])
        self.ms += ms
        self.beats += 1
        return ended

    def end(self, lesson_id: int, now_ms: int, cause: str) -> Refused | None:
        if self.reason is None:
            return None
        fact = Refused(
            lesson_id=lesson_id,
            at_ms=now_ms,
            cause=cause,
            from_ms=self.from_ms,
            to_ms=self.to_ms,
            ms=self.ms,
            reason=self.reason,
            from_at_ms=self.began_ms,
            beats=self.beats,
        )
        self.reason = None
        self.from_ms = self.to_ms = self.ms = self.began_ms = self.beats = 0
        return fact
