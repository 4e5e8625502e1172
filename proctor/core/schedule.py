"""When a check of the person is due, and in which way. Dice come from outside, as 32 random bits."""

from __future__ import annotations

from proctor.core.facts import CheckKind
from proctor.core.inputs import Snapshot
from proctor.core.policy import Policy

ROLLS = 2**32
FAULTS_MAX = 4  # running faults beyond it wait no longer


def next_check_ms(policy: Policy, roll: int) -> int:
    """Credited time until the next random check, uniform between the policy's bounds (both included)."""
    assert 0 <= roll < ROLLS
    width = policy.check_every_ms_max - policy.check_every_ms_min + 1
    return policy.check_every_ms_min + roll * width // ROLLS


def again_ms(policy: Policy, faults: int, roll: int) -> int:
    """How long after a fault of ours the check is asked again. `faults`: how many are running, this one included.

    Who fell due at once does not come back at once: uniform over a width that doubles with each fault.
    """
    assert faults >= 1
    width_ms = policy.check_again_ms << min(faults, FAULTS_MAX) - 1
    return policy.check_again_ms + roll * width_ms // ROLLS


def is_active(policy: Policy, kind: CheckKind, roll: int) -> bool:
    """Does policy make this check an active one? Of a roll the upper half decides, the lower gives the actions."""
    if policy.exam:
        return True
    if kind is CheckKind.RANDOM:
        return policy.active_one_in > 0 and (roll >> 16) * policy.active_one_in < 2**16
    return policy.active_start if kind is CheckKind.START else policy.active_end


def start_check_needed(policy: Policy, base: Snapshot | None, now_redis_ms: int) -> bool:
    """A pass in the last minutes serves as the start check; anything else decided does not."""
    if not policy.check_at_start:
        return False
    if base is None or not base.decided_passed:
        return True
    return now_redis_ms - base.decided_redis_ms > policy.check_reuse_ms


def makeup_over(policy: Policy, first_redis_ms: int, now_redis_ms: int, weekday: int) -> bool:
    """Is the make-up window of an end check over? `weekday`: of its first issue, Monday is 0.

    Working days are Monday to Friday; public holidays only lengthen what people grant by hand.
    """
    day_ms = 86_400_000
    days, counted = 0, 0
    while counted < policy.makeup_days:
        days += 1
        counted += (weekday + days) % 7 < 5
    return now_redis_ms - first_redis_ms > days * day_ms


def weekday_of(epoch_ms: int) -> int:
    """Weekday of a UTC time, Monday is 0 (1970-01-01 was a Thursday)."""
    return (epoch_ms // 86_400_000 + 3) % 7


def too_many_misses(policy: Policy, decided: int, missed: int) -> bool:
    """Does the share of missed checks call for a reviewer? One miss of one is no ratio."""
    if decided < policy.misses_review_count_min:
        return False
    return missed * 10_000 > policy.misses_review_per_10000 * decided
