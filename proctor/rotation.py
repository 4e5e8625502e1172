"""A new master key without downtime: running processes learn it, seal with it, and everything old is sealed anew.

A version that is made is first only read with, then put to use, each time long enough for every process to notice.
Pictures and templates are not touched: the keys of their learners are sealed anew, which is enough.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import msgspec
from sqlalchemy import LargeBinary, Table, and_, func, select, tuple_, update

from proctor.adapters.face_keys import field_of
from proctor.adapters.keyring import sm4_offered, version_of
from proctor.adapters.secrets import KEYS_EVERY_S, KeyStore
from proctor.adapters.vault import RingVault
from proctor.errors import Refused
from proctor.modules.accounts.tables import accounts
from proctor.modules.privacy.tables import face_keys, guardians
from proctor.modules.schema import metadata
from proctor.ports import Database

ROWS = 500  # of one transaction: whoever studies meanwhile waits for no more

# What the vault seals, with the name of the field. A test demands that every sealed column stands here or below.
FIELDS: tuple[tuple[Table, str, Callable[[dict], str]], ...] = (
    (accounts, "name_sealed", lambda _row: "account.name"),
    (accounts, "id_number_sealed", lambda _row: "account.id_number"),
    (accounts, "phone_sealed", lambda _row: "account.phone"),
    (guardians, "name_sealed", lambda _row: "guardian.name"),
    (guardians, "phone_sealed", lambda _row: "guardian.phone"),
    (face_keys, "key_sealed", lambda row: field_of(row["id"])),
)
# What a learner's own key seals.
UNDER_FACE_KEYS = (
    ("enrolments", "template_sealed"), ("enrolment_history", "template_sealed"), ("face_traces", "sealed")
)  # fmt: skip


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """What a rotation did: the version in use now, and how many fields were sealed anew."""

    version: int
    cipher: str
    resealed: int


def sealed_columns() -> set[tuple[str, str]]:
    """Every column of the schema that holds something sealed, by its name."""
    return {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, LargeBinary) and column.name.endswith("sealed")
    }


async def counts(db: Database) -> Counter[int]:
    """How many fields each version of the master key has sealed."""
    found: Counter[int] = Counter()
    async with db.read() as conn:
        for table, name, _field in FIELDS:
            first = func.substr(table.c[name], 1, 1)
            grouped = select(first, func.count()).where(table.c[name].is_not(None)).group_by(first)
            for version, count in (await conn.execute(grouped)).all():
                found[version_of(bytes(version))] += count
    return found


async def reseal(db: Database, vault: RingVault) -> int:
    """One walk over everything; returns how many fields an older version had sealed. A field that changes
    meanwhile is left alone: whoever wrote it sealed it with the version in use."""
    return sum([await _walk(db, vault, table, name, field) for table, name, field in FIELDS])


async def _walk(
    db: Database, vault: RingVault, table: Table, name: str, field: Callable[[dict], str]
) -> int:  # fmt: skip
    keys, column, after, count = list(table.primary_key.columns), table.c[name], None, 0
    while True:
        page = select(*keys, column).where(column.is_not(None)).order_by(*keys).limit(ROWS)
        if after is not None:
            page = page.where(tuple_(*keys) > tuple_(*after))
        async with db.read() as conn:
            rows = [dict(row) for row in (await conn.execute(page)).mappings().all()]
        old = [row for row in rows if version_of(bytes(row[name])) != vault.ring.current]
        if old:
            async with db.write() as conn:
                for row in old:
                    sealed = bytes(row[name])
                    fresh = vault.seal_bytes(vault.open_bytes(sealed, field=field(row)), field=field(row))
                    here = and_(*(key == row[key.name] for key in keys), column == sealed)
                    await conn.execute(update(table).where(here).values({name: fresh}))
            count += len(old)
        if len(rows) < ROWS:
            return count
        after = [rows[-1][key.name] for key in keys]


async def rotate(
    db: Database, store: KeyStore, vault: RingVault, *, cipher: str, notice_s: float = 2 * KEYS_EVERY_S
) -> Rotated:
    """Make a version (or go on with one that was made before a crash), use it, seal everything anew. Older versions
    stay for reading: backups need them until `forget`. Raises Refused("no_sm4")."""
    if cipher == "sm4" and not sm4_offered():
        raise Refused("no_sm4")
    found = store.versions()
    waiting = [version for version, (_cipher, state) in found.items() if state == "next"]
    version = waiting[0] if waiting else max(found) + 1
    if not waiting:
        store.make_master(version, cipher, "next")
    await asyncio.sleep(notice_s)
    store.use(version)
    vault.ring.refresh()
    await asyncio.sleep(notice_s)
    resealed = 0
    while count := await reseal(db, vault):
        resealed += count
    return Rotated(version=version, cipher=vault.ring.cipher, resealed=resealed)


async def forget(db: Database, store: KeyStore, version: int) -> None:
    """Destroy an old version: no backup from before the rotation can be read any more.

    Raises Refused: no_such_key, key_in_use (it seals), key_needed (with `count`: something is sealed with it).
    """
    found = store.versions()
    if version not in found:
        raise Refused("no_such_key", version=version)
    if version == store.masters().current or found[version][1] == "next":
        raise Refused("key_in_use", version=version)
    if count := (await counts(db))[version]:
        raise Refused("key_needed", version=version, count=count)
    store.destroy(version)
