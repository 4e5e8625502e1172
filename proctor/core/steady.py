"""The beat of a learner who plays on while nothing else happens, in one straight line: nine of ten are that.

It does what `Session.beat` does in general, which a test holds it to for any beats: the open stretch, its
provisional span and the coverage end where this claim begins, and only their ends move. Whatever is not known here
is left to the general way, untouched. A steady beat makes no fact.
"""

from __future__ import annotations

from proctor.core.seat import Seat
from proctor.core.wire import Beat


def goes_on(seat: Seat, beat: Beat, now_ms: int) -> bool:
    """Take the beat if it is a steady one; else False, and nothing has moved."""
    dialogue, credit, person, stretch, policy = seat.dialogue, seat.credit, seat.person, seat.stretch, seat.policy
    seq, span, covered, spans, provisional = beat.seq, beat.span, credit.covered, stretch.spans, seat.provisional
    if not (
        span and beat.kind == "beat" and beat.playing and beat.visible and beat.focused and beat.frames
        and not beat.pip and not beat.signals and seat.state == "playing" and credit.playing
        and beat.ack == dialogue.seq == seq - 1 and dialogue.told(beat.nonce)
    ):  # fmt: skip
        return False
    from_ms, to_ms = span
    if not (
        covered and spans and provisional and from_ms == covered[-1][1] == spans[-1][1] == provisional[-1][1]
        and from_ms < to_ms <= seat.duration_ms and from_ms <= seat.reach_ms
    ):  # fmt: skip
        return False
    if (
        seat.held or seat.closed or seat.midnight_ms or seat.barred_ms or seat.complete or not seat.licence.earns
        or person.due is not None or person.blocks or seat.run.reason is not None
    ):  # fmt: skip
        return False
    elapsed_ms = min(now_ms - credit.last_ms, policy.gap_ms_max)
    budget_ms = elapsed_ms * policy.rate_max_permille // 1_000 + credit.slack_ms
    ms = min(to_ms - from_ms, budget_ms)
    short_ms = to_ms - from_ms - ms
    covered_ms = credit.covered_ms + ms
    if (
        elapsed_ms < 0 or ms <= 0 or (short_ms and short_ms >= policy.slack_ms_max)
        or ms > policy.daily_cap_ms - seat.day_used_ms or person.since_ms + ms >= person.next_ms
        or seat.duration_ms - covered_ms <= policy.complete_rest_ms or not dialogue.allows(now_ms)
    ):  # fmt: skip
        return False
    dialogue.count(now_ms)
    dialogue.seq, dialogue.acked = seq, beat.ack
    credit.extend(from_ms + ms, covered_ms, min(budget_ms - ms, policy.slack_ms_max), now_ms)
    stretch.extend(from_ms + ms, elapsed_ms, beat.frames)
    seat.provisional = (*provisional[:-1], (provisional[-1][0], from_ms + ms))
    seat.day_used_ms += ms
    person.since_ms += ms
    seat.short_ms, seat.why, seat.changed = short_ms, "", True
    seat.reach_ms = max(seat.reach_ms, to_ms)
    seat.position_ms = min(beat.pos, seat.duration_ms)
    seat.at_ms = now_ms
    seat.due_ms = min(seat.day_end_ms, stretch.began_ms + policy.stretch_ms_max)
    return True
