"""Reviewers: the own institution only, worst first, two named people, a reason, no error page for a race."""

from __future__ import annotations

import re

import msgspec
import pytest
from sqlalchemy import select, update

from proctor.core.facts import Outcome
from proctor.core.snapshot import decode_snapshot, encode_snapshot
from proctor.modules.reviews.tables import cases
from proctor.modules.study import queries as study_queries
from proctor.modules.study.tables import seats
from tests.client import Person
from tests.modules.studies import study
from tests.web.conftest import Site
from tests.world import PASSWORD

REASON = "光线不足，看不清是否本人。"


async def second(site: Site) -> Person:
    person = await site.person()
    await person.sign_in(site.here.logins["second_reviewer"], PASSWORD)
    return person


async def decide(person: Person, case: int, action: str, reason: str = REASON, **more: str) -> tuple[int, str]:
    """Send the form of the case's page as it stands, as a browser would."""
    text = await person.page(f"/console/cases/{case}")
    found = re.search(r'name="version" value="(\d+)"', text)
    form = {"version": found.group(1) if found else "0", "action": action, "reason": reason, **more}
    return await person.post(f"/console/cases/{case}/decisions", **form)


async def waiting_ms(site: Site) -> tuple[int, int, int]:
    """Final, waiting and void milliseconds of the learner of `here`."""
    async with site.deps.db.read() as conn:
        world = site.here.world
        totals = (await study_queries.lesson_record(conn, world.learner, world.lesson)).totals
    return totals.final_ms, totals.waiting_ms, totals.void_ms


async def test_a_case_shows_all_that_a_decision_needs(site: Site) -> None:
    person = await site.person("reviewer")
    text = await person.page(f"/console/cases/{site.here.study.case}")
    for words in ("光线太暗", "00:06–00:10", "待人工", "设备", "核验照片", "没有线索", "途中核验", "测**"):
        assert words in text, words
    assert text.count("测试0") == 1, "the reviewer's own name in the rail; the learner's is masked"
    assert 'value="6000-10000" checked' in text and 'value="0-6000" >' in text, "only this case's part is chosen"


async def test_what_is_being_studied_at_this_moment_cannot_be_chosen(site: Site) -> None:
    """It is shown, but the ledger does not have it yet: choosing it was refused, and with it the whole proposal."""
    case, learner = site.here.study.case, site.here.world.learner
    async with site.deps.db.write() as conn:
        state = (await conn.execute(select(seats.c.state).where(seats.c.learner_id == learner))).scalar_one()
        now = msgspec.structs.replace(
            decode_snapshot(bytes(state)), lesson_id=site.here.world.lesson, stretch=9, open_spans=((10_000, 12_000),)
        )
        await conn.execute(update(seats).where(seats.c.learner_id == learner).values(state=encode_snapshot(now)))
    person = await site.person("reviewer")
    text = await person.page(f"/console/cases/{case}")
    assert "00:10–00:12" in text and 'value="10000-12000"' not in text
    assert 'value="6000-10000" checked' in text


async def test_one_proposes_another_confirms_and_exactly_that_is_void(site: Site) -> None:
    one, two, case = await site.person("reviewer"), await second(site), site.here.study.case
    status, text = await decide(one, case, "propose", span="6000-10000")
    assert status == 200 and "建议已提交" in text and "需要另一位审核员" in text
    assert 'value="confirm"' not in text, "who proposed has no button to confirm"
    assert await waiting_ms(site) == (6_000, 4_000, 0)
    status, text = await decide(one, case, "confirm")
    assert status == 422 and "不能自己确认" in text
    status, text = await decide(two, case, "withdraw", "")
    assert status == 422 and "只有提出建议的人可以撤回" in text
    assert await waiting_ms(site) == (6_000, 4_000, 0)
    status, text = await decide(two, case, "confirm", "复核属实，确认核减。")
    assert status == 200 and "已核减" in text and "已经办结" in text
    assert await waiting_ms(site) == (6_000, 0, 4_000)
    learner = await site.person("learner")
    record = await learner.page("/records/lessons/1")
    assert "已核减" in record and "复核属实" in record
    audit = await (await site.person("administrator")).page("/console/audit")
    assert audit.count(f"case:{case}") == 2 and "建议核减" in audit and "确认核减" in audit


async def test_a_dismissed_case_counts_and_the_next_one_is_a_press_away(site: Site) -> None:
    one, world = await site.person("reviewer"), site.here.world
    other = await study(site.deps.db, world, world.other_learner, Outcome.MISMATCH)
    status, text = await decide(one, other.case, "dismiss")
    assert status == 200 and "学时恢复有效" in text
    notice = text.split('class="panel notice-done"')[1].split("</div>")[0]
    assert f'href="/console/cases/{site.here.study.case}"' in notice


async def test_the_later_of_two_sees_what_the_other_decided_and_keeps_the_own_words(site: Site) -> None:
    one, two, case = await site.person("reviewer"), await second(site), site.here.study.case
    stale = re.search(r'name="version" value="(\d+)"', await two.page(f"/console/cases/{case}"))
    assert stale
    await decide(one, case, "propose", "照片与实名登记照片不是同一人。", span="6000-10000")
    form = {"version": stale.group(1), "action": "dismiss", "reason": "我看是本人没有问题。"}
    status, text = await two.post(f"/console/cases/{case}/decisions", **form)
    assert status == 409 and "另一位审核员刚刚处理了" in text
    assert "照片与实名登记照片不是同一人" in text and "我看是本人没有问题" in text
    assert await waiting_ms(site) == (6_000, 4_000, 0)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"reason": ""}, "请写明理由"), ({"reason": "短"}, "至少 4 个字"), ({"reason": "长" * 501}, "500 个字以内"),
        ({"span": ""}, "请先选择要核减的时段"), ({"span": "1-x"}, "请先选择|时段不属于"),
        ({"span": "0-99999999"}, "时段不属于"), ({"action": "drop"}, "不能这样处理"),
        ({"action": "confirm"}, "不能这样处理"),
    ],
)  # fmt: skip
async def test_a_decision_that_cannot_be_says_why_and_changes_nothing(
    site: Site, form: dict[str, str], said: str
) -> None:
    person, case = await site.person("reviewer"), site.here.study.case
    before = await site.dump()
    asked = {"action": "propose", "reason": REASON, "span": "6000-10000", **form}
    status, text = await decide(person, case, asked.pop("action"), asked.pop("reason"), **asked)
    assert status == 422 and re.search(said, text), text[:2_000]
    assert await site.dump() == before


async def test_the_queue_puts_the_worst_first_and_a_waiting_colleague_before_all(site: Site) -> None:
    one, world = await site.person("reviewer"), site.here.world
    worse = await study(site.deps.db, world, world.other_learner, Outcome.MISMATCH)
    mild = site.here.study.case

    async def order() -> list[int]:
        text = await one.page("/console/cases")
        return [int(found) for found in re.findall(r'<td><a href="/console/cases/(\d+)"', text)]

    assert await order() == [worse.case, mild]
    assert "与实名照片不符" in await one.page("/console/cases?kind=mismatch")
    await decide(one, mild, "propose", span="6000-10000")
    assert await order() == [mild, worse.case]


async def test_nothing_of_another_institution_is_seen_or_decided(site: Site) -> None:
    foreign = site.there.study.case
    for role in ("reviewer", "administrator"):
        person = await site.person(role)
        before = await site.dump()
        for path in ("/console/cases", "/console/cases?closed=1", "/console/cases?kind=unclear&page=0"):
            assert f"/console/cases/{foreign}" not in await person.page(path)
        assert "不属于您的机构" in await person.page(f"/console/cases/{foreign}", 404)
        for action in ("propose", "dismiss", "confirm", "withdraw"):
            form = {"version": "1", "action": action, "reason": REASON, "span": "6000-10000"}
            status, _text = await person.post(f"/console/cases/{foreign}/decisions", **form)
            assert status == 404
        assert await site.dump() == before


async def test_pages_of_the_queue_and_what_nobody_would_type(site: Site) -> None:
    person = await site.person("reviewer")
    for query in ("page=1", "page=-1", "page=x", "page=99999999999999", "kind=nothing", "closed=2", "page=1000"):
        assert "<h1>待核实</h1>" in await person.page(f"/console/cases?{query}")
    async with site.deps.db.write() as conn:
        await conn.execute(update(cases).values(status="closed", outcome="dismissed"))
    assert "现在没有要处理的" in await person.page("/console/cases")
    assert "不成立" in await person.page("/console/cases?closed=1")


@pytest.mark.parametrize(
    ("role", "rooms"),
    [
        ("reviewer", ["/console/cases", "/console/enrolments", "/console/privacy/minors"]),
        ("administrator", ["/console/cases", "/console/enrolments", "/console/privacy", "/console/audit"]),
    ],
)
async def test_the_rail_shows_only_rooms_that_this_person_may_enter(site: Site, role: str, rooms: list[str]) -> None:
    person = await site.person(role)
    text = await person.page("/console")
    assert re.findall(r'class="room" href="([^"]+)"', text) == rooms
    for room in rooms:
        assert 'aria-current="page"' in await person.page(room)
