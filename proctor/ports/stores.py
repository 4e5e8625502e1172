"""Blobs, secrets, nodes and the database."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol


class Evidence(Protocol):
    """Encrypted blobs outside SQL. An id is never reused; ids name no person."""

    async def put(self, data: bytes, *, kind: str, institution_id: int, learner_id: int) -> str: ...

    async def get(self, evidence_id: str) -> bytes:
        """The plain bytes. Raises errors.Refused("evidence_gone") when deleted or unknown."""
        ...

    async def delete(self, evidence_id: str) -> None:
        """Irreversible; deleting again is no error."""
        ...


class FaceKey(Protocol):
    """One key of one learner. What it sealed says which key it was, and opens in the same context only."""

    def seal(self, plain: bytes, context: str) -> bytes: ...

    def open(self, sealed: bytes, context: str) -> bytes:
        """Raises AssertionError when the bytes were altered."""
        ...


class FaceKeys(Protocol):
    """Keys that pictures and templates are sealed with, apart for each learner: erasing a learner's keys makes every
    copy unreadable, those in backups too. `kind`: enrolment (photo, template, traces) or burst."""

    async def sealing(self, *, learner_id: int, kind: str) -> FaceKey:
        """The key for new data, made when there is none."""
        ...

    async def opening(self, sealed: bytes) -> FaceKey:
        """The key that sealed these bytes. Raises errors.Refused("evidence_gone") when it was erased."""
        ...


class Vault(Protocol):
    """Field encryption and blind indexes for personal data (AES-256-GCM or SM4-GCM, HMAC-SHA-256; versioned keys)."""

    def seal(self, plain: str, *, field: str) -> bytes: ...
    def open(self, sealed: bytes, *, field: str) -> str: ...
    def seal_bytes(self, plain: bytes, *, field: str) -> bytes: ...
    def open_bytes(self, sealed: bytes, *, field: str) -> bytes: ...

    def index(self, plain: str, *, field: str) -> bytes:
        """Equal plain text of one field gives equal 32 bytes; nothing else is learnt from it."""
        ...


class Signer(Protocol):
    """The installation's signature under what must be provable to others."""

    @property
    def public_hex(self) -> str:
        """Whoever has this can verify."""
        ...

    def sign(self, body: bytes) -> bytes: ...


class Nodes(Protocol):
    """Which processes run: the web sums their health and metrics."""

    async def beat(self, name: str, kind: str, admin_port: int, pid: int) -> None:
        """Say that this process lives; forgotten after 10 s."""
        ...

    async def all(self) -> list[dict[str, Any]]: ...


class Database(Protocol):
    """The one way to SQL for the record half: a SQLAlchemy AsyncConnection in a transaction, which commits at a
    normal end and rolls back on any exception. `write` on SQLite is BEGIN IMMEDIATE."""

    def read(self) -> AbstractAsyncContextManager[Any]: ...

    def write(self) -> AbstractAsyncContextManager[Any]: ...

    async def scrub(self) -> bool:
        """What was erased and committed before now lies in no journal of the database any more. False: not yet,
        somebody still reads from it; ask again."""
        ...
