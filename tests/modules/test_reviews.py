"""Deciding cases: who is slower learns what the other decided, and a store that is away undoes no decision."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, update

from proctor.modules.accounts.tables import institutions
from proctor.modules.catalog.tables import classes
from proctor.modules.reviews.service import Decision, Reviews
from proctor.modules.reviews.tables import decisions
from proctor.modules.study.ledger import lock_seat
from proctor.modules.study.tables import instructions
from tests.modules.conftest import GoneInbox, in_line
from tests.modules.studies import study
from tests.world import World


async def test_of_two_reviewers_at_one_moment_one_decides_and_the_other_is_told(world: World, inbox) -> None:
    """Both looked at the case while a journal held the seat: the slower one must not go on with what it read then."""
    case, reviews = (await study(world.db, world)).case, Reviews(world.db, inbox)
    asked = Decision(case_id=case, action="dismiss", reason="看得清，是本人。", version=1)
    async with world.db.write() as conn:
        await lock_seat(conn, world.learner)
        both = [
            asyncio.create_task(reviews.decide(institution_id=world.institution, account_id=one, decision=asked))
            for one in (world.reviewer, world.second_reviewer)
        ]
        await in_line(world.db, 2)
    fast, slow = sorted(await asyncio.gather(*both), key=lambda result: not result.done)
    assert (fast.done, fast.outcome) == (True, "dismissed")
    assert (slow.done, slow.status, slow.version) == (False, "closed", 2) and len(slow.history) == 1
    async with world.db.read() as conn:
        stored = select(decisions.c.id).where(decisions.c.case_id == case)
        assert len((await conn.execute(stored)).all()) == 1


@pytest.mark.parametrize(
    ("setting", "institution", "of_class", "status"),
    [
        (2, 2, 2, "proposed"), (1, None, None, "closed"), (1, 2, None, "proposed"), (2, 1, None, "closed"),
        (2, 2, 1, "closed"), (1, 1, 2, "proposed"),
    ],
)  # fmt: skip
async def test_how_many_people_a_void_takes_is_one_rule(
    world: World, inbox, setting: int, institution: int | None, of_class: int | None, status: str
) -> None:
    """The class's over the institution's over the setting's, as everywhere."""
    case = (await study(world.db, world)).case
    async with world.db.write() as conn:
        for table, mine, persons in (
            (institutions, institutions.c.id, institution), (classes, classes.c.institution_id, of_class)
        ):  # fmt: skip
            pack = "{}" if persons is None else f'{{"review_persons": {persons}}}'
            await conn.execute(update(table).where(mine == world.institution).values(policy=pack))
    reviews = Reviews(world.db, inbox, policy=f'{{"review_persons": {setting}}}')
    asked = Decision(case_id=case, action="propose", reason="画面中没有本人。", version=1, spans=((6_000, 10_000),))
    result = await reviews.decide(institution_id=world.institution, account_id=world.reviewer, decision=asked)
    assert result.status == status


async def test_a_decision_stands_when_nobody_can_be_told_of_it_now(world: World) -> None:
    case = (await study(world.db, world)).case
    asked = Decision(case_id=case, action="dismiss", reason="看得清，是本人。", version=1)
    result = await Reviews(world.db, GoneInbox()).decide(
        institution_id=world.institution, account_id=world.reviewer, decision=asked
    )
    assert (result.done, result.outcome) == (True, "dismissed")
    async with world.db.read() as conn:
        told = select(instructions.c.version).where(instructions.c.learner_id == world.learner)
        assert (await conn.execute(told)).scalars().all() == [1], "the running session finds it at its next write"
