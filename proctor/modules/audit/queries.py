"""Reads of the audit; the border of the institution is part of every one."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from proctor.modules.accounts.tables import accounts
from proctor.modules.audit.tables import audit

PAGE_ROWS = 100


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """`name_sealed` is None for what the system did."""

    id: int
    at_ms: int
    name_sealed: bytes | None
    action: str
    object: str
    detail: str
    address: str


async def audit_page(
    conn, institution_id: int, *, page: int = 0, rows: int = PAGE_ROWS
) -> tuple[list[AuditRow], bool]:
    """One page, newest first, and whether there are older rows."""
    statement = (
        select(
            audit.c.id, audit.c.at_ms, accounts.c.name_sealed, audit.c.action, audit.c.object,
            audit.c.detail, audit.c.address,
        )
        .select_from(audit.outerjoin(accounts, accounts.c.id == audit.c.account_id))
        .where(audit.c.institution_id == institution_id)
        .order_by(audit.c.id.desc())
        .limit(rows + 1)
        .offset(page * rows)
    )  # fmt: skip
    found = (await conn.execute(statement)).mappings().all()
    return [AuditRow(**row) for row in found[:rows]], len(found) > rows
