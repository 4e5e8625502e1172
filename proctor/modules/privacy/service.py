"""Consents, each purpose apart: the newest word holds, refusing is as easy as agreeing. And the register of blobs."""

from __future__ import annotations

import contextlib
import hashlib

import msgspec
from sqlalchemy import insert, select, update

from proctor.core.inputs import Instruction
from proctor.errors import Refused, Unavailable
from proctor.modules.accounts.tables import accounts
from proctor.modules.audit.service import append_audit
from proctor.modules.privacy.ages import Band
from proctor.modules.privacy.bands import band_of_learner
from proctor.modules.privacy.erasing import ask_erasure
from proctor.modules.privacy.tables import consents, evidence, guardians, notices
from proctor.modules.schema import insert_new
from proctor.modules.study.ledger import lock_seat, next_instruction
from proctor.ports import Database, Inbox, InstructionReady, Vault

PURPOSE = "face_check"  # taking pictures at a check and sending them to this institution's server
PROVINCE = "province"  # passing results and evidence of face checks on to the province
PURPOSES = (PURPOSE, PROVINCE)
GIVEN = "given"
HISTORY_MAX = 100


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """The text that somebody chooses by."""

    version: str
    lang: str
    body: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body.encode()).hexdigest()


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """One choice: given, refused or withdrawn."""

    purpose: str
    choice: str
    notice_version: str
    notice_sha256: str
    at_ms: int
    guardian_id: int | None


async def newest(conn, learner_id: int, purpose: str = PURPOSE) -> Consent | None:
    """The choice that holds; None when nobody was asked yet."""
    columns = [consents.c[name] for name in Consent.__struct_fields__]
    statement = (
        select(*columns)
        .where(consents.c.learner_id == learner_id, consents.c.purpose == purpose)
        .order_by(consents.c.id.desc())
        .limit(1)
    )
    row = (await conn.execute(statement)).mappings().one_or_none()
    return Consent(**row) if row is not None else None


async def newest_choice(conn, learner_id: int, purpose: str = PURPOSE) -> str:
    """given, refused or withdrawn; "" when nobody was asked yet."""
    found = await newest(conn, learner_id, purpose)
    return found.choice if found else ""


async def face_consent(conn, learner_id: int) -> bool:
    """Whether anything of this learner's face may be taken now."""
    return await newest_choice(conn, learner_id) == GIVEN


async def may_pass_on(conn, learner_id: int) -> bool:
    """Whether anything of this learner's face checks may be handed to the province."""
    return await newest_choice(conn, learner_id, PROVINCE) == GIVEN


async def consent_history(conn, learner_id: int, purpose: str = "") -> list[Consent]:
    """Newest first; of all purposes when none is named."""
    columns = [consents.c[name] for name in Consent.__struct_fields__]
    statement = select(*columns).where(consents.c.learner_id == learner_id)
    if purpose:
        statement = statement.where(consents.c.purpose == purpose)
    statement = statement.order_by(consents.c.id.desc()).limit(HISTORY_MAX)
    return [Consent(**row) for row in (await conn.execute(statement)).mappings().all()]


async def asked_by_guardian(conn, learner_id: int) -> bool:
    """Whether a guardian's statement waits to be confirmed: nobody is asked again meanwhile."""
    waits = select(guardians.c.id).where(guardians.c.learner_id == learner_id, guardians.c.state == "asked").limit(1)
    return (await conn.execute(waits)).first() is not None


async def notice_text(conn, sha256: str):
    """The row of a text that somebody chose by, or None."""
    return (await conn.execute(select(notices).where(notices.c.sha256 == sha256))).one_or_none()


async def choose(
    db: Database, vault: Vault, inbox: Inbox, *, institution_id: int, learner_id: int, choice: str, notice: Notice,
    now_ms: int, purpose: str = PURPOSE, address: str = "",
) -> None:  # fmt: skip
    """Record what a learner chose alone, and tell a running session of it: see `choose_within`.

    Raises Refused: guardian_first (a child agrees to nothing alone)."""
    async with db.write() as conn:
        await lock_seat(conn, learner_id)
        if choice == GIVEN:
            # Whoever registers an identity number holds this row too, and a learner who never studied has no seat.
            mine = select(accounts.c.id).where(accounts.c.id == learner_id)
            await conn.execute(mine.with_for_update(key_share=True))
            if await band_of_learner(conn, vault, learner_id, now_ms) is Band.CHILD:
                raise Refused("guardian_first")
        instruction = await choose_within(
            conn, institution_id=institution_id, learner_id=learner_id, choice=choice, notice=notice, now_ms=now_ms,
            purpose=purpose, address=address,
        )  # fmt: skip
    await tell(inbox, learner_id, instruction)


async def choose_within(
    conn, *, institution_id: int, learner_id: int, choice: str, notice: Notice | None, now_ms: int,
    purpose: str = PURPOSE, address: str = "", guardian_id: int | None = None, account_id: int | None = None,
) -> Instruction | None:  # fmt: skip
    """Refusing or withdrawing the face check deletes the template at once and lets every picture go that no case
    needs; the instruction that comes back is for `tell`, after the commit. Choosing the same again changes nothing,
    but for agreeing to a newer text, or for oneself where a guardian had agreed.

    `notice` None: the text that the choice until now was made by. `guardian_id`: who agreed for a child;
    `account_id`: whoever acted, when it was not the learner. The caller has locked the seat: an enrolment that is
    stored at this moment comes before the choice, and is deleted by it, or comes after it and finds no consent.
    """
    assert choice in ("given", "refused", "withdrawn") and purpose in PURPOSES
    instruction = None
    held = await newest(conn, learner_id, purpose)
    before = held.choice if held else ""
    if held and before == choice and (choice != GIVEN or _same(held, notice, guardian_id)):
        return None
    if notice is not None:
        await keep_notice(conn, purpose, notice, now_ms)
    version, sha256 = (notice.version[:32], notice.sha256) if notice else _text_of(held)
    row = {
        "learner_id": learner_id, "purpose": purpose, "choice": choice, "notice_version": version,
        "notice_sha256": sha256, "at_ms": now_ms, "guardian_id": guardian_id,
    }  # fmt: skip
    await conn.execute(insert(consents).values(**row))
    if choice != GIVEN and purpose == PURPOSE:
        waits = update(guardians).where(guardians.c.learner_id == learner_id, guardians.c.state == "asked")
        await conn.execute(waits.values(state="withdrawn", decided_ms=now_ms))
        await ask_erasure(
            conn, institution_id=institution_id, learner_id=learner_id, why="withdrawn",
            asked_by=account_id or learner_id, now_ms=now_ms,
        )  # fmt: skip
        if before == GIVEN:
            instruction = await next_instruction(
                conn, learner_id=learner_id, action="consent_withdrawn", now_ms=now_ms
            )
    where = "consent" if purpose == PURPOSE else "province"
    await append_audit(
        conn, at_ms=now_ms, institution_id=institution_id, account_id=account_id or learner_id,
        action=f"web:{where}:{choice}", object=f"account:{learner_id}",
        detail={"notice": version, "guardian": guardian_id or 0}, address=address,
    )  # fmt: skip
    return instruction


def _same(held: Consent, notice: Notice | None, guardian_id: int | None) -> bool:
    text = notice is None or held.notice_version == notice.version
    return text and (guardian_id is None) == (held.guardian_id is None)


def _text_of(held: Consent | None) -> tuple[str, str]:
    assert held is not None, "whoever never chose read no text"
    return held.notice_version, held.notice_sha256


async def tell(inbox: Inbox, learner_id: int, instruction: Instruction | None) -> None:
    """Push it to the session that runs. The choice stands: without Redis it is found at the next seat update."""
    if instruction is not None and instruction.version:
        with contextlib.suppress(Unavailable):
            await inbox.send_to_learner(
                learner_id, InstructionReady(learner_id=learner_id, instruction=instruction)
            )


async def keep_notice(conn, purpose: str, notice: Notice, now_ms: int) -> None:
    """The text itself, once: what somebody agreed to can be shown when the page has long been another."""
    row = {
        "sha256": notice.sha256, "purpose": purpose, "version": notice.version[:32], "lang": notice.lang,
        "body": notice.body, "first_ms": now_ms,
    }  # fmt: skip
    await conn.execute(insert_new(conn.dialect.name, notices), [row])


async def kept_notice(conn, sha256: str) -> Notice:
    """A text that was kept."""
    row = await notice_text(conn, sha256)
    assert row is not None, "every text that somebody chose by is kept"
    return Notice(version=row.version, lang=row.lang, body=row.body)


async def register_evidence(
    conn, *, evidence_id: str, institution_id: int, learner_id: int, kind: str, check_id: str, sha256: str,
    now_ms: int, delete_after_ms: int,
) -> None:  # fmt: skip
    """Enter a stored blob into the register, with the time after which it must be gone."""
    row = {
        "id": evidence_id, "institution_id": institution_id, "learner_id": learner_id, "kind": kind,
        "check_id": check_id, "sha256": sha256, "created_ms": now_ms, "delete_after_ms": delete_after_ms,
    }  # fmt: skip
    await conn.execute(insert(evidence).values(**row))
