"""Policy packs laid over each other, and ledger rows that people change: split at the edges, never paid twice."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from proctor.core.policy import DEFAULT
from proctor.modules.study import ledger
from proctor.modules.study.rules import policy_of
from proctor.modules.study.tables import ledger as rows
from proctor.modules.study.tables import rollups
from tests.modules.studies import study
from tests.world import NOW_MS, World


def test_later_packs_win_and_empty_ones_say_nothing() -> None:
    assert policy_of() == policy_of("", "{}") == DEFAULT
    found = policy_of('{"check_tries": 2, "review_persons": 1}', '{"check_tries": 5}')
    assert (found.check_tries, found.review_persons, found.beat_ms) == (5, 1, DEFAULT.beat_ms)


@pytest.mark.parametrize(
    "pack", ['{"beats": 1}', '{"beat_ms": "10"}', '{"beat_ms": 20000}', '{"second_device": "both"}', "{"]
)
def test_a_pack_that_does_not_fit_is_refused(pack: str) -> None:
    with pytest.raises(ValueError):
        policy_of(pack)


async def change(world: World, action: str, *spans: tuple[int, int]) -> int:
    async with world.db.write() as conn:
        return await ledger.change_status(
            conn, learner_id=world.learner, lesson_id=world.lesson, spans=spans, action=action, decision_id=7,
            now_ms=NOW_MS,
        )  # fmt: skip


async def stored(world: World) -> list[tuple[int, int, str]]:
    async with world.db.read() as conn:
        mine = select(rows.c.from_ms, rows.c.to_ms, rows.c.status).where(rows.c.learner_id == world.learner)
        found = sorted(tuple(row) for row in (await conn.execute(mine)).all())
        sums = (await conn.execute(select(rollups).where(rollups.c.learner_id == world.learner))).mappings().one()
    for status in {status for _a, _b, status in found}:
        assert sums[f"{status}_ms"] == sum(b - a for a, b, one in found if one == status), "rollups follow"
    return found


async def test_a_decision_changes_exactly_its_stretch(world: World) -> None:
    await study(world.db, world)
    assert await stored(world) == [(0, 6_000, "final"), (6_000, 10_000, "waiting")]
    assert await change(world, "void", (5_000, 7_000)) == 2_000
    assert await stored(world) == [
        (0, 5_000, "final"), (5_000, 6_000, "void"), (6_000, 7_000, "void"), (7_000, 10_000, "waiting"),
    ]  # fmt: skip
    assert await change(world, "void", (5_000, 7_000)) == 0, "twice is once"
    assert await change(world, "accept", (0, 10_000)) == 3_000, "accepting does not bring back what was voided"
    assert await change(world, "restore", (6_000, 7_000)) == 1_000
    assert [row for row in await stored(world) if row[2] == "void"] == [(5_000, 6_000, "void")]
