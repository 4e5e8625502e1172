"""How old somebody is by the identity number, and what the law asks of which age: pure.

PIPL 28 and 31: under 14 a guardian decides. Regulations on minors in cyberspace 36: staff who read a minor's data
need an approval, and leave a record.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from proctor.modules.identity.numbers import Malformed, age_on, read_number

GUARDIAN_YEARS, ADULT_YEARS = 14, 18


class Band(StrEnum):
    CHILD = "child"  # under 14: a guardian decides about the face
    MINOR = "minor"  # 14 to 17: decides alone; whoever of the staff looks needs another's yes
    ADULT = "adult"
    UNKNOWN = "unknown"  # nothing tells: an adult for staff, counted apart, and asked before agreeing to anything


def band_of(id_number: str, today: date) -> Band:
    """The band on this day, in the institution's time zone. It changes on the birthday by itself."""
    read = read_number(id_number, today)
    if isinstance(read, Malformed):
        return Band.UNKNOWN
    years = age_on(read.born, today)
    if years < GUARDIAN_YEARS:
        return Band.CHILD
    return Band.MINOR if years < ADULT_YEARS else Band.ADULT


def is_young(band: Band) -> bool:
    """Whether staff need an approval before they see a picture."""
    return band in (Band.CHILD, Band.MINOR)


def takes_protection(before: Band, after: Band) -> bool:
    """Whether a correction ends what the law gives the young: one person alone must not."""
    return is_young(before) and after is not before and after is not Band.CHILD
