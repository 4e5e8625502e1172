"""Signing in: what is counted, locked, ended, and what a stranger can find out about it."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select, update

from proctor.adapters.memory import MemoryInbox
from proctor.errors import Refused
from proctor.modules.accounts import queries, rules, service
from proctor.modules.accounts.service import Accounts
from proctor.modules.accounts.tables import accounts, login_sessions
from proctor.modules.audit.tables import audit
from proctor.modules.study.tables import instructions
from tests.modules.studies import study
from tests.world import NOW_MS, PASSWORD, World, vault

HERE = {"device_id": "d" * 32, "device_kind": "pc"}


class Door:
    """The use cases with a clock that the test turns."""

    def __init__(self, world: World, login: str) -> None:
        self.now_ms, self.world, self.login = NOW_MS, world, login
        self.accounts = Accounts(world.db, vault(), now_ms=lambda: self.now_ms)

    async def try_in(self, password: str = PASSWORD, login: str = "") -> str:
        """The cookie, or the code of the refusal."""
        try:
            return (await self.accounts.sign_in(login or self.login, password, **HERE)).cookie
        except Refused as refused:
            return refused.code


@pytest.fixture
async def door(world: World) -> Door:
    async with world.db.read() as conn:
        login = (await conn.execute(select(accounts.c.login).where(accounts.c.id == world.learner))).scalar_one()
    return Door(world, login)


def test_argon2id_is_at_the_floor_of_owasp_or_above() -> None:
    kind, version, costs = service.hash_password("a password").split("$")[1:4]
    found = dict(item.split("=") for item in costs.split(","))
    assert (kind, version) == ("argon2id", "v=19")
    assert int(found["m"]) >= 19_456 and int(found["t"]) >= 2 and int(found["p"]) >= 1
    assert service._NOBODY.split("$")[3] == costs, "a stranger's try costs the same"


async def test_a_session_opens_lives_twelve_hours_and_only_its_hash_is_stored(door: Door) -> None:
    cookie = await door.try_in()
    signed = await door.accounts.session(cookie)
    assert signed is not None and signed.account_id == door.world.learner and signed.name.startswith("测试")
    async with door.world.db.read() as conn:
        ids = (await conn.execute(select(login_sessions.c.id))).scalars().all()
    assert service.session_id(cookie) in ids and cookie not in ids
    door.now_ms += 12 * 3_600_000
    assert await door.accounts.session(cookie) is None


@pytest.mark.parametrize("written", ["{}", "  {} ", "{upper}", "\t{}\n"])
async def test_one_account_however_its_login_is_written(door: Door, written: str) -> None:
    login = written.format(door.login, upper=door.login.upper())
    assert len(await door.try_in(login=login)) > 20


@pytest.mark.parametrize("mine", [True, False])
async def test_five_wrong_passwords_lock_a_login_and_nothing_is_learned_meanwhile(door: Door, mine: bool) -> None:
    """Every spelling counts for the one account, and a login that nobody has behaves the same."""
    login = door.login if mine else "nobody-here"
    spellings = [login, login.upper(), f" {login}", login.title(), login.swapcase()]
    assert [await door.try_in("wrong", one) for one in spellings] == ["wrong_login"] * 5
    assert [await door.try_in(password, login) for password in ("wrong", PASSWORD)] == ["locked"] * 2
    door.now_ms += 600_000
    assert await door.try_in("wrong", login) == "wrong_login", "the lock is over and the count begins anew"
    assert (await door.try_in(PASSWORD, login) == "wrong_login") is not mine


async def test_a_right_password_forgets_the_wrong_ones(door: Door) -> None:
    for _round in range(2):
        for _try in range(4):
            assert await door.try_in("wrong") == "wrong_login"
        assert len(await door.try_in()) > 20


async def test_a_stranger_waits_as_long_as_an_owner_with_a_wrong_password(door: Door) -> None:
    for login in (door.login, "nobody-here"):
        started = time.monotonic()
        assert await door.try_in("wrong", login) == "wrong_login"
        assert time.monotonic() - started >= service._WRONG_S


@pytest.mark.parametrize("login", ["", " ", "a b", "王小明", "x" * 65, "../x", "' OR 1=1 --", "ａｄｍｉｎ"])
async def test_what_is_no_login_is_wrong_and_never_an_error(door: Door, login: str) -> None:
    assert await door.try_in(login=login or " ") == "wrong_login"


async def test_a_changed_account_ends_its_sessions_and_a_lock_is_an_audit_row(door: Door) -> None:
    cookie = await door.try_in()
    async with door.world.db.write() as conn:
        mine = update(accounts).where(accounts.c.id == door.world.learner)
        await conn.execute(mine.values(version=accounts.c.version + 1))
    assert await door.accounts.session(cookie) is None
    for _try in range(5):
        await door.try_in("wrong")
    async with door.world.db.read() as conn:
        found = select(audit.c.action).where(audit.c.object == f"account:{door.world.learner}")
        assert (await conn.execute(found)).scalars().all() == ["web:account:locked"]


async def test_signing_out_ends_the_session_and_the_lesson_of_this_browser(door: Door, inbox: MemoryInbox) -> None:
    """The seat of `study` is held by device "d": another browser's sign-out leaves it alone."""
    await study(door.world.db, door.world)
    first, second = await door.try_in(), await door.try_in()
    signed = await door.accounts.session(first)
    assert signed is not None
    await door.accounts.sign_out(signed.login_id, inbox)
    assert await door.accounts.session(first) is None and await door.accounts.session(second) is not None
    assert await _told(door.world) == 0
    mine = await door.accounts.sign_in(door.login, PASSWORD, device_id="d", device_kind="pc")
    for _twice in range(2):
        await door.accounts.sign_out(service.session_id(mine.cookie), inbox)
    assert await _told(door.world) == 1


async def _told(world: World) -> int:
    async with world.db.read() as conn:
        found = select(instructions.c.body).where(instructions.c.learner_id == world.learner)
        return len((await conn.execute(found)).all())


async def test_a_blocked_account_is_out_and_may_come_back(door: Door, inbox: MemoryInbox) -> None:
    cookie = await door.try_in()
    await study(door.world.db, door.world)
    change = {"login": door.login.upper(), "now_ms": NOW_MS}
    for _twice in range(2):
        await service.set_status(door.world.db, inbox, status="blocked", **change)
    assert await door.accounts.session(cookie) is None and await door.try_in() == "blocked"
    assert await door.try_in("wrong") == "wrong_login", "only the owner hears of it"
    assert await _told(door.world) == 1
    await service.set_status(door.world.db, inbox, status="active", **change)
    assert await door.accounts.session(cookie) is None, "an old session does not come back"
    assert len(await door.try_in()) > 20
    with pytest.raises(Refused, match="no_account"):
        await service.set_status(door.world.db, inbox, login="nobody", status="blocked", now_ms=NOW_MS)


@pytest.mark.parametrize(
    ("name", "masked"), [("王小明", "王**"), ("李四", "李*"), ("欧阳无名氏", "欧***"), ("王", "王*"), (" ", "")]
)
def test_names_are_masked(name: str, masked: str) -> None:
    assert rules.masked_name(name) == masked


@pytest.mark.parametrize(
    ("number", "masked"),
    [("110101299901010012", "110***********0012"), ("123456789", "*" * 9), ("1234567890", "123***7890"), ("", "")],
)
def test_numbers_are_masked(number: str, masked: str) -> None:
    assert rules.masked_id_number(number) == masked


def test_the_count_of_failures_and_its_lock() -> None:
    tries = rules.Tries(0, 0)
    for _try in range(4):
        tries = rules.after_failure(tries, 1_000, 5, 600)
    assert tries == (4, 0) and not rules.is_locked(tries, 1_000)
    tries = rules.after_failure(tries, 1_000, 5, 600)
    assert tries == (5, 1_600) and rules.is_locked(tries, 1_599) and not rules.is_locked(tries, 1_600)
    assert rules.after_failure(tries, 1_600, 5, 600) == (1, 0)


@pytest.mark.parametrize(
    ("typed", "phone"),
    [
        ("14000000001", "14000000001"), (" 140 0000-0001", "14000000001"), ("+8614000000001", "14000000001"),
        ("8614000000001", "14000000001"), ("１４００００００００１", "14000000001"), ("12800000001", None),
        ("1380000000", None), ("140000000011", None), ("", None), ("+1 3800000001", None),
    ],
)  # fmt: skip
def test_phones_have_one_form(typed: str, phone: str | None) -> None:
    assert rules.normal_phone(typed) == phone


def test_a_phone_is_shown_masked() -> None:
    assert rules.masked_phone("14000000001") == "140****0001" and rules.masked_phone("") == ""


async def test_a_wrong_number_or_phone_makes_no_account(db, world) -> None:
    for given, code in (({"id_number": "12345"}, "id_number_wrong"), ({"phone": "12"}, "phone_wrong")):
        with pytest.raises(Refused, match=code):
            async with db.write() as conn:
                await service.create_account(
                    conn, vault(), institution_id=world.institution, login="wrong-one", role="learner", name="甲",
                    password_hash="x", now_ms=NOW_MS, **given,
                )  # fmt: skip
    async with db.read() as conn:
        assert await queries.account_by_login(conn, "wrong-one") is None
