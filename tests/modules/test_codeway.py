"""Rules of the way by code: what an answer is worth, and what dice decide. Sending: tests/web/api/test_codes.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctor.core.facts import Outcome
from proctor.modules.codeway import rules
from proctor.modules.codeway.rules import Code, Question

RIGHT, WRONG = b"r" * 32, b"w" * 32


def code(**changes) -> Code:
    given = {"code_hash": RIGHT, "sends": 1, "wrong": 0, "sent_ms": 1_000, "expires_ms": 301_000, "used_ms": None}
    return Code(**{**given, **changes})


@pytest.mark.parametrize(
    ("known", "hashed", "choice", "now_ms", "wanted"),
    [
        (code(), RIGHT, True, 300_999, (Outcome.PASSED, "")),
        (code(), RIGHT, True, 301_000, (Outcome.UNCLEAR, "code_over")),
        (code(wrong=4), RIGHT, True, 2_000, (Outcome.PASSED, "")),
        (code(wrong=5), RIGHT, True, 2_000, (Outcome.UNCLEAR, "code_over")),
        (code(used_ms=2_000), RIGHT, True, 2_001, (Outcome.UNCLEAR, "code_over")),
        (None, RIGHT, True, 2_000, (Outcome.UNCLEAR, "code_over")),
        (code(), WRONG, True, 2_000, (Outcome.UNCLEAR, "code_wrong")),
        (code(), RIGHT, False, 2_000, (Outcome.UNCLEAR, "answer_wrong")),
        (code(), WRONG, False, 2_000, (Outcome.UNCLEAR, "code_wrong")),
    ],
)  # fmt: skip
def test_what_an_answer_says(known, hashed: bytes, choice: bool, now_ms: int, wanted: tuple[Outcome, str]) -> None:
    assert rules.word(known, hashed, choice, now_ms) == wanted


@given(st.integers(0, 2**64 - 1))
def test_a_code_is_six_digits_and_is_read_as_it_was_sent(roll: int) -> None:
    made = rules.code_of(roll)
    assert len(made) == 6 and rules.normal_code(f" {made[:3]} {made[3:]} ") == made


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "12345x", "١٢٣٤٥٦", "12345²"])
def test_what_is_no_code_is_none(typed: str) -> None:
    assert rules.normal_code(typed) is None


def test_full_width_digits_are_read() -> None:
    assert rules.normal_code("１２３４５６") == "123456"


def test_another_text_waits_for_half_a_minute() -> None:
    assert rules.resend_after_ms(None, 0) == 0
    assert [rules.resend_after_ms(code(), at) for at in (1_000, 30_999, 31_000, 99_000)] == [30_000, 1, 0, 0]


def test_the_place_of_a_right_answer_follows_the_seed_alone() -> None:
    asked = [Question(question=str(n), choices=("a", "b", "c", "d"), answer=n % 4) for n in range(4)]
    places = []
    for number in range(400):
        found = rules.choose(b"%d" % number, asked)
        assert found == rules.choose(b"%d" % number, asked)
        assert found.choices[found.answer] == asked[int(found.question)].choices[int(found.question) % 4]
        places.append(found.answer)
    assert min(places.count(place) for place in range(4)) > 60


@given(st.binary(min_size=1, max_size=8), st.lists(st.text(min_size=1, max_size=4), max_size=9))
def test_a_title_stands_once_among_others(seed: bytes, others: list[str]) -> None:
    found = rules.among(seed, "?", "right", others)
    assert found.choices[found.answer] == "right" and len(set(found.choices)) == len(found.choices) <= rules.CHOICES


def test_one_in_so_many_is_looked_at() -> None:
    seeds = [b"%d" % number for number in range(5_000)]
    assert 420 < sum(rules.is_spot(seed, 10) for seed in seeds) < 580
    assert not any(rules.is_spot(seed, 0) for seed in seeds) and all(rules.is_spot(seed, 1) for seed in seeds)
