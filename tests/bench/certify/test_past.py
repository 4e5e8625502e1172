"""Past one machine: which scenarios run where, how a student moves, and what the fences' row counts."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from bench.certify import past
from bench.certify.plan import QUICK, SCENARIOS, scenarios_of
from bench.certify.student import Student
from proctor import compose
from proctor.modules.study.tables import facts
from proctor.settings import load


def test_the_cluster_has_scenarios_of_its_own() -> None:
    assert scenarios_of("", quick=True) == QUICK
    assert not {"S13", "S14"} & set(scenarios_of("", quick=False))
    assert scenarios_of("", quick=False, cluster=True) == (*QUICK, "S13")
    assert scenarios_of("", quick=True, cluster=True, root=True) == (*QUICK, "S13", "S14")
    assert scenarios_of("s14", quick=False, cluster=True, root=True) == ("S14",)
    assert scenarios_of("S14,S13,S1", quick=False, cluster=True, root=True) == ("S1", "S13", "S14")
    with pytest.raises(ValueError, match="--cluster"):
        scenarios_of("S13", quick=False)
    with pytest.raises(ValueError, match="root"):
        scenarios_of("S14", quick=False, cluster=True)
    assert {"S13", "S14"} < set(SCENARIOS)


def test_whoever_lost_a_line_dials_the_next_host() -> None:
    student = Student(7)
    assert student.place == 7
    student.cut(1_006, 1.0, 0.5)
    assert student.place == 8
    student.cut(4_400, 1.0, 0.5)
    assert student.place == 8, "nobody dials"


async def test_a_fact_of_an_older_fence_after_a_newer_one_is_counted(tmp_path) -> None:
    settings = load({}, data=str(tmp_path))
    async with compose.database(settings) as db:
        await db.migrate()
        async with db.write() as conn:
            await conn.execute(insert(facts), [
                {"learner_id": who, "lesson_id": 1, "fence": fence, "kind": "k", "at_ms": 1, "cause": "c", "body": ""}
                for who, fence in ((1, 1), (2, 5), (1, 2), (2, 4), (1, 2), (2, 5), (1, 1))
            ])  # fmt: skip
    (row,) = await past.fence_rows(settings)
    assert row.value == 2 and row.met is False
