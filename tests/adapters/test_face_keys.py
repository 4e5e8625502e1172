"""Every learner's own keys: what they sealed opens only while they are there, and only as what it was."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from proctor.adapters.face_keys import SqlFaceKeys, key_id_of
from proctor.adapters.keyring import Ring
from proctor.adapters.memory import MemoryFaceKeys
from proctor.adapters.vault import RingVault
from proctor.errors import Refused
from proctor.modules.privacy.tables import face_keys
from tests.contract.conftest import db, sql_url
from tests.world import vault

__all__ = ["db", "sql_url"]
HER, HIM = 71_001, 71_002


class Sql:
    """The real keys, and the end of them as the service brings it about."""

    def __init__(self, db) -> None:
        self._db = db
        self.keys = SqlFaceKeys(db, vault())

    async def erase(self, learner_id: int) -> None:
        async with self._db.write() as conn:
            mine = update(face_keys).where(face_keys.c.learner_id == learner_id)
            await conn.execute(mine.values(key_sealed=None, erased_ms=1))


class Memory:
    def __init__(self) -> None:
        self.keys = MemoryFaceKeys()

    async def erase(self, learner_id: int) -> None:
        self.keys.erase(learner_id)


@pytest.fixture(params=["memory", "sql"])
def house(request, db) -> Sql | Memory:
    return Memory() if request.param == "memory" else Sql(db)


async def test_each_learner_and_kind_has_a_key_of_its_own_that_stays(house) -> None:
    sealed = [
        (await house.keys.sealing(learner_id=who, kind=kind)).seal(b"a face", "f")
        for who, kind in ((HER, "enrolment"), (HER, "enrolment"), (HER, "burst"), (HIM, "burst"))
    ]
    ids = [key_id_of(one) for one in sealed]
    assert ids[0] == ids[1] and len(set(ids)) == 3
    for one in sealed:
        assert b"a face" not in one and (await house.keys.opening(one)).open(one, "f") == b"a face"
    await house.erase(HER)
    await house.erase(HIM)


async def test_what_an_erased_key_sealed_is_gone_and_the_next_key_is_another(house) -> None:
    first = await house.keys.sealing(learner_id=HER, kind="burst")
    other = await house.keys.sealing(learner_id=HIM, kind="burst")
    sealed, his = first.seal(b"a face", "f"), other.seal(b"another", "f")
    await house.erase(HER)
    with pytest.raises(Refused, match="evidence_gone"):
        await house.keys.opening(sealed)
    assert (await house.keys.opening(his)).open(his, "f") == b"another", "nobody else loses anything"
    again = (await house.keys.sealing(learner_id=HER, kind="burst")).seal(b"a face", "f")
    assert key_id_of(again) != key_id_of(sealed)


@pytest.mark.parametrize("cipher", ["aes", "sm4"])
async def test_sealed_bytes_are_bound_to_their_context_and_to_every_byte(cipher: str) -> None:
    keys = MemoryFaceKeys(cipher)
    key = await keys.sealing(learner_id=HER, kind="burst")
    sealed = key.seal(b"x" * 40, "one")
    with pytest.raises(AssertionError):
        key.open(sealed, "two")
    for at in range(3, len(sealed)):
        with pytest.raises(AssertionError):
            key.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], "one")
    for wrong in (b"", b"ZXF", sealed[:20], b"\xff" + sealed[1:]):
        with pytest.raises(AssertionError):
            key_id_of(wrong)


async def test_the_key_in_sql_is_sealed_by_the_master_key(db) -> None:
    keys = SqlFaceKeys(db, vault())
    sealed = (await keys.sealing(learner_id=HIM, kind="enrolment")).seal(b"a face", "f")
    stranger = SqlFaceKeys(db, RingVault(Ring.of(b"z" * 32), b"i" * 32))
    with pytest.raises(AssertionError):
        await stranger.opening(sealed)
    async with db.read() as conn:
        row = (await conn.execute(select(face_keys).where(face_keys.c.id == key_id_of(sealed)))).one()
    assert bytes(row.key_sealed)[0] == 1 and row.erased_ms is None
