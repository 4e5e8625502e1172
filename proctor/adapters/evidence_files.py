"""Evidence as encrypted files: one random id, one file, written whole or not at all."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from pathlib import Path

from proctor.errors import Refused, Unavailable
from proctor.ports import FaceKey, FaceKeys

ID = re.compile(r"[0-9a-f]{32}\Z")


class FileEvidence:
    """`ports.Evidence` below one folder. Ids name no person; the id is bound into the encryption, which is under a
    key of the learner: when that is erased, no copy of the file can be read any more."""

    def __init__(self, folder: Path, keys: FaceKeys) -> None:
        self._folder = folder
        self._keys = keys

    def _path(self, evidence_id: str) -> Path:
        if not ID.match(evidence_id):
            raise Refused("evidence_gone")
        return self._folder / evidence_id[:2] / evidence_id

    async def put(self, data: bytes, *, kind: str, institution_id: int, learner_id: int) -> str:
        evidence_id = secrets.token_hex(16)
        key = await self._keys.sealing(learner_id=learner_id, kind=kind)
        try:
            await asyncio.to_thread(self._write, self._path(evidence_id), evidence_id, data, key)
        except OSError as error:
            raise Unavailable("evidence", type(error).__name__) from None
        return evidence_id

    def _write(self, path: Path, evidence_id: str, data: bytes, key: FaceKey) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sealed = key.seal(data, evidence_id)
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
        key = await self._keys.opening(sealed)
        return await asyncio.to_thread(key.open, sealed, evidence_id)

    async def delete(self, evidence_id: str) -> None:
        if not ID.match(evidence_id):
            return
        try:
            await asyncio.to_thread(self._path(evidence_id).unlink, missing_ok=True)
        except OSError as error:
            raise Unavailable("evidence", type(error).__name__) from None
