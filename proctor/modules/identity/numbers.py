"""Identity numbers by GB 11643: pure rules. A well-formed number need not be a real person's."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

LENGTH = 18
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # 2 ** (17 - i) mod 11
_CHECKS = "10X98765432"
# Provinces of GB/T 2260; 81, 82 and 83 are the residence permits of people from Hong Kong, Macao and Taiwan.
_PROVINCES = frozenset(
    str(code)
    for codes in ((11, 16), (21, 24), (31, 38), (41, 47), (50, 55), (61, 66), (71, 72))
    for code in range(*codes)
)
_PERMITS = frozenset(("810000", "820000", "830000"))
# What an input method may give for a digit or the X.
_NARROW = str.maketrans("０１２３４５６７８９Ｘｘx", "0123456789XXX")


class IdNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A well-formed number. `plausible`: the region exists or is one of the special cards; retired codes are still in
    people's pockets, so an unknown one is a hint for a person and no refusal."""

    text: str
    born: date
    male: bool
    plausible: bool


class Malformed(msgspec.Struct, frozen=True):
    """Why a text is no identity number."""

    why: Literal["format", "checksum", "date"]


def normal_number(text: str) -> str:
    """As it is stored and compared: ASCII digits, capital X, no blanks around it."""
    return text.strip().translate(_NARROW)


def check_character(body: str) -> str:
    """The last character for the first seventeen digits."""
    assert len(body) == LENGTH - 1 and body.isascii() and body.isdigit()
    rest = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11
    return _CHECKS[rest]


def read_number(text: str, today: date) -> IdNumber | Malformed:
    """`text` as somebody typed it. A person born after `today` has no number yet."""
    number = normal_number(text)
    body = number[:-1]
    if len(number) != LENGTH or not (body.isascii() and body.isdigit()):
        return Malformed("format")
    if number[-1] not in "0123456789X":
        return Malformed("format")
    if check_character(body) != number[-1]:
        return Malformed("checksum")
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return Malformed("date")
    if born > today:
        return Malformed("date")
    return IdNumber(text=number, born=born, male=int(number[16]) % 2 == 1, plausible=_plausible(number[:6]))


def _plausible(region: str) -> bool:
    if region.startswith("9"):  # the permanent residence card of 2023: 9, province, nationality
        return region[1:3] in _PROVINCES
    return region in _PERMITS or (region[:2] in _PROVINCES and region[2:] != "0000")


def age_on(born: date, day: date) -> int:
    """Whole years on that day. Who was born on 29 February is a year older on 1 March of a common year."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
