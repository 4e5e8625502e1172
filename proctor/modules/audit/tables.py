"""Who did what, reads of personal data included. Append-only, chained by hashes."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, String, Table, Text

from proctor.modules.schema import Key, Ms, metadata

# `action` is `source:subject:action`, never translated, such as `console:evidence:opened`.
audit = Table(
    "audit",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at_ms", Ms, nullable=False),
    Column("institution_id", Key, nullable=False),
    Column("account_id", Key, nullable=False),  # 0: the system
    Column("action", String(64), nullable=False),
    Column("object", String(64), nullable=False),  # case:12, evidence:…, account:3
    Column("detail", Text, nullable=False),  # JSON without personal data
    Column("address", String(64), nullable=False, default=""),
    Column("hash", LargeBinary(32), nullable=False),  # SHA-256 over the previous hash and this row
    Index(None, "institution_id", "id"),
)
