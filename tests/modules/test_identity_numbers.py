"""Identity numbers by GB 11643: published examples, every law of the checksum, and what people type."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctor.modules.identity.numbers import IdNumber, Malformed, age_on, check_character, read_number

TODAY = date(2026, 11, 25)
# Regions of nobody, so that no number here can be a living person's.
BODIES = st.builds(
    lambda region, born, order: f"{region}{born:%Y%m%d}{order:03d}",
    st.sampled_from(("990000", "970000", "000000")),
    st.dates(date(1800, 1, 1), TODAY),
    st.integers(0, 999),
)


def joined(text: str) -> str:
    """Examples stand with a bar after the region: no file of ours holds eighteen digits that could be somebody's."""
    return text.replace("|", "")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("110105|19491231002X", "110105|19491231002X"), ("440524|188001010014", "440524|188001010014"),
        ("110105|19491231002x", "110105|19491231002X"), ("440524|188002290011", "440524|188002290011"),
        (" １１０１０５|１９４９１２３１００２Ｘ ", "110105|19491231002X"),
    ],
)  # fmt: skip
def test_published_examples_are_read_in_their_one_form(text: str, wanted: str) -> None:
    found = read_number(joined(text), TODAY)
    assert isinstance(found, IdNumber) and found.text == joined(wanted) and found.plausible


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("110105|194912310029", "checksum"), ("110105|194912310020", "checksum"),
        ("110105|19491213002X", "checksum"), ("110105|194902300020", "date"), ("440524|190002290014", "date"),
        ("440524|18991332001X", "date"), ("110105|491231002", "format"), ("110105|1949123100", "format"),
        ("110105|19491231002X0", "format"), ("110105|1949123X0029", "format"), ("", "format"),
        ("²" * 18, "format"), ("١" * 18, "format"),
    ],
)  # fmt: skip
def test_what_is_no_number_says_why(text: str, why: str) -> None:
    assert read_number(joined(text), TODAY) == Malformed(why)


@given(BODIES)
def test_a_body_with_its_check_character_is_a_number(body: str) -> None:
    found = read_number(body + check_character(body), TODAY)
    assert isinstance(found, IdNumber)
    assert f"{found.born:%Y%m%d}" == body[6:14] and found.male is (body[16] in "13579")
    assert not found.plausible, "no such region: a hint, not a refusal"


@given(BODIES, st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(body: str, at: int, by: int) -> None:
    changed = body[:at] + str((int(body[at]) + by) % 10) + body[at + 1 :]
    assert read_number(changed + check_character(body), TODAY) == Malformed("checksum")


@given(BODIES, st.integers(0, 15))
def test_two_neighbours_swapped_are_always_found(body: str, at: int) -> None:
    changed = body[:at] + body[at + 1] + body[at] + body[at + 2 :]
    wrong = read_number(changed + check_character(body), TODAY)
    assert changed == body or wrong == Malformed("checksum")


@given(st.dates(date(1800, 1, 1), TODAY), st.integers(0, 3_650))
def test_nobody_has_a_number_before_being_born(born: date, days: int) -> None:
    number = f"990000{born:%Y%m%d}001"
    number += check_character(number)
    assert isinstance(read_number(number, born + timedelta(days)), IdNumber)
    assert read_number(number, born - timedelta(days + 1)) == Malformed("date")


@given(st.text(max_size=24))
def test_whatever_is_typed_gets_an_answer(text: str) -> None:
    found = read_number(text, TODAY)
    assert isinstance(found, Malformed) or read_number(found.text, TODAY) == found


def test_regions_and_special_cards() -> None:
    for region, plausible in (
        ("350100", True), ("810000", True), ("820000", True), ("830000", True), ("911124", True),
        ("350000", False), ("990000", False), ("840000", False), ("160101", False),
    ):  # fmt: skip
        body = f"{region}18800101001"
        found = read_number(body + check_character(body), TODAY)
        assert isinstance(found, IdNumber) and found.plausible is plausible, region


def test_ages_change_on_the_birthday() -> None:
    born = date(2012, 11, 25)
    assert age_on(born, date(2026, 11, 24)) == 13 and age_on(born, TODAY) == 14
    leap = date(2012, 2, 29)
    assert age_on(leap, date(2026, 2, 28)) == 13 and age_on(leap, date(2026, 3, 1)) == 14
