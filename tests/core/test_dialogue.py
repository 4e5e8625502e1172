"""A live dialogue: beats in sequence that repeat our newest word, and not too many of them."""

from __future__ import annotations

from proctor.core.dialogue import ACKS_BACK_MAX, Dialogue, nonce_of
from proctor.core.policy import Policy


def dialogue(seq: int = 0, acked: int = 0) -> Dialogue:
    one = Dialogue(7, Policy(beats_per_minute_max=3), 0)
    one.seq, one.acked = seq, acked
    return one


def test_beats_follow_one_by_one() -> None:
    assert [dialogue(4).follows(seq) for seq in (4, 5, 6)] == [False, True, False]


def test_only_who_received_the_word_can_repeat_it() -> None:
    assert dialogue(4).answers(4, nonce_of(7, 4))
    assert not dialogue(4).answers(4, nonce_of(8, 4)) and not dialogue(4).answers(3, nonce_of(7, 4))
    assert len({nonce_of(7, seq) for seq in range(500)}) == 500


def test_an_old_word_a_word_to_come_and_a_step_back_are_no_answers() -> None:
    assert not dialogue(20).answers(20 - ACKS_BACK_MAX, nonce_of(7, 20 - ACKS_BACK_MAX))
    assert dialogue(20).answers(21 - ACKS_BACK_MAX, nonce_of(7, 21 - ACKS_BACK_MAX))
    assert not dialogue(4).answers(5, nonce_of(7, 5))
    assert not dialogue(4, acked=3).answers(2, nonce_of(7, 2))


def test_too_many_beats_a_minute_are_told_from_a_flood_and_a_new_minute_starts_anew() -> None:
    one = dialogue()
    for _ in range(4):
        one.count(10)
    assert one.too_often and not one.overrun
    for _ in range(3):
        one.count(59_999)
    assert one.overrun
    one.count(60_000)
    assert not one.too_often
