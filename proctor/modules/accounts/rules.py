"""Rules about people and sign-in: pure."""

from __future__ import annotations

import re
from typing import NamedTuple

ROLES = ("learner", "reviewer", "administrator")
LOGIN_CHARS_MAX = 64
PASSWORD_CHARS_MAX = 128

_PHONE = re.compile(r"1[3-9][0-9]{9}")
_LOGIN = re.compile(r"[0-9A-Za-z][0-9A-Za-z._@-]{0,63}")


class Tries(NamedTuple):
    """Failed tries since the last success, and until when the account is locked (0: it is not)."""

    failed: int
    locked_until_ms: int


def normal_login(text: str) -> str | None:
    """The login as it is stored (lower case, trimmed), or None if no account can be called so."""
    login = text.strip().lower()
    return login if _LOGIN.fullmatch(login) else None


def after_failure(tries: Tries, now_ms: int, tries_max: int, lock_ms: int) -> Tries:
    """One more wrong password; an expired lock starts the count anew."""
    assert tries_max >= 1 and lock_ms > 0
    failed = (0 if 0 < tries.locked_until_ms <= now_ms else tries.failed) + 1
    return Tries(failed, now_ms + lock_ms if failed >= tries_max else 0)


def is_locked(tries: Tries, now_ms: int) -> bool:
    return tries.locked_until_ms > now_ms


def masked_name(name: str) -> str:
    """王小明 becomes 王**: the first character and one star for each other one, at most three."""
    name = name.strip()
    return name[:1] + "*" * max(1, min(3, len(name) - 1)) if name else ""


def masked_id_number(number: str) -> str:
    """The first three and the last four characters; a short number is hidden whole."""
    return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}" if len(number) > 9 else "*" * len(number)


def normal_phone(text: str) -> str | None:
    """A mainland mobile number as its eleven digits, or None if it is none."""
    plain = re.sub(r"[\s-]", "", text.translate(str.maketrans("０１２３４５６７８９＋", "0123456789+")))
    plain = re.sub(r"^(?:\+86|0086|86(?=1[0-9]{10}$))", "", plain)
    return plain if _PHONE.fullmatch(plain) else None


def masked_phone(phone: str) -> str:
    """138****0001; "" stays "": there is none."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) == 11 else "*" * len(phone)
