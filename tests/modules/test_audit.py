"""The audit is a chain: whoever changes, removes or inserts a row breaks it at that row."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import delete, insert, select, update

from proctor.modules.audit import queries, rules
from proctor.modules.audit.service import append_audit, verify
from proctor.modules.audit.tables import audit
from tests.world import World


@pytest.fixture
async def rows(world: World) -> list[int]:
    """Ids of three rows at the end of the chain."""
    async with world.db.write() as conn:
        for number in range(3):
            await append_audit(
                conn, at_ms=number, institution_id=world.institution, account_id=world.reviewer,
                action="console:evidence:opened", object=f"evidence:{number}", detail={"frame": number},
            )  # fmt: skip
    async with world.db.read() as conn:
        found = select(audit.c.id).where(audit.c.institution_id == world.institution).order_by(audit.c.id)
        return list((await conn.execute(found)).scalars())


async def broken_at(world: World, statement) -> int | None:
    """The row at which the chain breaks after `statement`; nothing is kept of it."""
    found: list[int | None] = []
    with pytest.raises(RuntimeError):
        async with world.db.write() as conn:
            await conn.execute(statement)
            found.append(await verify(conn))
            raise RuntimeError
    return found[0]


async def test_an_untouched_chain_is_whole_and_any_touch_is_found_where_it_was(world: World, rows: list[int]) -> None:
    async with world.db.read() as conn:
        assert await verify(conn) is None
    first, second, third = rows
    for column, value in (("detail", "{}"), ("account_id", 0), ("at_ms", 99), ("object", "x"), ("hash", bytes(32))):
        assert await broken_at(world, update(audit).where(audit.c.id == second).values({column: value})) == second
    assert await broken_at(world, delete(audit).where(audit.c.id == first)) == second
    forged = {
        "at_ms": 5, "institution_id": world.institution, "account_id": 0, "action": "a", "object": "o",
        "detail": "{}", "address": "", "hash": bytes(32),
    }  # fmt: skip
    assert await broken_at(world, insert(audit).values(**forged)) > third  # type: ignore[operator]


async def test_the_newest_rows_alone_are_held_to_the_one_before_them(world: World, rows: list[int]) -> None:
    first, second, third = rows
    found = []
    with pytest.raises(RuntimeError):
        async with world.db.write() as conn:
            assert [await verify(conn, newest=n) for n in (1, 2, 9_999)] == [None] * 3
            await conn.execute(update(audit).where(audit.c.id == second).values(detail="{}"))
            found = [await verify(conn, newest=n) for n in (1, 2, 9_999)]
            raise RuntimeError
    assert found == [None, second, second], "a page proves what it says that it proves, and no more"


async def test_writers_at_the_same_moment_chain_one_behind_the_other(world: World) -> None:
    async def write(number: int) -> None:
        async with world.db.write() as conn:
            await append_audit(
                conn, at_ms=number, institution_id=world.institution, account_id=0, action="a", object=str(number)
            )  # fmt: skip

    await asyncio.gather(*(write(number) for number in range(12)))
    async with world.db.read() as conn:
        assert await verify(conn) is None
        found, more = await queries.audit_page(conn, world.institution, rows=5)
        assert len(found) == 5 and more
        found, more = await queries.audit_page(conn, world.institution, page=2, rows=5)
        assert len(found) == 2 and not more


async def test_rows_of_another_institution_are_not_on_the_page(world: World, there: World, rows: list[int]) -> None:
    async with world.db.read() as conn:
        mine, _more = await queries.audit_page(conn, world.institution)
        theirs, _more = await queries.audit_page(conn, there.institution)
    assert [row.id for row in mine] == rows[::-1] and theirs == []


def test_a_hash_covers_every_field() -> None:
    row: dict[str, object] = dict.fromkeys(rules.FIELDS, 1)
    whole = rules.row_hash(rules.GENESIS, row)
    assert len(whole) == 32
    assert len({whole, *(rules.row_hash(rules.GENESIS, {**row, name: "x"}) for name in row)}) == 1 + len(row)
    assert rules.row_hash(whole, row) != whole
