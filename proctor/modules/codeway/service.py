"""The way without a face, of equal standing: a one-time code to the registered phone and a question about the lesson.

It says that whoever sits there holds the learner's phone and knows what is being learnt. Nothing here decides against
somebody: a wrong answer is an unclear try, and one in so many passed checks is looked at by a person.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import insert, select, update

from proctor.core.facts import CheckWay, Outcome
from proctor.core.inputs import Verdict
from proctor.errors import Refused, Unavailable
from proctor.modules.accounts.rules import masked_phone
from proctor.modules.accounts.service import RushDatabase
from proctor.modules.codeway import queries, rules
from proctor.modules.codeway.tables import check_codes, lesson_questions, texts
from proctor.modules.reviews.tables import case_causes, cases
from proctor.modules.schema import upsert
from proctor.modules.study.tables import bursts
from proctor.ports import CheckTicket, Messages, Vault

MODEL = "code"
HOUR_MS, MINUTE_MS = 3_600_000, 60_000


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """Sentences in the learner's language. `text` carries %(code)s; `fillers` are titles for small catalogues."""

    text: str
    which_lesson: str
    which_course: str
    fillers: tuple[str, ...]


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What the sheet shows. `phone` is masked, "" when none is registered; `sent`: a code is out and still counts."""

    phone: str
    question: str
    choices: tuple[str, ...]
    resend_after_s: int
    sent: bool


class CodeWay:
    """Use cases around one upload ticket whose way is `code`. Limits come as plain values."""

    def __init__(
        self, db: RushDatabase, vault: Vault, messages: Messages, *, texts_per_hour: int, texts_per_minute: int,
        now_ms: Callable[[], int] | None = None,
    ) -> None:  # fmt: skip
        self._db, self._vault, self._messages = db, vault, messages
        self._per_hour, self._per_minute = texts_per_hour, texts_per_minute
        self._now_ms = now_ms or (lambda: time.time_ns() // 1_000_000)

    async def offer(self, ticket: CheckTicket, words: Words) -> Offer:
        async def read(conn) -> tuple[bytes | None, rules.Code | None, rules.Question]:
            sealed = await queries.phone_sealed(conn, ticket.learner_id)
            code = await queries.code_of_check(conn, ticket.check_id)
            return sealed, code, await self._question(conn, ticket, words)

        sealed, code, question = await self._db.read_in_one(read)
        now_ms = self._now_ms()
        return Offer(
            phone=masked_phone(self._vault.open(sealed, field="account.phone")) if sealed else "",
            question=question.question, choices=question.choices,
            resend_after_s=-(-rules.resend_after_ms(code, now_ms) // 1_000), sent=rules.is_alive(code, now_ms),
        )  # fmt: skip

    async def _question(self, conn, ticket: CheckTicket, words: Words) -> rules.Question:
        """The same for everybody who asks about this try, without being stored anywhere."""
        seed = self._seed(ticket)
        asked: Sequence[rules.Question] = await queries.questions_of(conn, ticket.lesson_id)
        if not asked:
            known = await queries.titles(conn, ticket.lesson_id)
            asked = (
                rules.among(seed, words.which_lesson, known.lesson, known.other_lessons or words.fillers),
                rules.among(seed, words.which_course, known.course, known.other_courses or words.fillers),
            )
        return rules.choose(seed, asked)

    def _seed(self, ticket: CheckTicket) -> bytes:
        return self._vault.index(f"{ticket.check_id}:{ticket.try_number}", field="check.question")

    def _hash(self, check_id: str, code: str) -> bytes:
        return self._vault.index(f"{check_id}:{code}", field="check.code")

    async def send(self, ticket: CheckTicket, words: Words) -> None:
        """A fresh code to the learner's phone; an earlier one of this check counts no more.

        Raises Refused: no_phone, judged, text_too_soon, text_too_many (the learner's own bounds), texts_busy (the
        institution's: not the learner's doing); Unavailable when nobody takes the text.
        """
        code, now_ms, found = rules.code_of(secrets.randbits(64)), self._now_ms(), {}

        async def work(conn) -> None:
            sealed = await queries.phone_sealed(conn, ticket.learner_id)
            if not sealed:
                raise Refused("no_phone")
            await self._check_bounds(conn, ticket, now_ms)
            row = insert(texts).values(
                institution_id=ticket.institution_id, learner_id=ticket.learner_id, check_id=ticket.check_id,
                state="sending", at_ms=now_ms,
            )  # fmt: skip
            found["text"] = (await conn.execute(row)).inserted_primary_key[0]
            found["phone"] = self._vault.open(sealed, field="account.phone")
            before = await queries.code_of_check(conn, ticket.check_id)
            await _store_code(conn, ticket, self._hash(ticket.check_id, code), before, now_ms)

        await self._db.in_group(work)
        try:
            await self._messages.send(found["phone"], words.text % {"code": code})
        except Unavailable:
            await self._settle_text(found["text"], "failed")
            raise
        await self._settle_text(found["text"], "sent")

    async def _check_bounds(self, conn, ticket: CheckTicket, now_ms: int) -> None:
        code = await queries.code_of_check(conn, ticket.check_id)
        if code is not None:
            if code.used_ms:
                raise Refused("judged")
            wait_ms = rules.resend_after_ms(code, now_ms)
            if wait_ms:
                raise Refused("text_too_soon", seconds=-(-wait_ms // 1_000))
            if code.sends >= rules.SENDS_MAX:
                raise Refused("text_too_many")
        mine, ours = texts.c.learner_id, texts.c.institution_id
        if await queries.texts_since(conn, mine, ticket.learner_id, now_ms - HOUR_MS) >= self._per_hour:
            raise Refused("text_too_many")
        if await queries.texts_since(conn, ours, ticket.institution_id, now_ms - MINUTE_MS) >= self._per_minute:
            raise Refused("texts_busy")

    async def _settle_text(self, text_id: int, state: str) -> None:
        async def work(conn) -> None:
            await conn.execute(update(texts).where(texts.c.id == text_id).values(state=state))

        await self._db.in_group(work)

    def digest(self, ticket: CheckTicket, code: str, choice: int) -> str:
        """Of one answer, for "the same again"; keyed, or it would give the code away."""
        return self._hash(ticket.check_id, f"{code}:{choice}").hex()

    async def answer(
        self, ticket: CheckTicket, code: str, choice: int, words: Words, *, accepted_ms: int, spot_one_in: int
    ) -> Verdict:
        """The word on an answer that was accepted in time, entered like a burst. Asking again gives the same."""
        now_ms, found = self._now_ms(), {}

        async def work(conn) -> None:
            known = await _entered(conn, ticket)
            if known is not None:
                found["word"] = known
                return
            row = await queries.code_of_check(conn, ticket.check_id)
            question = await self._question(conn, ticket, words)
            outcome, detail = rules.word(row, self._hash(ticket.check_id, code), choice == question.answer, now_ms)
            found["word"] = outcome, detail
            await _use_code(conn, ticket, outcome, detail, now_ms)
            await _enter(conn, ticket, outcome, detail, accepted_ms, now_ms)
            if outcome is Outcome.PASSED and rules.is_spot(self._seed(ticket), spot_one_in):
                await _open_spot(conn, ticket, now_ms)

        await self._db.in_group(work)
        outcome, detail = found["word"]
        return verdict(ticket, outcome, detail)

    async def no_phone(self, ticket: CheckTicket, *, accepted_ms: int) -> Verdict:
        """No code can be sent: this try is unclear and a person sees to it."""
        now_ms = self._now_ms()

        async def work(conn) -> None:
            if await _entered(conn, ticket) is None:
                await _enter(conn, ticket, Outcome.UNCLEAR, "no_phone", accepted_ms, now_ms)

        await self._db.in_group(work)
        return verdict(ticket, Outcome.UNCLEAR, "no_phone")


def verdict(ticket: CheckTicket, outcome: Outcome, detail: str) -> Verdict:
    return Verdict(
        check_id=ticket.check_id, try_number=ticket.try_number, outcome=outcome, detail=detail, model=MODEL,
        source=MODEL,
    )  # fmt: skip


async def _store_code(conn, ticket: CheckTicket, code_hash: bytes, before: rules.Code | None, now_ms: int) -> None:
    row = {
        "check_id": ticket.check_id, "learner_id": ticket.learner_id, "code_hash": code_hash, "wrong": 0,
        "sends": before.sends + 1 if before else 1, "sent_ms": now_ms, "expires_ms": now_ms + rules.CODE_MS,
    }  # fmt: skip
    names = [name for name in row if name != "check_id"]
    await conn.execute(upsert(conn.dialect.name, check_codes, *names), [row])


async def _use_code(conn, ticket: CheckTicket, outcome: Outcome, detail: str, now_ms: int) -> None:
    changed = update(check_codes).where(check_codes.c.check_id == ticket.check_id)
    if outcome is Outcome.PASSED:
        await conn.execute(changed.values(used_ms=now_ms))
    elif detail != "code_over":
        await conn.execute(changed.values(wrong=check_codes.c.wrong + 1))


async def _entered(conn, ticket: CheckTicket) -> tuple[Outcome, str] | None:
    statement = select(bursts.c.outcome, bursts.c.detail).where(
        bursts.c.check_id == ticket.check_id, bursts.c.try_number == ticket.try_number
    )
    row = (await conn.execute(statement)).one_or_none()
    return None if row is None else (Outcome(row.outcome), row.detail)


async def _enter(conn, ticket: CheckTicket, outcome: Outcome, detail: str, accepted_ms: int, now_ms: int) -> None:
    row = {
        "check_id": ticket.check_id, "try_number": ticket.try_number, "learner_id": ticket.learner_id,
        "outcome": str(outcome), "detail": detail, "score": 0.0, "threshold": 0.0, "model": MODEL, "frames": 0,
        "source": MODEL, "accepted_ms": accepted_ms, "judged_ms": now_ms, "way": str(CheckWay.CODE),
    }  # fmt: skip
    await conn.execute(insert(bursts).values(**row))


async def _open_spot(conn, ticket: CheckTicket, now_ms: int) -> None:
    """Put this check before a supervisor. An open case of the lesson gets one more cause; its row is left alone, so a
    colleague who decides it at this moment is not disturbed."""
    where = (
        cases.c.learner_id == ticket.learner_id, cases.c.lesson_id == ticket.lesson_id,
        cases.c.kind == rules.SPOT_KIND, cases.c.status != "closed",
    )  # fmt: skip
    case_id = (await conn.execute(select(cases.c.id).where(*where))).scalars().first()
    if case_id is None:
        row = insert(cases).values(
            institution_id=ticket.institution_id, learner_id=ticket.learner_id, lesson_id=ticket.lesson_id,
            kind=rules.SPOT_KIND, severity=rules.SPOT_SEVERITY, opened_ms=now_ms, updated_ms=now_ms,
        )  # fmt: skip
        case_id = (await conn.execute(row)).inserted_primary_key[0]
    cause = {"case_id": case_id, "cause": f"code:{ticket.check_id}", "detail": "", "at_ms": now_ms}
    await conn.execute(insert(case_causes).values(**cause))


async def add_question(
    conn, *, lesson_id: int, question: str, choices: Sequence[str], answer: int, now_ms: int
) -> int:
    """One question about a lesson, in the caller's transaction; returns its id."""
    assert 2 <= len(choices) <= 6 and 0 <= answer < len(choices) and len(set(choices)) == len(choices)
    row = insert(lesson_questions).values(
        lesson_id=lesson_id, question=question[:200], choices=json.dumps(list(choices), ensure_ascii=False),
        answer=answer, created_ms=now_ms,
    )  # fmt: skip
    return (await conn.execute(row)).inserted_primary_key[0]
