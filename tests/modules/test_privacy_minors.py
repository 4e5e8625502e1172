"""Minors: who decides at which age, what a guardian's word needs to count, and who may look at a minor's picture."""

from __future__ import annotations

import re
from datetime import date

import pytest
from sqlalchemy import select, update

from proctor.adapters.memory_messages import MemoryMessages
from proctor.errors import Refused, Unavailable
from proctor.modules.accounts.tables import accounts
from proctor.modules.audit.tables import audit
from proctor.modules.identity.numbers import check_character
from proctor.modules.privacy import access, guardians
from proctor.modules.privacy import service as privacy
from proctor.modules.privacy.ages import Band, band_of, is_young
from proctor.modules.privacy.tables import consents
from tests.modules.conftest import sql_url
from tests.modules.test_privacy import NOTICE
from tests.world import NOW_MS, World, vault

__all__ = ["sql_url"]
PHONE = "14000000001"
WORDS = "code %(code)s"
PROVINCE = privacy.Notice(version="p1", lang="zh-CN", body="提供给谁")


def number(born: str) -> str:
    body = f"999999{born}001"
    return body + check_character(body)


@pytest.mark.parametrize(
    ("born", "today", "band"),
    [
        ("20121126", date(2026, 11, 25), Band.CHILD),
        ("20121125", date(2026, 11, 25), Band.MINOR),  # the birthday itself
        ("20081126", date(2026, 11, 25), Band.MINOR),
        ("20081125", date(2026, 11, 25), Band.ADULT),
        ("20120229", date(2026, 2, 28), Band.CHILD),
        ("20120229", date(2026, 3, 1), Band.MINOR),
    ],
)
def test_the_band_changes_on_the_birthday(born: str, today: date, band: Band) -> None:
    assert band_of(number(born), today) is band
    assert is_young(band) is (band is not Band.ADULT)


@pytest.mark.parametrize("wrong", ["", "110101", number("29990101"), number("20120101")[:-1] + "Y"])
def test_a_number_that_tells_no_age_is_unknown_and_nobody_is_taken_for_a_child(wrong: str) -> None:
    assert band_of(wrong, date(2026, 11, 25)) is Band.UNKNOWN and not is_young(Band.UNKNOWN)


def said(**more) -> guardians.Statement:
    return guardians.Statement(
        **{"name": "张家长", "phone": "140 0000 0001", "relation": "mother", "agreed": True, **more}
    )


def phone_of(world: World) -> str:
    """Of this world's guardian alone: PostgreSQL is one database for all tests."""
    return f"140{world.learner:08d}"


async def state(world: World, *, now_ms: int = NOW_MS, **more) -> None:
    statement = said(**{"phone": phone_of(world), **more})
    await guardians.state(
        world.db, vault(), institution_id=world.institution, learner_id=world.learner, statement=statement,
        notice=NOTICE, province=PROVINCE, now_ms=now_ms,
    )  # fmt: skip


async def send(world: World, messages: MemoryMessages, now_ms: int = NOW_MS) -> str:
    await guardians.send_code(
        world.db, vault(), messages, learner_id=world.learner, words=WORDS, now_ms=now_ms
    )  # fmt: skip
    _phone, words = messages.sent[-1]
    found = re.search(r"\d{6}", words)
    assert found
    return found.group()


async def enter(world: World, inbox, code: str, now_ms: int = NOW_MS) -> None:
    await guardians.enter_code(
        world.db, vault(), inbox, learner_id=world.learner, code=code, now_ms=now_ms
    )


async def choice(world: World) -> str:
    async with world.db.read() as conn:
        return await privacy.newest_choice(conn, world.learner)


async def test_a_code_from_the_guardians_phone_makes_the_consent_and_names_who_gave_it(world: World, inbox) -> None:
    await state(world)
    async with world.db.read() as conn:
        assert await privacy.asked_by_guardian(conn, world.learner) and await choice(world) == ""
        row = await guardians.newest(conn, world.learner)
    assert "张家长".encode() not in bytes(row.name_sealed)
    assert phone_of(world).encode() not in bytes(row.phone_sealed)
    messages = MemoryMessages()
    code = await send(world, messages)
    assert messages.sent[-1][0] == phone_of(world)
    with pytest.raises(Refused, match="guardian_code_wrong"):
        await enter(world, inbox, "000000" if code != "000000" else "111111")
    assert await choice(world) == ""
    await enter(world, inbox, f" {code} ")
    assert await choice(world) == "given"
    async with world.db.read() as conn:
        mine = select(consents).where(consents.c.learner_id == world.learner).order_by(consents.c.purpose)
        said = [(one.purpose, one.choice, one.guardian_id) for one in (await conn.execute(mine)).all()]
    assert said == [("face_check", "given", row.id), ("province", "refused", row.id)]
    with pytest.raises(Refused, match="no_statement"):
        await enter(world, inbox, code)


async def test_a_code_ends_by_time_and_by_guessing_and_is_not_sent_without_end(world: World, inbox) -> None:
    await state(world)
    messages = MemoryMessages()
    code = await send(world, messages)
    with pytest.raises(Refused, match="guardian_code_over"):
        await enter(world, inbox, code, NOW_MS + guardians.CODE_MS)
    with pytest.raises(Refused, match="text_too_soon"):
        await send(world, messages, NOW_MS + 59_000)
    code = await send(world, messages, NOW_MS + 60_000)
    wrong = "000000" if code != "000000" else "111111"
    for _try in range(guardians.CODE_WRONG_MAX):
        with pytest.raises(Refused, match="guardian_code_wrong"):
            await enter(world, inbox, wrong, NOW_MS + 60_000)
    with pytest.raises(Refused, match="guardian_code_over"):
        await enter(world, inbox, code, NOW_MS + 60_000)
    await send(world, messages, NOW_MS + 120_000)
    with pytest.raises(Refused, match="text_too_many"):
        await send(world, messages, NOW_MS + 180_000)
    assert await choice(world) == ""


async def test_a_text_that_nobody_took_counts_not_against_the_guardian(world: World) -> None:
    await state(world)
    messages = MemoryMessages()
    messages.gone = True
    for _try in range(guardians.CODE_SENDS_MAX + 1):
        with pytest.raises(Unavailable):
            await send(world, messages)
    messages.gone = False
    await send(world, messages)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"name": "张"}, "guardian_name"), ({"phone": "12345"}, "guardian_phone"),
        ({"relation": "friend"}, "guardian_relation"), ({"agreed": False}, "guardian_agree"),
    ],
)  # fmt: skip
async def test_a_statement_is_whole_or_it_is_none(world: World, more: dict, code: str) -> None:
    with pytest.raises(Refused, match=code):
        await state(world, **more)
    async with world.db.read() as conn:
        assert await guardians.newest(conn, world.learner) is None


async def test_the_childs_own_phone_is_no_guardians(world: World) -> None:
    async with world.db.write() as conn:
        mine = update(accounts).where(accounts.c.id == world.learner)
        await conn.execute(mine.values(phone_index=vault().index(PHONE, field="account.phone")))
    with pytest.raises(Refused, match="guardian_self"):
        await state(world, phone=PHONE)


async def decide(world: World, inbox, guardian_id: int, *, confirm: bool, note: str = "电话核实", place=None) -> None:
    place = place or world
    await guardians.decide(
        place.db, inbox, institution_id=place.institution, account_id=place.reviewer, guardian_id=guardian_id,
        confirm=confirm, note=note, now_ms=NOW_MS,
    )  # fmt: skip


@pytest.mark.parametrize("confirm", [True, False])
async def test_staff_who_asked_the_guardian_decide_once_with_a_note(
    world: World, there: World, inbox, confirm: bool
) -> None:
    await state(world)
    async with world.db.read() as conn:
        (row,) = await guardians.statements_of(conn, world.institution)
        assert await guardians.statements_of(conn, there.institution) == []
    with pytest.raises(Refused, match="not_found"):
        await decide(world, inbox, row.id, confirm=confirm, place=there)
    with pytest.raises(Refused, match="reason_short"):
        await decide(world, inbox, row.id, confirm=confirm, note="x")
    await decide(world, inbox, row.id, confirm=confirm)
    assert await choice(world) == ("given" if confirm else "refused")
    with pytest.raises(Refused, match="stale"):
        await decide(world, inbox, row.id, confirm=not confirm)
    async with world.db.read() as conn:
        mine = select(audit.c.account_id).where(audit.c.object == f"guardian:{row.id}")
        assert world.reviewer in (await conn.execute(mine)).scalars().all()


async def test_a_child_who_says_no_ends_the_statement_that_waits(world: World, inbox) -> None:
    await state(world)
    code = await send(world, MemoryMessages())
    await privacy.choose(
        world.db, vault(), inbox, institution_id=world.institution, learner_id=world.learner, choice="refused",
        notice=NOTICE, now_ms=NOW_MS,
    )  # fmt: skip
    with pytest.raises(Refused, match="no_statement"):
        await enter(world, inbox, code)
    assert await choice(world) == "refused"


async def choices(world: World) -> dict[str, tuple[str, str, int | None]]:
    async with world.db.read() as conn:
        found = {purpose: await privacy.newest(conn, world.learner, purpose) for purpose in privacy.PURPOSES}
    return {name: (one.choice, one.notice_sha256, one.guardian_id) for name, one in found.items() if one}


@pytest.mark.parametrize("by_staff", [False, True])
async def test_what_counts_is_the_text_that_the_guardian_read_each_purpose_apart(
    world: World, inbox, by_staff: bool
) -> None:
    """The page may show newer texts, or another language, when the word comes back."""
    await state(world, province=True)
    async with world.db.read() as conn:
        row = await guardians.newest(conn, world.learner)
    if by_staff:
        await decide(world, inbox, row.id, confirm=True)
    else:
        await enter(world, inbox, await send(world, MemoryMessages()))
    assert await choices(world) == {
        "face_check": ("given", NOTICE.sha256, row.id), "province": ("given", PROVINCE.sha256, row.id)
    }  # fmt: skip
    async with world.db.read() as conn:
        for text in (NOTICE, PROVINCE):
            assert (await privacy.kept_notice(conn, text.sha256)).body == text.body


async def test_filling_in_the_form_again_floods_no_phone_and_gives_no_more_guesses(
    world: World, there: World
) -> None:
    messages, now_ms = MemoryMessages(), NOW_MS
    await state(world)
    await send(world, messages, now_ms)
    await state(world, now_ms=now_ms + 1)
    with pytest.raises(Refused, match="text_too_soon"):
        await send(world, messages, now_ms + 1)
    for _more in range(guardians.DAY_SENDS_MAX - 1):
        now_ms += 120_000
        await state(world, now_ms=now_ms)
        await send(world, messages, now_ms)
    now_ms += 120_000
    await state(world, now_ms=now_ms)
    with pytest.raises(Refused, match="text_too_many"):
        await send(world, messages, now_ms)
    await state(there, now_ms=now_ms, phone=phone_of(world))
    with pytest.raises(Refused, match="text_too_many"):
        await send(there, messages, now_ms)
    assert len(messages.sent) == guardians.DAY_SENDS_MAX
    await state(there, now_ms=now_ms)
    await send(there, messages, now_ms)
    await state(world, now_ms=now_ms + guardians.DAY_MS)
    await send(world, messages, now_ms + guardians.DAY_MS)


async def test_who_turned_out_to_be_a_child_never_agreed(world: World, inbox) -> None:
    own = {"institution_id": world.institution, "learner_id": world.learner, "now_ms": NOW_MS}
    for notice, purpose in ((NOTICE, privacy.PURPOSE), (PROVINCE, privacy.PROVINCE)):
        await privacy.choose(world.db, vault(), inbox, choice="given", notice=notice, purpose=purpose, **own)
    async with world.db.write() as conn:
        await guardians.end_own_choices(conn, account_id=world.reviewer, **own)
    assert await choices(world) == {
        "face_check": ("withdrawn", NOTICE.sha256, None), "province": ("withdrawn", PROVINCE.sha256, None)
    }  # fmt: skip
    await state(world)
    await enter(world, inbox, await send(world, MemoryMessages()))
    async with world.db.write() as conn:
        await guardians.end_own_choices(conn, account_id=world.reviewer, **own)
    assert await choice(world) == "given", "what a guardian agreed to stands"


async def test_who_turned_fourteen_agrees_alone_to_the_same_text(world: World, inbox) -> None:
    await state(world)
    await enter(world, inbox, await send(world, MemoryMessages()))
    for _twice in range(2):
        await privacy.choose(
            world.db, vault(), inbox, institution_id=world.institution, learner_id=world.learner, choice="given",
            notice=NOTICE, now_ms=NOW_MS + 1,
        )  # fmt: skip
    assert (await choices(world))["face_check"] == ("given", NOTICE.sha256, None)
    async with world.db.read() as conn:
        assert len(await privacy.consent_history(conn, world.learner, privacy.PURPOSE)) == 2


async def test_a_guardians_phone_is_opened_on_purpose_and_a_phone_of_many_is_pointed_out(
    world: World, there: World, inbox
) -> None:
    await state(world)
    await guardians.state(
        world.db, vault(), institution_id=world.institution, learner_id=world.other_learner,
        statement=said(phone=phone_of(world)), notice=NOTICE, province=PROVINCE, now_ms=NOW_MS,
    )  # fmt: skip
    async with world.db.read() as conn:
        rows = await guardians.statements_of(conn, world.institution)
    assert [row.others for row in rows] == [1, 1]

    async def opened(place: World) -> str:
        return await guardians.phone_of(
            place.db, vault(), institution_id=place.institution, account_id=place.reviewer, guardian_id=rows[0].id,
            now_ms=NOW_MS,
        )  # fmt: skip

    with pytest.raises(Refused, match="not_found"):
        await opened(there)
    assert await opened(world) == phone_of(world)
    async with world.db.read() as conn:
        wanted = select(audit.c.account_id).where(
            audit.c.action == "console:guardian_phone:opened", audit.c.institution_id == world.institution
        )
        assert (await conn.execute(wanted)).scalars().all() == [world.reviewer]
    await decide(world, inbox, rows[0].id, confirm=False)
    with pytest.raises(Refused, match="not_found"):
        await opened(world)


# Looks at pictures of minors.


async def ask(world: World, who: int, reason: str = "核实一次不符") -> None:
    await access.ask(
        world.db, institution_id=world.institution, account_id=who, learner_id=world.learner, reason=reason,
        now_ms=NOW_MS,
    )  # fmt: skip


async def say(world: World, who: int, one: int, *, approve: bool = True) -> None:
    await access.decide(
        world.db, institution_id=world.institution, account_id=who, access_id=one, approve=approve, now_ms=NOW_MS
    )


async def looks(world: World, who: int, now_ms: int = NOW_MS) -> bool:
    async with world.db.read() as conn:
        return await access.allowed(conn, learner_id=world.learner, account_id=who, now_ms=now_ms)


async def newest(world: World) -> access.Asked:
    async with world.db.read() as conn:
        return (await access.requests_of(conn, world.institution))[0]


async def test_a_look_needs_another_persons_yes_for_one_person_and_one_day(world: World, there: World) -> None:
    await ask(world, world.reviewer)
    await ask(world, world.reviewer)
    one = await newest(world)
    async with world.db.read() as conn:
        assert len(await access.requests_of(conn, world.institution)) == 1, "asking twice is asking once"
        assert await access.requests_of(conn, there.institution) == []
    assert not await looks(world, world.reviewer)
    with pytest.raises(Refused, match="same_person_asks"):
        await say(world, world.reviewer, one.id)
    with pytest.raises(Refused, match="not_found"):
        await say(there, there.reviewer, one.id)
    await say(world, world.second_reviewer, one.id)
    with pytest.raises(Refused, match="stale"):
        await say(world, world.second_reviewer, one.id)
    assert await looks(world, world.reviewer) and not await looks(world, world.second_reviewer)
    day = 24 * 3_600_000
    assert await looks(world, world.reviewer, NOW_MS + day - 1)
    assert not await looks(world, world.reviewer, NOW_MS + day)
    async with world.db.read() as conn:
        mine = select(audit.c.action, audit.c.account_id).where(audit.c.institution_id == world.institution)
        done = [tuple(row) for row in (await conn.execute(mine.order_by(audit.c.id))).all()]
    assert done == [
        ("console:minor_access:asked", world.reviewer), ("console:minor_access:approved", world.second_reviewer)
    ]  # fmt: skip


async def test_a_refusal_opens_nothing_and_may_be_asked_again(world: World) -> None:
    await ask(world, world.reviewer)
    await say(world, world.second_reviewer, (await newest(world)).id, approve=False)
    assert not await looks(world, world.reviewer)
    await ask(world, world.reviewer)
    assert (await newest(world)).state == "asked"


async def test_nobody_asks_about_strangers_or_without_a_reason(world: World, there: World) -> None:
    with pytest.raises(Refused, match="reason_short"):
        await ask(world, world.reviewer, "x")
    with pytest.raises(Refused, match="reason_long"):
        await ask(world, world.reviewer, "x" * 501)
    for stranger in (there.learner, world.second_reviewer):
        with pytest.raises(Refused, match="not_found"):
            await access.ask(
                world.db, institution_id=world.institution, account_id=world.reviewer, learner_id=stranger,
                reason="x" * 9, now_ms=NOW_MS,
            )  # fmt: skip
