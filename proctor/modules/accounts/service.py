"""Signing in and out, login sessions, new accounts.

Passwords: Argon2id with 19 MiB, two passes, one lane (OWASP's floor), always in a thread, a few at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone
from typing import Any, Protocol, TypeVar

import msgspec
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import insert, select, update

from proctor.errors import Refused, Unavailable
from proctor.modules.accounts import queries
from proctor.modules.accounts.rules import (
    PASSWORD_CHARS_MAX,
    ROLES,
    Tries,
    after_failure,
    is_locked,
    normal_login,
    normal_phone,
)  # fmt: skip
from proctor.modules.accounts.tables import accounts, login_sessions
from proctor.modules.audit.service import append_audit
from proctor.modules.identity.numbers import Malformed, read_number
from proctor.modules.study.ledger import next_instruction
from proctor.modules.study.tables import seats
from proctor.ports import Database, Inbox, InstructionReady, Vault

T = TypeVar("T")
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, type=Type.ID)
# Somebody who tries unknown logins must wait as long as for a known one.
_NOBODY = (
    "$argon2id$v=19$m=19456,t=2,p=1$WyPlQHvdsW30cDakBJlxog$12WIb/BIPRpCFDz9tgh9Rw+TO9i2/QMm8QT6wY+HAEo"
)
# Four at once, each needs 19 MiB. All wait here and not at the loop's door: while it serves a rush, the threads that
# hash must find the next one without it.
_HASHING = ThreadPoolExecutor(4, thread_name_prefix="argon2")
_SEEN_EVERY_MS = 300_000
_STRANGERS_MAX = 20_000
# A wrong password is answered no sooner: counting it in SQL takes a few milliseconds that a stranger's try does not,
# and those would tell which logins exist.
_WRONG_S = 0.25


class RushDatabase(Database, Protocol):
    """What a thousand people may ask at the same moment goes as one piece: `work(conn)` awaits nothing but `conn`,
    touches a few rows and waits in one line. Raises Unavailable when its turn does not come."""

    async def read_in_one(self, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T: ...

    async def in_group(self, work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        """A write transaction with those that wait at the same moment; returns when it is committed. What one raises
        undoes nothing of the others."""


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever this request belongs to. `login_id` goes into tickets; `name` is the plain name of oneself."""

    account_id: int
    institution_id: int
    institution: str
    role: str
    login: str
    name: str
    login_id: str
    account_version: int
    csrf: str
    device_id: str
    zone: str


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """`cookie` goes to the browser and nowhere else: SQL keeps only its hash."""

    cookie: str
    role: str
    life_s: int


def hash_password(password: str) -> str:
    """Slow on purpose (about 20 ms and 19 MiB): call it in a thread."""
    return _HASHER.hash(password)


def session_id(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _matches(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


class Accounts:
    """Use cases of signing in. Settings come as plain values so that tests can shorten them."""

    def __init__(
        self, db: RushDatabase, vault: Vault, *, login_hours: int = 12, login_tries: int = 5,
        login_lock_ms: int = 600_000, now_ms: Callable[[], int] | None = None,
    ) -> None:  # fmt: skip
        self._db = db
        self._vault = vault
        self._life_ms = login_hours * 3_600_000
        self._tries = login_tries
        self._lock_ms = login_lock_ms
        self._now_ms = now_ms or (lambda: time.time_ns() // 1_000_000)
        # Tries at logins that nobody has: they are locked like the others, so a lock tells nothing.
        self._strangers: OrderedDict[str, Tries] = OrderedDict()

    async def sign_in(
        self, login: str, password: str, *, device_id: str, device_kind: str, address: str = ""
    ) -> SignedIn:
        """A fresh login session. Raises Refused: wrong_login (whatever was wrong), locked (minutes=…), blocked.

        While a login is locked no password is looked at: whoever goes on guessing learns nothing from the answers.
        A login that nobody has behaves the same in words and in time.
        """
        began_s = time.monotonic()
        name = normal_login(login)
        row = await self._db.read_in_one(lambda conn: queries.account_by_login(conn, name)) if name else None
        now_ms = self._now_ms()
        tries = Tries(row.failed_tries, row.locked_until_ms) if row else self._strangers.get(name or "", Tries(0, 0))
        if is_locked(tries, now_ms):
            raise Refused("locked", minutes=max(1, -(-(tries.locked_until_ms - now_ms) // 60_000)))
        stored = row.password_hash if row else _NOBODY
        loop = asyncio.get_running_loop()
        good = await loop.run_in_executor(_HASHING, _matches, stored, password[:PASSWORD_CHARS_MAX])
        if row is None or not good:
            if row is not None:
                await self._failed(row.id, row.institution_id, now_ms, address)
            elif name:
                self._stranger_failed(name, tries, now_ms)
            await asyncio.sleep(max(0.0, began_s + _WRONG_S - time.monotonic()))
            raise Refused("wrong_login")
        if row.status != "active":
            raise Refused("blocked")
        return await self._open_session(row, device_id, device_kind, now_ms, address)

    def _stranger_failed(self, name: str, tries: Tries, now_ms: int) -> None:
        self._strangers[name] = after_failure(tries, now_ms, self._tries, self._lock_ms)
        self._strangers.move_to_end(name)
        if len(self._strangers) > _STRANGERS_MAX:
            self._strangers.popitem(last=False)

    async def _failed(self, account_id: int, institution_id: int, now_ms: int, address: str) -> None:
        """Counts under the write lock: two wrong tries at the same moment are two."""
        async with self._db.write() as conn:
            where = accounts.c.id == account_id
            await conn.execute(update(accounts).where(where).values(failed_tries=accounts.c.failed_tries))
            found = accounts.select().where(where)
            row = (await conn.execute(found)).one()
            before = Tries(row.failed_tries, row.locked_until_ms)
            if is_locked(before, now_ms):
                return
            after = after_failure(before, now_ms, self._tries, self._lock_ms)
            changed = {"failed_tries": after.failed, "locked_until_ms": after.locked_until_ms}
            await conn.execute(update(accounts).where(where).values(**changed))
            if after.locked_until_ms:
                await append_audit(
                    conn, at_ms=now_ms, institution_id=institution_id, account_id=0,
                    action="web:account:locked", object=f"account:{account_id}", address=address,
                )  # fmt: skip

    async def _open_session(
        self, row, device_id: str, device_kind: str, now_ms: int, address: str
    ) -> SignedIn:
        cookie = secrets.token_urlsafe(32)

        async def work(conn) -> None:
            await conn.execute(
                insert(login_sessions).values(
                    id=session_id(cookie), account_id=row.id, account_version=row.version,
                    device_id=device_id, device_kind=device_kind, csrf=secrets.token_urlsafe(24),
                    created_ms=now_ms, seen_ms=now_ms, expires_ms=now_ms + self._life_ms,
                )
            )  # fmt: skip
            if row.failed_tries or row.locked_until_ms:
                clean = update(accounts).where(accounts.c.id == row.id)
                await conn.execute(clean.values(failed_tries=0, locked_until_ms=0))
            if row.role != "learner":
                await append_audit(
                    conn, at_ms=now_ms, institution_id=row.institution_id, account_id=row.id,
                    action="web:session:opened", object=f"account:{row.id}", address=address,
                )  # fmt: skip

        await self._db.in_group(work)
        return SignedIn(cookie=cookie, role=row.role, life_s=self._life_ms // 1_000)

    async def session(self, cookie: str) -> Signed | None:
        """Whose cookie this is, or None when its session ended, expired, or the account changed since."""
        if not 20 <= len(cookie) <= 128:
            return None
        now_ms = self._now_ms()
        row = await self._db.read_in_one(lambda conn: queries.login_session(conn, session_id(cookie), now_ms))
        if row is None:
            return None
        if now_ms - row.seen_ms > _SEEN_EVERY_MS:
            async with self._db.write() as conn:
                seen = update(login_sessions).where(login_sessions.c.id == row.id)
                await conn.execute(seen.values(seen_ms=now_ms))
        return Signed(
            account_id=row.account_id, institution_id=row.institution_id, institution=row.institution,
            role=row.role, login=row.login, name=self._vault.open(row.name_sealed, field="account.name"),
            login_id=row.id, account_version=row.version, csrf=row.csrf, device_id=row.device_id,
            zone=row.zone,
        )  # fmt: skip

    async def sign_out(self, login_id: str, inbox: Inbox) -> None:
        """End this login session, and the lesson that its browser plays; ending it again changes nothing."""
        now_ms, instruction = self._now_ms(), None
        async with self._db.write() as conn:
            ended = (
                update(login_sessions)
                .where(login_sessions.c.id == login_id, login_sessions.c.ended_ms.is_(None))
                .values(ended_ms=now_ms)
                .returning(login_sessions.c.account_id, login_sessions.c.device_id)
            )
            row = (await conn.execute(ended)).one_or_none()
            if row is None:
                return
            mine = select(seats.c.learner_id).where(
                seats.c.learner_id == row.account_id, seats.c.device_id == row.device_id
            )
            if (await conn.execute(mine)).first() is not None:
                instruction = await next_instruction(
                    conn, learner_id=row.account_id, action="login_ended", now_ms=now_ms
                )
        if instruction is not None:
            # Without Redis the session finds it at its next seat update.
            with contextlib.suppress(Unavailable):
                await inbox.send_to_learner(
                    row.account_id, InstructionReady(learner_id=row.account_id, instruction=instruction)
                )


async def set_status(db: Database, inbox: Inbox, *, login: str, status: str, now_ms: int) -> None:
    """Block an account, or let it in again. Its login sessions, tickets and resume tokens die with its version; a
    running session is told by an instruction. What was credited stays. The same status again changes nothing.

    Raises Refused("no_account"), and Unavailable after the commit when only the push failed: the session finds the
    instruction at its next seat update.
    """
    assert status in ("active", "blocked")
    instruction = None
    async with db.write() as conn:
        row = await queries.account_by_login(conn, normal_login(login) or "")
        if row is None:
            raise Refused("no_account")
        if row.status == status:
            return
        changed = update(accounts).where(accounts.c.id == row.id)
        await conn.execute(changed.values(status=status, version=accounts.c.version + 1))
        if status == "blocked":
            instruction = await next_instruction(conn, learner_id=row.id, action="blocked", now_ms=now_ms)
        await append_audit(
            conn, at_ms=now_ms, institution_id=row.institution_id, account_id=0, action=f"cli:account:{status}",
            object=f"account:{row.id}",
        )  # fmt: skip
    if instruction is not None and instruction.version:
        await inbox.send_to_learner(row.id, InstructionReady(learner_id=row.id, instruction=instruction))


async def create_account(
    conn, vault: Vault, *, institution_id: int, login: str, role: str, name: str, password_hash: str,
    now_ms: int, id_number: str | None = None, phone: str | None = None,
) -> int:  # fmt: skip
    """Insert one account in the caller's transaction; returns its id.

    Raises Refused: login_wrong, id_number_wrong, phone_wrong.

    `password_hash` comes from `hash_password`, made before the transaction began: hashing is slow.
    """
    normal = normal_login(login)
    if normal is None:
        raise Refused("login_wrong")
    assert role in ROLES
    row = insert(accounts).values(
        institution_id=institution_id, login=normal, role=role, password_hash=password_hash,
        name_sealed=vault.seal(name, field="account.name"), created_ms=now_ms,
        **number_values(vault, id_number, now_ms), **phone_values(vault, phone),
    )  # fmt: skip
    return (await conn.execute(row)).inserted_primary_key[0]


def number_values(vault: Vault, text: str | None, now_ms: int) -> dict[str, bytes]:
    """Columns of an identity number, in its one form. Raises Refused("id_number_wrong")."""
    if not text:
        return {}
    number = read_number(text, _today(now_ms))
    if isinstance(number, Malformed):
        raise Refused("id_number_wrong")
    return {
        "id_number_sealed": vault.seal(number.text, field="account.id_number"),
        "id_number_index": vault.index(number.text, field="account.id_number"),
    }


def phone_values(vault: Vault, text: str | None) -> dict[str, bytes]:
    """Columns of a mobile number. Raises Refused("phone_wrong")."""
    if not text:
        return {}
    phone = normal_phone(text)
    if phone is None:
        raise Refused("phone_wrong")
    sealed, index = vault.seal(phone, field="account.phone"), vault.index(phone, field="account.phone")
    return {"phone_sealed": sealed, "phone_index": index}


def _today(now_ms: int) -> date:
    """The calendar of the authority that issues identity numbers."""
    return datetime.fromtimestamp(now_ms / 1_000, timezone(timedelta(hours=8))).date()
