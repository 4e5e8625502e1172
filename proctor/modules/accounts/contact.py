"""Identity number and phone of a learner, as staff enter them."""

from __future__ import annotations

from sqlalchemy import select, update

from proctor.errors import Refused
from proctor.modules.accounts.service import number_values, phone_values
from proctor.modules.accounts.tables import accounts
from proctor.modules.audit.service import append_audit
from proctor.ports import Database, Vault


async def change(
    db: Database, vault: Vault, *, institution_id: int, learner_id: int, number: str, phone: str, by: int,
    now_ms: int, address: str = "",
) -> None:  # fmt: skip
    """Empty fields stay as they are. Raises Refused: no_learner, id_number_wrong, phone_wrong, number_taken (another
    account of the institution has it: one person studies under one account)."""
    values = {**number_values(vault, number.strip(), now_ms), **phone_values(vault, phone.strip())}
    if not values:
        return
    async with db.write() as conn:
        mine = (
            accounts.c.id == learner_id, accounts.c.institution_id == institution_id, accounts.c.role == "learner"
        )  # fmt: skip
        if (await conn.execute(select(accounts.c.id).where(*mine).with_for_update())).first() is None:
            raise Refused("no_learner")
        index = values.get("id_number_index")
        if index is not None:
            others = select(accounts.c.id).where(
                accounts.c.institution_id == institution_id, accounts.c.id_number_index == index,
                accounts.c.id != learner_id,
            )  # fmt: skip
            if (await conn.execute(others.limit(1))).first() is not None:
                raise Refused("number_taken")
        await conn.execute(update(accounts).where(*mine).values(**values))
        await append_audit(
            conn, at_ms=now_ms, institution_id=institution_id, account_id=by, action="console:learner:changed",
            object=f"account:{learner_id}", detail={"fields": sorted({name.rsplit("_", 1)[0] for name in values})},
            address=address,
        )  # fmt: skip
