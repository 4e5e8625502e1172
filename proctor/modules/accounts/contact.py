"""Identity number and phone of a learner, as staff enter them."""

from __future__ import annotations

from sqlalchemy import select, update

from proctor.errors import Refused
from proctor.modules.accounts.service import number_values, phone_values
from proctor.modules.accounts.tables import accounts
from proctor.modules.audit.service import append_audit
from proctor.modules.privacy import access, guardians
from proctor.modules.privacy import service as privacy
from proctor.modules.privacy.ages import Band, takes_protection
from proctor.modules.privacy.bands import band_of_learner
from proctor.modules.study.ledger import lock_seat
from proctor.ports import Database, Inbox, Vault


async def change(
    db: Database, vault: Vault, inbox: Inbox, *, institution_id: int, learner_id: int, number: str, phone: str,
    by: int, now_ms: int, address: str = "",
) -> None:  # fmt: skip
    """Empty fields stay as they are. A number that makes a child ends in the same transaction what the child agreed
    to alone; one that makes somebody under 18 older needs a second person's approval, as a look at pictures does.

    Raises Refused: no_learner, id_number_wrong, phone_wrong, number_taken (another account of the institution has it:
    one person studies under one account), minor_older (nobody approved)."""
    values = {**number_values(vault, number.strip(), now_ms), **phone_values(vault, phone.strip())}
    if not values:
        return
    instruction = None
    async with db.write() as conn:
        await lock_seat(conn, learner_id)  # before the account, as everybody does who chooses
        mine = (
            accounts.c.id == learner_id, accounts.c.institution_id == institution_id, accounts.c.role == "learner"
        )  # fmt: skip
        if (await conn.execute(select(accounts.c.id).where(*mine).with_for_update())).first() is None:
            raise Refused("no_learner")
        detail: dict[str, object] = {"fields": sorted({name.rsplit("_", 1)[0] for name in values})}
        before = await band_of_learner(conn, vault, learner_id, now_ms)
        await _not_taken(conn, institution_id, learner_id, values.get("id_number_index"))
        await conn.execute(update(accounts).where(*mine).values(**values))
        after = await band_of_learner(conn, vault, learner_id, now_ms)
        if "id_number_index" in values:
            detail |= {"age_before": str(before), "age_after": str(after)}
        if takes_protection(before, after):
            detail["approved_by"] = await _approver(conn, learner_id, by, now_ms)
        await append_audit(
            conn, at_ms=now_ms, institution_id=institution_id, account_id=by, action="console:learner:changed",
            object=f"account:{learner_id}", detail=detail, address=address,
        )  # fmt: skip
        if after is Band.CHILD:
            # Nobody knew the age when the learner agreed: for a child only the guardian can.
            instruction = await guardians.end_own_choices(
                conn, institution_id=institution_id, learner_id=learner_id, account_id=by, now_ms=now_ms,
                address=address,
            )  # fmt: skip
    await privacy.tell(inbox, learner_id, instruction)


async def _not_taken(conn, institution_id: int, learner_id: int, index: bytes | None) -> None:
    others = select(accounts.c.id).where(
        accounts.c.institution_id == institution_id, accounts.c.id_number_index == index, accounts.c.id != learner_id
    )
    if index is not None and (await conn.execute(others.limit(1))).first() is not None:
        raise Refused("number_taken")


async def _approver(conn, learner_id: int, by: int, now_ms: int) -> int:
    """Who approved; raises, and with that undoes the change, when nobody did."""
    found = await access.approver(conn, learner_id=learner_id, account_id=by, now_ms=now_ms)
    if found is None:
        raise Refused("minor_older")
    return found
