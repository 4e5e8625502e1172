"""What an honest learner may lose, and by which cause alone: all else that was played must be in the record.

A cause is an interval of true time in which it truly stood in this world, for this learner. Whenever a lost
millisecond was played, one of the causes must have stood; if none did, the engine (or the player) lost it, and
that is a violation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tests.sim.bits import bits

GAP_MS = 30_000
TRAVEL_MS = 320  # two latencies of a healthy line (150 ms at most each): at a pause, and at a check before it
BEAT_MS = 10_000
FOR_EVER_MS = 2**60

CAUSES = {
    "play_on_the_way": "the word that playback began was under way: time counts from when it was heard",
    "play_unheard": "the line or a process broke before the word that playback began was durable",
    "left_unheard": "the page was left while its line was dead",
    "other_device": "playback went on at a device that the learner had left for another one",
    "page_crash": "the page was closed without a last word: what was played since it last saved",
    "clock_step": "a clock stepped, or a machine stood still: one gap at most",
    "late_line": "a line that delivered seconds late",
    "welcome_late": "a resume was answered later than the page waits for it, and it resumed once more",
    "given_up_dial": "a dial that the page had given up came home late and took the seat in use",
    "check_missed": "a check was asked of a page that slept, and missed: what followed its last beat was never told",
    "check_on_the_way": "a check was asked, and the page had not heard of it",
    "ended": "the login ended, the account was blocked or the lesson was taken down",
    "daily_cap": "the day's cap was reached",
    "travel": "the spread of latencies, at each pause",
}
CARRIED = ("play_on_the_way", "check_on_the_way", "late_line", "clock_step")
CARRIED_MS = 10_000  # a player claims a rest again when it is below one beat


class Losses:
    """Causes by learner. Times are true milliseconds."""

    def __init__(self, now_ms) -> None:
        self._now_ms = now_ms
        self._stood: dict[int, list[tuple[str, int, int]]] = defaultdict(list)  # 0: for everybody
        self._open: dict[tuple[int, str], int] = {}

    def stood(self, cause: str, learner_id: int, from_ms: int, to_ms: int) -> None:
        assert cause in CAUSES, cause
        self._stood[learner_id].append((cause, from_ms, to_ms))

    def begins(self, cause: str, learner_id: int) -> None:
        self._open.setdefault((learner_id, cause), self._now_ms())

    def ends(self, cause: str, learner_id: int, more_ms: int = 0) -> None:
        from_ms = self._open.pop((learner_id, cause), None)
        if from_ms is not None:
            self.stood(cause, learner_id, from_ms, self._now_ms() + more_ms)

    def of(self, learner_id: int) -> list[tuple[str, int, int]]:
        still = [
            (cause, from_ms, FOR_EVER_MS) for (who, cause), from_ms in self._open.items() if who in (0, learner_id)
        ]
        return self._stood[0] + self._stood[learner_id] + still


def spans(mask: int) -> Iterable[tuple[int, int]]:
    """The set bits as half-open spans."""
    at = 0
    while mask:
        zeros = (mask & -mask).bit_length() - 1
        mask >>= zeros
        at += zeros
        ones = (~mask & (mask + 1)).bit_length() - 1
        yield at, at + ones
        mask >>= ones
        at += ones


def without_cause(
    played: list[tuple[int, int, int, int]], lost: dict[int, int], causes: list[tuple[str, int, int]], count
) -> list[tuple[int, int, int, int]]:
    """Stretches (lesson, from, to, true time of the end) that are lost, and no cause stood when they were played.

    `played`: the same, of everything that was played. `count(cause, ms)` is told what was attributed.
    """
    found, short_ms = [], 0
    for lesson, from_ms, to_ms, end_ms in played:
        hit = lost[lesson] & bits([(from_ms, to_ms)])
        for a, b in spans(hit):
            if b - a <= TRAVEL_MS:
                count("travel", b - a)
                continue
            rest = bits([(max(0, end_ms - (to_ms - a)), end_ms - (to_ms - b))])
            for cause, since_ms, until_ms in causes:
                mine = rest & bits([(max(0, since_ms), min(until_ms, end_ms))])
                if mine:
                    count(cause, mine.bit_count())
                    rest &= ~mine
                if not rest:
                    break
            if rest.bit_count() > TRAVEL_MS:
                found.append((lesson, a, b, end_ms - (to_ms - b)))
                short_ms += rest.bit_count()
    return _not_carried(found, short_ms, played, causes, count)


def _not_carried(found: list, short_ms: int, played: list, causes: list, count) -> list:
    """A rest that was not counted is claimed again with what follows, so that the newest milliseconds are the short
    ones: what a late line or a question on its way cost is then missing later, and not more of it."""
    if not found:
        return found
    first_ms = min(end_ms for *_rest, end_ms in found)
    ways = [one for one in causes if one[0] in CARRIED and one[1] < first_ms]
    there = 0
    for *_rest, from_ms, to_ms, end_ms in played:
        there |= bits([(max(0, end_ms - (to_ms - from_ms)), end_ms)])
    stood = bits([(max(0, since_ms), min(until_ms, first_ms)) for _cause, since_ms, until_ms in ways])
    if short_ms > min(CARRIED_MS * len(ways), (there & stood).bit_count()):
        return found
    count("carried", short_ms)
    return []
