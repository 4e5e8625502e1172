"""The bucket of sign-in tries, by a clock of ours."""

from __future__ import annotations

from web.limits import RateLimit


def test_a_burst_goes_through_then_one_at_a_time() -> None:
    now = [0.0]
    limit = RateLimit(3, 6.0, now_s=lambda: now[0])
    assert [limit.take("a") for _ in range(5)] == [True, True, True, False, False]
    now[0] = 5.9
    assert not limit.take("a")
    now[0] = 6.1
    assert limit.take("a") and not limit.take("a")
    now[0] = 1_000.0
    assert [limit.take("a") for _ in range(4)] == [True, True, True, False], "never more than the burst"


def test_keys_do_not_disturb_each_other_and_their_number_is_bounded() -> None:
    limit = RateLimit(1, 60.0, keys_max=2, now_s=lambda: 0.0)
    assert limit.take("a") and limit.take("b") and not limit.take("a")
    assert limit.take("c"), "the oldest key is forgotten"
    assert not limit.take("a") and limit.take("b")
