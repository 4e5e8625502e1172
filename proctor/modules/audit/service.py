"""Writing the audit inside the transaction of what it tells about, and proving that nobody changed it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import insert, select, text

from proctor.modules.audit.rules import FIELDS, GENESIS, row_hash
from proctor.modules.audit.tables import audit

# Any fixed number: it names the lock that makes audit writers of PostgreSQL queue up.
_CHAIN_LOCK = 0x7A78_6175
_PAGE_ROWS = 1_000


async def append_audit(
    conn,
    *,
    at_ms: int,
    institution_id: int,
    account_id: int,
    action: str,
    object: str,
    detail: Mapping[str, object] | None = None,
    address: str = "",
) -> None:
    """Append one row in the caller's write transaction. `detail` must hold no personal data.

    Two writers must never chain to the same row: on SQLite the write transaction excludes others, on
    PostgreSQL an advisory lock does until the transaction ends.
    """
    if conn.dialect.name == "postgresql":
        await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CHAIN_LOCK})
    newest = select(audit.c.hash).order_by(audit.c.id.desc()).limit(1)
    previous = (await conn.execute(newest)).scalar_one_or_none() or GENESIS
    row = {
        "at_ms": at_ms,
        "institution_id": institution_id,
        "account_id": account_id,
        "action": action[:64],
        "object": object[:64],
        "detail": json.dumps(dict(detail or {}), ensure_ascii=False, sort_keys=True),
        "address": address[:64],
    }
    await conn.execute(insert(audit).values(**row, hash=row_hash(bytes(previous), row)))


async def verify(conn, *, newest: int = 0) -> int | None:
    """Walk the chain; the id of the first row that does not fit, or None when all do.

    `newest`: only so many of the newest rows, for a page that somebody waits for; 0: all of them (`doctor`).
    A row removed from the very end leaves no trace here: backups and the newest hash in logs show that.
    """
    previous, after_id = await _before(conn, newest) if newest else (GENESIS, 0)
    while True:
        page = select(audit).where(audit.c.id > after_id).order_by(audit.c.id).limit(_PAGE_ROWS)
        rows = (await conn.execute(page)).mappings().all()
        for row in rows:
            if row_hash(previous, {name: row[name] for name in FIELDS}) != bytes(row["hash"]):
                return row["id"]
            previous, after_id = bytes(row["hash"]), row["id"]
        if len(rows) < _PAGE_ROWS:
            return None


async def _before(conn, newest: int) -> tuple[bytes, int]:
    """Hash and id of the row before the `newest` ones; the beginning of the chain when there are no more."""
    row = select(audit.c.hash, audit.c.id).order_by(audit.c.id.desc()).offset(newest).limit(1)
    found = (await conn.execute(row)).one_or_none()
    return (bytes(found.hash), found.id) if found else (GENESIS, 0)
