"""The rules' numbers: one frozen object per class, versioned; a change never re-judges old rows.

Values and their sources: the default pack ("Default policy pack") of the domain reference. Units are part of
the names; ratios are per 10,000 so that the core needs no floats.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Policy(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one class demands. `Policy()` is the default pack."""

    version: str = "default-1"

    # Beat and credit.
    beat_ms: int = 10_000
    gap_ms_max: int = 30_000  # = lease lifetime = three beats: the largest loss and the largest theft of a cut
    rate_max_permille: int = 1_000  # playing faster earns wall time only
    slack_ms_max: int = 10_000  # unused elapsed carried over: one beat
    beats_per_minute_max: int = 90  # above it beats earn nothing and the socket is closed
    durable_nudge_ms: int = 17_000  # the player sends an early beat without durable news for so long
    durable_pause_ms: int = 25_000  # 5/6 of gap_ms_max: then the player pauses itself
    stretch_ms_max: int = 900_000  # an open stretch is written at least every 15 minutes
    complete_rest_ms: int = 2_000  # a lesson is complete when no more than this is uncovered
    daily_cap_ms: int = 21_600_000  # 8 periods of 45 minutes

    # Lease.
    second_device: Literal["newest", "first"] = "newest"
    takeovers_per_hour_flag: int = 3

    # Checks of the person.
    check_at_start: bool = True
    check_at_end: bool = True
    check_every_ms_min: int = 420_000  # of credited time, drawn uniformly
    check_every_ms_max: int = 900_000
    check_window_ms: int = 60_000
    check_tries: int = 3
    check_freeze_ms_max: int = 180_000  # the window stands still for a lost socket, once, so long at most
    check_reuse_ms: int = 300_000  # a pass this young serves as the next start check
    check_again_ms: int = 30_000  # after a fault of ours the learner is checked again so soon (`schedule.again_ms`)
    makeup_days: int = 3  # working days to make up an end check or a withheld stretch
    misses_review_per_10000: int = 1_875  # above this share of missed checks a reviewer looks
    misses_review_count_min: int = 4  # of at least so many decided checks: one miss of one is no ratio

    # Which checks are active. A still of the right person passes a routine one: that is why some are not routine.
    active_start: bool = True
    active_end: bool = True
    active_takeover: bool = True  # another device took the seat: a fresh pass at the former one does not serve
    active_one_in: int = 5  # of the random checks; 0: none, 1: all
    exam: bool = False  # of a class that is an exam each check is an active one, whatever the lines above say
    active_turns: int = 2  # of the head in one try, in random order (`actions.guess_rate`)
    active_light: bool = False  # the screen also lights the face in a random sequence; a bright room hides it

    # Review.
    review_persons: int = 2
    code_spot_one_in: int = 10  # of the checks that were passed by code: a supervisor calls or looks in; 0: none

    def __post_init__(self) -> None:
        # A lease must outlive two lost beats, and a player must pause before the gap cap eats its time.
        assert self.beat_ms > 0 and self.gap_ms_max >= 2 * self.beat_ms
        assert self.durable_nudge_ms < self.durable_pause_ms <= self.gap_ms_max
        assert 0 <= self.slack_ms_max <= self.gap_ms_max
        assert 0 < self.check_every_ms_min <= self.check_every_ms_max
        assert self.check_tries >= 1 and self.review_persons in (1, 2) and self.code_spot_one_in >= 0
        assert self.active_one_in >= 0 and 1 <= self.active_turns <= 4


DEFAULT = Policy()
