"""Checks by code: how many texts, how long a code counts, and what an answer is worth. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

import msgspec

from proctor.core.facts import Outcome

CODE_DIGITS = 6
CODE_MS = 300_000
TRIES_MAX = 5  # wrong answers to one code
RESEND_MS = 30_000
SENDS_MAX = 3  # texts of one check
CHOICES = 4
SPOT_SEVERITY = 30  # below everything that keeps somebody's hours waiting
SPOT_KIND = "spot"

_CODE = re.compile(r"[0-9]{6}")


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """The newest code of a check as SQL has it."""

    code_hash: bytes
    sends: int
    wrong: int
    sent_ms: int
    expires_ms: int
    used_ms: int | None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """`answer`: index of the right one among `choices`."""

    question: str
    choices: tuple[str, ...]
    answer: int


def code_of(roll: int) -> str:
    """Six digits of a random number."""
    return f"{roll % 10**CODE_DIGITS:06d}"


def normal_code(text: str) -> str | None:
    """What somebody typed as six ASCII digits, or None."""
    plain = re.sub(r"\s", "", text).translate(str.maketrans("０１２３４５６７８９", "0123456789"))
    return plain if _CODE.fullmatch(plain) else None


def resend_after_ms(code: Code | None, now_ms: int) -> int:
    """How long until another text of this check may go out; 0: now."""
    return max(0, code.sent_ms + RESEND_MS - now_ms) if code else 0


def is_alive(code: Code | None, now_ms: int) -> bool:
    """Whether an answer to this code can still be right."""
    return code is not None and not code.used_ms and code.wrong < TRIES_MAX and now_ms < code.expires_ms


def word(code: Code | None, given_hash: bytes, right_choice: bool, now_ms: int) -> tuple[Outcome, str]:
    """What one answer says. A wrong one is unclear: it never says that somebody else sits there."""
    if code is None or not is_alive(code, now_ms):
        return Outcome.UNCLEAR, "code_over"
    if not hmac.compare_digest(code.code_hash, given_hash):
        return Outcome.UNCLEAR, "code_wrong"
    if not right_choice:
        return Outcome.UNCLEAR, "answer_wrong"
    return Outcome.PASSED, ""


def choose(seed: bytes, questions: Sequence[Question]) -> Question:
    """One of them with its choices in an order of its own; the same seed gives the same, in every process."""
    assert questions
    found = questions[_roll(seed, b"question") % len(questions)]
    order = sorted(range(len(found.choices)), key=lambda index: _roll(seed, b"choice%d" % index))
    return Question(
        question=found.question, choices=tuple(found.choices[index] for index in order),
        answer=order.index(found.answer),
    )  # fmt: skip


def among(seed: bytes, question: str, right: str, others: Sequence[str]) -> Question:
    """A question whose right answer stands among titles of others, which the server knows anyway."""
    wrong = sorted({text for text in others if text != right}, key=lambda text: _roll(seed, text.encode()))
    return Question(question=question, choices=(right, *wrong[: CHOICES - 1]), answer=0)


def _roll(seed: bytes, what: bytes) -> int:
    return int.from_bytes(hashlib.sha256(seed + what).digest()[:8], "big")


def is_spot(seed: bytes, one_in: int) -> bool:
    """Whether a person looks at this check, by dice that nobody outside can know; `one_in` 0: never."""
    return one_in > 0 and _roll(seed, b"spot") % one_in == 0
