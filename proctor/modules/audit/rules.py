"""The hash chain of the audit: pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

GENESIS = bytes(32)
FIELDS = ("at_ms", "institution_id", "account_id", "action", "object", "detail", "address")


def row_hash(previous: bytes, row: Mapping[str, object]) -> bytes:
    """SHA-256 over the previous hash and the row's fields in one fixed spelling."""
    assert len(previous) == 32
    spelled = json.dumps([row[name] for name in FIELDS], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(previous + spelled.encode()).digest()
