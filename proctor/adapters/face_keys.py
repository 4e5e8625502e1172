"""Every learner's own keys: what pictures and templates are sealed with, so that erasing a key erases them all.

The keys stand in SQL sealed by the master key. Nothing is cached: a key that was erased opens nothing from then on,
in no process.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from sqlalchemy import insert, select

from proctor.adapters.keyring import KEY_BYTES, NONCE_BYTES, aead
from proctor.adapters.sql_rush import SqlRush
from proctor.adapters.vault import RingVault
from proctor.errors import Refused
from proctor.modules.privacy.tables import face_keys

MAGIC = b"ZXF"
ID_BYTES = 16
_CODES = {"aes": b"\x01", "sm4": b"\x02"}
_CIPHERS = {code: name for name, code in _CODES.items()}
HEAD_BYTES = len(MAGIC) + 1 + ID_BYTES


class FaceKey:
    """`ports.FaceKey`: one key of one learner. Sealed bytes say which key it was and which cipher."""

    def __init__(self, key_id: str, cipher: str, data: bytes) -> None:
        self._head = MAGIC + _CODES[cipher] + bytes.fromhex(key_id)
        self._data = data

    def seal(self, plain: bytes, context: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        cipher = aead(_CIPHERS[self._head[3:4]], self._data, b"face")
        return self._head + nonce + cipher.encrypt(nonce, plain, self._head + context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        head, rest = sealed[:HEAD_BYTES], sealed[HEAD_BYTES:]
        nonce, body = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
        try:
            return aead(_CIPHERS[head[3:4]], self._data, b"face").decrypt(nonce, body, head + context.encode())
        except (InvalidTag, ValueError, KeyError):  # ValueError: cut off within nonce or tag
            raise AssertionError(f"{context} does not open: altered, or of another learner") from None


def key_id_of(sealed: bytes) -> str:
    """Which key sealed these bytes. Raises AssertionError when no face key of ours did."""
    assert sealed[:3] == MAGIC and sealed[3:4] in _CIPHERS and len(sealed) > HEAD_BYTES, "altered: no seal"
    return sealed[4:HEAD_BYTES].hex()


def field_of(key_id: str) -> str:
    """The name under which the vault seals this key."""
    return f"face_key.{key_id}"


class SqlFaceKeys:
    """`ports.FaceKeys` in SQL."""

    def __init__(self, db: SqlRush, vault: RingVault) -> None:
        self._db = db
        self._vault = vault

    async def sealing(self, *, learner_id: int, kind: str) -> FaceKey:
        mine = (
            select(face_keys.c.id, face_keys.c.key_sealed)
            .where(
                face_keys.c.learner_id == learner_id, face_keys.c.kind == kind, face_keys.c.key_sealed.is_not(None)
            )
            .order_by(face_keys.c.created_ms.desc())
            .limit(1)
        )

        async def work(conn):
            return (await conn.execute(mine)).one_or_none()

        row = await self._db.read_in_one(work)
        if row is not None:
            return self._key(row.id, row.key_sealed)
        # Two at once make two keys: both are this learner's, and are erased together.
        key_id, data = secrets.token_hex(ID_BYTES), secrets.token_bytes(KEY_BYTES)
        values = {
            "id": key_id, "learner_id": learner_id, "kind": kind,
            "key_sealed": self._vault.seal_bytes(data, field=field_of(key_id)),
            "created_ms": time.time_ns() // 1_000_000,
        }  # fmt: skip
        await self._db.in_group(lambda conn: _stored(conn, values))
        return FaceKey(key_id, self._vault.ring.cipher, data)

    async def opening(self, sealed: bytes) -> FaceKey:
        key_id = key_id_of(sealed)
        wanted = select(face_keys.c.key_sealed).where(face_keys.c.id == key_id)

        async def work(conn):
            return (await conn.execute(wanted)).scalar_one_or_none()

        found = await self._db.read_in_one(work)
        if found is None:
            raise Refused("evidence_gone")
        return self._key(key_id, found)

    async def many(self, key_ids: Sequence[str]) -> dict[str, FaceKey]:
        """Of these keys those that are not erased, in one read: a search goes through hundreds at a time."""
        wanted = select(face_keys.c.id, face_keys.c.key_sealed).where(
            face_keys.c.id.in_(key_ids), face_keys.c.key_sealed.is_not(None)
        )
        async with self._db.read() as conn:
            rows = (await conn.execute(wanted)).all()
        return {row.id: self._key(row.id, row.key_sealed) for row in rows}

    def _key(self, key_id: str, key_sealed: bytes) -> FaceKey:
        data = self._vault.open_bytes(bytes(key_sealed), field=field_of(key_id))
        return FaceKey(key_id, self._vault.ring.cipher, data)


async def _stored(conn, values: dict) -> None:
    await conn.execute(insert(face_keys).values(**values))
