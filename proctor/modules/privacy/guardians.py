"""Consent for a child under 14: a guardian states it, and it counts when a code sent to the guardian's phone comes
back or a member of staff who asked them confirms it. Until then face checks are off and the way by code holds."""

from __future__ import annotations

import secrets

import msgspec
from sqlalchemy import func, insert, or_, select, update

from proctor.core.inputs import Instruction
from proctor.errors import Refused, Unavailable
from proctor.modules.accounts.rules import normal_phone
from proctor.modules.accounts.tables import accounts
from proctor.modules.audit.service import append_audit
from proctor.modules.privacy import service as privacy
from proctor.modules.privacy.ages import Band
from proctor.modules.privacy.bands import STATED, band_of_learner
from proctor.modules.privacy.service import GIVEN, PROVINCE, PURPOSE, Notice
from proctor.modules.privacy.tables import consents, guardians
from proctor.modules.study.ledger import lock_seat
from proctor.ports import Database, Inbox, Messages, Vault

RELATIONS = ("father", "mother", "other")
NAME_CHARS_MAX, NOTE_CHARS_MIN, NOTE_CHARS_MAX = 40, 4, 500
CODE_DIGITS, CODE_MS, CODE_SENDS_MAX, CODE_WRONG_MAX = 6, 600_000, 3, 5
CODE_AGAIN_MS = 60_000
# In a day, of one learner over all statements and to one phone from whomever: whoever fills in the form again and
# again neither floods a stranger's phone nor gets more guesses.
DAY_SENDS_MAX, DAY_MS = 6, 86_400_000
LIST_MAX = 100


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a guardian filled in. `province`: agreed to passing on as well, which is asked apart."""

    name: str
    phone: str
    relation: str
    agreed: bool
    province: bool = False


class GuardianRow(msgspec.Struct, frozen=True, kw_only=True):
    """One statement; names and phone are sealed."""

    id: int
    learner_id: int
    learner_sealed: bytes
    name_sealed: bytes
    phone_sealed: bytes
    relation: str
    state: str
    asked_ms: int
    decided_ms: int | None
    decided_by: int | None
    decided_note: str
    province: bool
    others: int  # learners for whom the same phone stands as a guardian's


async def state(
    db: Database, vault: Vault, *, institution_id: int, learner_id: int, statement: Statement, notice: Notice,
    province: Notice, now_ms: int, address: str = "",
) -> None:  # fmt: skip
    """Store a guardian's statement with the texts it was made by; an earlier one that waits is replaced.

    Raises Refused: guardian_name, guardian_phone, guardian_relation, guardian_agree, guardian_self (the learner's own
    phone proves no guardian).
    """
    phone, name = normal_phone(statement.phone), statement.name.strip()
    if not 2 <= len(name) <= NAME_CHARS_MAX:
        raise Refused("guardian_name")
    if phone is None:
        raise Refused("guardian_phone")
    if statement.relation not in RELATIONS:
        raise Refused("guardian_relation")
    if not statement.agreed:
        raise Refused("guardian_agree")
    async with db.write() as conn:
        mine = select(accounts.c.phone_index).where(accounts.c.id == learner_id).with_for_update()
        own = (await conn.execute(mine)).scalar_one()
        if own is not None and bytes(own) == vault.index(phone, field="account.phone"):
            raise Refused("guardian_self")
        earlier = update(guardians).where(guardians.c.learner_id == learner_id, guardians.c.state == "asked")
        await conn.execute(earlier.values(state="withdrawn", decided_ms=now_ms))
        row = {
            "institution_id": institution_id, "learner_id": learner_id, "relation": statement.relation,
            "name_sealed": vault.seal(name, field="guardian.name"), "asked_ms": now_ms,
            "phone_sealed": vault.seal(phone, field="guardian.phone"), "notice_version": notice.version[:32],
            "phone_index": vault.index(phone, field="guardian.phone"), "notice_sha256": notice.sha256,
            "province_sha256": province.sha256, "province": statement.province,
        }  # fmt: skip
        await privacy.keep_notice(conn, PURPOSE, notice, now_ms)
        await privacy.keep_notice(conn, PROVINCE, province, now_ms)
        made = await conn.execute(insert(guardians).values(**row).returning(guardians.c.id))
        await append_audit(
            conn, at_ms=now_ms, institution_id=institution_id, account_id=learner_id, action="web:guardian:asked",
            object=f"guardian:{made.scalar_one()}", detail={"notice": notice.version}, address=address,
        )  # fmt: skip


async def newest(conn, learner_id: int):
    """The newest statement for this learner, or None."""
    mine = select(guardians).where(guardians.c.learner_id == learner_id).order_by(guardians.c.id.desc()).limit(1)
    return (await conn.execute(mine)).one_or_none()


async def send_code(
    db: Database, vault: Vault, messages: Messages, *, learner_id: int, words: str, now_ms: int
) -> None:  # fmt: skip
    """A fresh code to the guardian's phone; `words` carries %(code)s.

    Raises Refused: no_statement, text_too_soon (seconds=…), text_too_many; Unavailable when nobody takes the text.
    """
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    async with db.write() as conn:
        row = await _waiting(conn, learner_id)
        newest_ms, sends = await _sent_today(conn, row, now_ms)
        wait_ms = newest_ms - CODE_MS + CODE_AGAIN_MS - now_ms
        if newest_ms and wait_ms > 0:
            raise Refused("text_too_soon", seconds=-(-wait_ms // 1_000))
        if row.code_sends >= CODE_SENDS_MAX or sends >= DAY_SENDS_MAX:
            raise Refused("text_too_many")
        values = {
            "code_hash": vault.index(f"{row.id}:{code}", field="guardian.code"), "code_expires_ms": now_ms + CODE_MS,
            "code_sends": row.code_sends + 1, "code_wrong": 0,
        }  # fmt: skip
        await conn.execute(update(guardians).where(guardians.c.id == row.id).values(**values))
    try:
        await messages.send(vault.open(row.phone_sealed, field="guardian.phone"), words % {"code": code})
    except Unavailable:
        async with db.write() as conn:  # nothing was sent: it must not count against the guardian
            back = update(guardians).where(guardians.c.id == row.id)
            await conn.execute(back.values(code_sends=row.code_sends, code_expires_ms=0, code_hash=None))
        raise


async def _sent_today(conn, row, now_ms: int) -> tuple[int, int]:
    """When the newest code to this learner's guardians or to this phone ends, and how many went out in a day."""
    wanted = select(func.max(guardians.c.code_expires_ms), func.sum(guardians.c.code_sends)).where(
        or_(guardians.c.learner_id == row.learner_id, guardians.c.phone_index == row.phone_index),
        guardians.c.code_expires_ms > now_ms - DAY_MS,
    )
    newest_ms, sends = (await conn.execute(wanted)).one()
    return newest_ms or 0, sends or 0


async def _waiting(conn, learner_id: int):
    mine = select(guardians).where(guardians.c.learner_id == learner_id, guardians.c.state == "asked")
    row = (await conn.execute(mine.order_by(guardians.c.id.desc()).limit(1).with_for_update())).one_or_none()
    if row is None:
        raise Refused("no_statement")
    return row


async def enter_code(
    db: Database, vault: Vault, inbox: Inbox, *, learner_id: int, code: str, now_ms: int, address: str = ""
) -> None:  # fmt: skip
    """The code that the guardian was sent: the statement counts from now on, by the text that the guardian read.

    Raises Refused: no_statement, guardian_code_wrong, guardian_code_over (a fresh one is needed).
    """
    instruction = None
    async with db.write() as conn:
        await lock_seat(conn, learner_id)
        row = await _waiting(conn, learner_id)
        alive = row.code_hash is not None and row.code_expires_ms > now_ms and row.code_wrong < CODE_WRONG_MAX
        right = alive and bytes(row.code_hash) == vault.index(f"{row.id}:{code.strip()}", field="guardian.code")
        there = update(guardians).where(guardians.c.id == row.id)
        if right:
            await conn.execute(there.values(state="confirmed", decided_ms=now_ms, code_hash=None))
            instruction = await _counts(conn, row, account_id=None, now_ms=now_ms, address=address)
        elif alive:
            await conn.execute(there.values(code_wrong=row.code_wrong + 1))
    if not right:
        raise Refused("guardian_code_wrong" if alive else "guardian_code_over")
    await privacy.tell(inbox, learner_id, instruction)


async def _counts(conn, row, *, account_id: int | None, now_ms: int, address: str) -> Instruction | None:
    """A confirmed statement becomes the learner's choices; passing on is refused when its box was not ticked."""
    said = {"account_id": account_id, "guardian_id": row.id, "now_ms": now_ms, "address": address}
    if row.province or not await privacy.newest_choice(conn, row.learner_id, PROVINCE):
        await privacy.choose_within(
            conn, institution_id=row.institution_id, learner_id=row.learner_id, purpose=PROVINCE,
            choice=GIVEN if row.province else "refused",
            notice=await privacy.kept_notice(conn, row.province_sha256), **said,
        )  # fmt: skip
    return await privacy.choose_within(
        conn, institution_id=row.institution_id, learner_id=row.learner_id, choice=GIVEN,
        notice=await privacy.kept_notice(conn, row.notice_sha256), **said,
    )  # fmt: skip


async def decide(
    db: Database, inbox: Inbox, *, institution_id: int, account_id: int, guardian_id: int, confirm: bool, note: str,
    now_ms: int, address: str = "",
) -> None:  # fmt: skip
    """A member of staff asked the guardian, and notes how. Raises Refused: not_found, stale, reason_short."""
    if len(note) < NOTE_CHARS_MIN:
        raise Refused("reason_short", chars=NOTE_CHARS_MIN)
    mine = guardians.c.id == guardian_id, guardians.c.institution_id == institution_id
    async with db.write() as conn:
        whose = (await conn.execute(select(guardians.c.learner_id).where(*mine))).scalar_one_or_none()
        if whose is None:
            raise Refused("not_found")
        # The seat before the statement, as everybody does who chooses.
        await lock_seat(conn, whose)
        row = (await conn.execute(select(guardians).where(*mine).with_for_update())).one()
        if row.state != "asked":
            raise Refused("stale")
        state = "confirmed" if confirm else "refused"
        values = {
            "state": state, "decided_ms": now_ms, "decided_by": account_id, "decided_note": note[:NOTE_CHARS_MAX],
        }  # fmt: skip
        await conn.execute(update(guardians).where(*mine).values(**values))
        await append_audit(
            conn, at_ms=now_ms, institution_id=institution_id, account_id=account_id,
            action=f"console:guardian:{state}", object=f"guardian:{guardian_id}",
            detail={"learner": row.learner_id}, address=address,
        )  # fmt: skip
        if confirm:
            instruction = await _counts(conn, row, account_id=account_id, now_ms=now_ms, address=address)
        else:
            instruction = await privacy.choose_within(
                conn, institution_id=institution_id, learner_id=row.learner_id, choice="refused",
                notice=await privacy.kept_notice(conn, row.notice_sha256), now_ms=now_ms, guardian_id=guardian_id,
                account_id=account_id, address=address,
            )  # fmt: skip
    await privacy.tell(inbox, row.learner_id, instruction)


async def end_own_choices(
    conn, *, institution_id: int, learner_id: int, account_id: int, now_ms: int, address: str = ""
) -> Instruction | None:
    """It turned out that this learner is under 14: what a child agreed to alone counts no more, and what was stored
    by it goes. In the transaction that makes the age known, whose caller has locked the seat and knows that the
    learner is one of this institution; what comes back is for `privacy.tell`."""
    instruction = None
    for purpose in (PROVINCE, PURPOSE):
        held = await privacy.newest(conn, learner_id, purpose)
        if held is not None and held.choice == GIVEN and held.guardian_id is None:
            instruction = await privacy.choose_within(
                conn, institution_id=institution_id, learner_id=learner_id, purpose=purpose, choice="withdrawn",
                notice=None, now_ms=now_ms, account_id=account_id, address=address,
            )  # fmt: skip
    return instruction


async def state_age(
    db: Database, vault: Vault, inbox: Inbox, *, institution_id: int, learner_id: int, age: Band, notice: Notice,
    now_ms: int, address: str = "",
) -> None:  # fmt: skip
    """The learner's own word on the age, while no identity number tells it: the first one holds until staff register
    a number. `notice`: the question with the answer, as it was read."""
    assert age is not Band.UNKNOWN
    instruction = None
    async with db.write() as conn:
        await lock_seat(conn, learner_id)
        mine = select(accounts.c.id).where(accounts.c.id == learner_id)
        await conn.execute(mine.with_for_update(key_share=True))
        if await band_of_learner(conn, vault, learner_id, now_ms) is not Band.UNKNOWN:
            return
        await privacy.keep_notice(conn, STATED, notice, now_ms)
        row = {
            "learner_id": learner_id, "purpose": STATED, "choice": str(age), "notice_version": notice.version[:32],
            "notice_sha256": notice.sha256, "at_ms": now_ms,
        }  # fmt: skip
        await conn.execute(insert(consents).values(**row))
        await append_audit(
            conn, at_ms=now_ms, institution_id=institution_id, account_id=learner_id, action="web:age:stated",
            object=f"account:{learner_id}", detail={"age": str(age)}, address=address,
        )  # fmt: skip
        if age is Band.CHILD:
            instruction = await end_own_choices(
                conn, institution_id=institution_id, learner_id=learner_id, account_id=learner_id, now_ms=now_ms,
                address=address,
            )  # fmt: skip
    await privacy.tell(inbox, learner_id, instruction)


async def phone_of(
    db: Database, vault: Vault, *, institution_id: int, account_id: int, guardian_id: int, now_ms: int,
    address: str = "",
) -> str:  # fmt: skip
    """The guardian's phone in clear, for whoever is to call; that it was opened is written down first.

    Raises Refused: not_found (none of this institution that waits)."""
    async with db.write() as conn:
        wanted = select(guardians.c.phone_sealed, guardians.c.learner_id).where(
            guardians.c.id == guardian_id, guardians.c.institution_id == institution_id, guardians.c.state == "asked"
        )
        row = (await conn.execute(wanted)).one_or_none()
        if row is None:
            raise Refused("not_found")
        await append_audit(
            conn, at_ms=now_ms, institution_id=institution_id, account_id=account_id,
            action="console:guardian_phone:opened", object=f"guardian:{guardian_id}",
            detail={"learner": row.learner_id}, address=address,
        )  # fmt: skip
    return vault.open(row.phone_sealed, field="guardian.phone")


async def statements_of(conn, institution_id: int) -> list[GuardianRow]:
    """Those that wait first, then the newest."""
    made = ("learner_sealed", "others")
    columns = [guardians.c[name] for name in GuardianRow.__struct_fields__ if name not in made]
    twin = guardians.alias()
    others = (
        select(func.count(twin.c.learner_id.distinct()))
        .where(
            twin.c.phone_index == guardians.c.phone_index, twin.c.learner_id != guardians.c.learner_id,
            twin.c.institution_id == institution_id,
        )
        .correlate(guardians)
        .scalar_subquery()
    )  # fmt: skip
    statement = (
        select(*columns, accounts.c.name_sealed.label("learner_sealed"), others.label("others"))
        .join(accounts, accounts.c.id == guardians.c.learner_id)
        .where(guardians.c.institution_id == institution_id)
        .order_by((guardians.c.state != "asked"), guardians.c.id.desc())
        .limit(LIST_MAX)
    )
    return [GuardianRow(**row) for row in (await conn.execute(statement)).mappings().all()]
