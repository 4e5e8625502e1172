"""How old a learner is taken for, who may change that, and that a child's own word never outlives the knowledge."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, update

from proctor.errors import Refused
from proctor.modules.accounts import contact
from proctor.modules.accounts.tables import accounts
from proctor.modules.audit.tables import audit
from proctor.modules.identity import queries as identity
from proctor.modules.privacy import access, counting, guardians
from proctor.modules.privacy import service as privacy
from proctor.modules.privacy.ages import Band, takes_protection
from proctor.modules.privacy.bands import band_of_learner, bands_of
from proctor.modules.privacy.tables import face_access
from tests.modules.conftest import GoneInbox, in_line, sql_url
from tests.modules.studies import study
from tests.modules.test_privacy import choose
from tests.modules.test_privacy_minors import number
from tests.world import DAY_MS, NOW_MS, World, people, vault

__all__ = ["sql_url"]
AGE = privacy.Notice(version="a1", lang="zh-CN", body="<p>您的年龄</p>")
YEAR = datetime.fromtimestamp(NOW_MS / 1_000, UTC).year


def aged(years: int, world: World) -> str:
    """The number of somebody of so many years; one of this world, for no two accounts may have the same."""
    return number(f"{YEAR - years}01{1 + world.learner % 28:02d}")


async def register(world: World, inbox, years: int) -> None:
    await contact.change(
        world.db, vault(), inbox, institution_id=world.institution, learner_id=world.learner,
        number=aged(years, world), phone="", by=world.reviewer, now_ms=NOW_MS,
    )  # fmt: skip


async def say(world: World, inbox, age: Band) -> None:
    await guardians.state_age(
        world.db, vault(), inbox, institution_id=world.institution, learner_id=world.learner, age=age, notice=AGE,
        now_ms=NOW_MS,
    )  # fmt: skip


async def band(world: World) -> Band:
    async with world.db.read() as conn:
        return await band_of_learner(conn, vault(), world.learner, NOW_MS)


async def holds(world: World) -> str:
    async with world.db.read() as conn:
        return await privacy.newest_choice(conn, world.learner)


async def changes(world: World) -> list[dict]:
    async with world.db.read() as conn:
        mine = select(audit.c.detail).where(
            audit.c.action == "console:learner:changed", audit.c.institution_id == world.institution
        )
        return [json.loads(text) for text in (await conn.execute(mine.order_by(audit.c.id))).scalars()]


@pytest.mark.parametrize(
    ("before", "after", "takes"),
    [
        (Band.CHILD, Band.MINOR, True), (Band.CHILD, Band.ADULT, True), (Band.MINOR, Band.ADULT, True),
        (Band.MINOR, Band.UNKNOWN, True), (Band.CHILD, Band.UNKNOWN, True), (Band.MINOR, Band.CHILD, False),
        (Band.MINOR, Band.MINOR, False), (Band.UNKNOWN, Band.ADULT, False), (Band.ADULT, Band.MINOR, False),
    ],
)  # fmt: skip
def test_what_takes_protection_away(before: Band, after: Band, takes: bool) -> None:
    assert takes_protection(before, after) is takes


async def test_one_person_alone_makes_no_minor_older_and_the_audit_tells_both_ages(world: World, inbox) -> None:
    """It opened the pictures and the phone of a minor to whoever typed an adult's number for a minute."""
    await register(world, inbox, 16)
    with pytest.raises(Refused, match="minor_older"):
        await register(world, inbox, 30)
    assert await band(world) is Band.MINOR and len(await changes(world)) == 1
    for account, until_ms in ((world.second_reviewer, NOW_MS + 1), (world.reviewer, NOW_MS)):
        await approve(world, account, until_ms)
        with pytest.raises(Refused, match="minor_older"):
            await register(world, inbox, 30)
    await approve(world, world.reviewer, NOW_MS + 1)
    await register(world, inbox, 30)
    assert await band(world) is Band.ADULT
    assert await changes(world) == [
        {"fields": ["id_number"], "age_before": "unknown", "age_after": "minor"},
        {"fields": ["id_number"], "age_before": "minor", "age_after": "adult", "approved_by": world.second_reviewer},
    ]


async def approve(world: World, account_id: int, until_ms: int) -> None:
    """The second reviewer's yes to a request of this account."""
    row = {
        "institution_id": world.institution, "learner_id": world.learner, "asked_by": account_id, "reason": "核实",
        "asked_ms": NOW_MS, "state": "approved", "decided_by": world.second_reviewer, "until_ms": until_ms,
    }  # fmt: skip
    async with world.db.write() as conn:
        await conn.execute(insert(face_access).values(**row))
        assert await access.allowed(
            conn, learner_id=world.learner, account_id=account_id, now_ms=NOW_MS
        ) is (until_ms > NOW_MS)  # fmt: skip


async def test_what_a_child_agreed_to_alone_ends_with_the_number_or_the_number_is_not_there(
    world: World, inbox, monkeypatch
) -> None:
    """Two transactions had a gap: after a crash in it a child's own consent went on counting."""
    await choose(world, inbox, "given")

    async def crash(*_args, **_more) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(contact.guardians, "end_own_choices", crash)
        with pytest.raises(RuntimeError):
            await register(world, inbox, 10)
    assert await band(world) is Band.UNKNOWN and await holds(world) == "given"
    await study(world.db, world)
    await register(world, GoneInbox(), 10)
    assert await band(world) is Band.CHILD and await holds(world) == "withdrawn"


async def test_a_child_agrees_to_nothing_alone_whatever_was_looked_at_before(world: World, inbox) -> None:
    await register(world, inbox, 10)
    with pytest.raises(Refused, match="guardian_first"):
        await choose(world, inbox, "given")
    assert await holds(world) == ""
    await choose(world, inbox, "refused")
    assert await holds(world) == "refused"


@pytest.mark.parametrize("sql_url", ["postgresql"], indirect=True)
async def test_who_agrees_while_the_number_is_registered_waits_and_is_refused(world: World, inbox) -> None:
    """A learner who never studied has no seat to queue at."""
    sealed = vault().seal(aged(10, world), field="account.id_number")
    async with world.db.engine.connect() as conn:
        mine = accounts.c.id == world.learner
        await conn.execute(select(accounts.c.id).where(mine).with_for_update())
        await conn.execute(update(accounts).where(mine).values(id_number_sealed=sealed))
        agreeing = asyncio.create_task(choose(world, inbox, "given"))
        await in_line(world.db, 1)
        await conn.commit()
    with pytest.raises(Refused, match="guardian_first"):
        await agreeing
    assert await holds(world) == ""


@pytest.mark.parametrize("age", [Band.CHILD, Band.MINOR, Band.ADULT])
async def test_a_learners_word_holds_until_a_number_tells(world: World, inbox, age: Band) -> None:
    assert await band(world) is Band.UNKNOWN
    await say(world, inbox, age)
    await say(world, inbox, Band.ADULT)  # asked once: the first word holds
    assert await band(world) is age
    async with world.db.read() as conn:
        both = await bands_of(conn, vault(), [world.learner, world.other_learner], NOW_MS)
        assert both == {world.learner: age, world.other_learner: Band.UNKNOWN}
        assert (await privacy.kept_notice(conn, AGE.sha256)).body == AGE.body
    if age is Band.ADULT:
        await register(world, inbox, 16)
        assert await band(world) is Band.MINOR
        return
    with pytest.raises(Refused, match="minor_older"):
        await register(world, inbox, 30)


async def test_who_states_to_be_a_child_had_agreed_to_nothing(world: World, inbox) -> None:
    await choose(world, inbox, "given")
    await say(world, inbox, Band.CHILD)
    assert await holds(world) == "withdrawn"


async def test_learners_of_unknown_age_are_counted_apart_and_can_be_found(world: World, there: World, inbox) -> None:
    async def apart(place: World) -> tuple[int, set[int]]:
        async with place.db.read() as conn:
            rows, _more = await identity.learners(conn, place.institution, unknown_age=True)
            return (await identity.counts(conn, place.institution))["ageless"], {row.id for row in rows}

    await people(world.db, world.institution, vault(), 1, role="reviewer")
    assert await apart(world) == (2, {world.learner, world.other_learner})
    await say(world, inbox, Band.ADULT)
    assert await apart(world) == (1, {world.other_learner})
    async with world.db.read() as conn:
        choices = await counting.choices_of(conn, world.institution)
    assert choices.face == {"": 2}, "a word on the age is no choice"
    await contact.change(
        world.db, vault(), inbox, institution_id=world.institution, learner_id=world.other_learner,
        number=aged(30, world), phone="", by=world.reviewer, now_ms=NOW_MS + DAY_MS,
    )  # fmt: skip
    assert await apart(world) == (0, set()) and (await apart(there))[0] == 2
