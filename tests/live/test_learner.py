"""Dice and the small record of one connected learner."""

from __future__ import annotations

from proctor.live.learner import draw, seed
from tests.live.house import House


def test_dice_are_fresh_and_fit_their_places() -> None:
    draws = [draw() for _n in range(200)]
    assert len({one.check_id for one in draws}) == len({one.nonce for one in draws}) == 200
    assert all(len(one.check_id) <= 32 and len(one.nonce) <= 16 and 0 <= one.roll < 2**32 for one in draws)
    assert all(0 <= seed() < 2**63 for _n in range(200))


async def test_a_new_learner_has_been_heard_now_and_nothing_is_wrong_yet() -> None:
    house = House()
    learner, _link = await house.start()
    assert learner is not None and not hasattr(learner, "__dict__")
    assert learner.heard_ms == learner.renewed_ms == house.clock.now_ms()
    assert not (learner.trouble or learner.over or learner.handover_ms) and learner.holder.node == "n1"
