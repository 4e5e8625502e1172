"""Evidence as encrypted files: one random id, one file, written whole or not at all."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from proctor.errors import Refused, Unavailable

NONCE_BYTES = 12
ID = re.compile(r"[0-9a-f]{32}\Z")


class FileEvidence:
    """`ports.Evidence` below one folder. Ids name no person; the id is bound into the encryption."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder = folder
        self._cipher = AESGCM(key)

    def _path(self, evidence_id: str) -> Path:
        if not ID.match(evidence_id):
            raise Refused("evidence_gone")
        return self._folder / evidence_id[:2] / evidence_id

    async def put(self, data: bytes, *, kind: str, institution_id: int, learner_id: int) -> str:
        evidence_id = secrets.token_hex(16)
        try:
            await asyncio.to_thread(self._write, self._path(evidence_id), evidence_id, data)
        except OSError as error:
            raise Unavailable("evidence", type(error).__name__) from None
        return evidence_id

    def _write(self, path: Path, evidence_id: str, data: bytes) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, data, evidence_id.encode())
        temporary = path.with_name(f".{path.name}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)

    async def get(self, evidence_id: str) -> bytes:
        path = self._path(evidence_id)
        try:
            sealed = await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            raise Refused("evidence_gone") from None
        except OSError as error:
            raise Unavailable("evidence", type(error).__name__) from None
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], evidence_id.encode())
        except (InvalidTag, ValueError):  # ValueError: cut off within the nonce
            raise AssertionError("an evidence file was altered") from None

    async def delete(self, evidence_id: str) -> None:
        if not ID.match(evidence_id):
            return
        try:
            await asyncio.to_thread(self._path(evidence_id).unlink, missing_ok=True)
        except OSError as error:
            raise Unavailable("evidence", type(error).__name__) from None
