"""Checks by code: a text to the registered phone, one question, and a verdict that says how it came about."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from sqlalchemy import select, update

from proctor.core.facts import CheckWay, Outcome
from proctor.modules.accounts.tables import accounts, institutions
from proctor.modules.catalog.tables import classes
from proctor.modules.codeway import service
from proctor.modules.codeway.tables import check_codes, texts
from proctor.modules.reviews.tables import case_causes, cases
from proctor.modules.study.tables import bursts
from proctor.ports import CheckTicket
from tests.web.conftest import Site
from tests.world import vault

PHONE = "14000000001"


async def opened(site: Site, check_id: str = "k-one", try_number: int = 1, way: CheckWay = CheckWay.CODE) -> str:
    """A check by code of the learner of `here`; returns its ticket."""
    world = site.here.world
    ticket = CheckTicket(
        check_id=check_id, try_number=try_number, learner_id=world.learner, institution_id=world.institution,
        lesson_id=world.lesson, device_id="d" * 32, page_id="page-0001", nonce="n", expires_redis_ms=2**50, way=way,
    )  # fmt: skip
    await site.deps.checks.open(ticket, 60_000, "node")
    return site.deps.tickets.mint_upload(ticket)


async def registered(site: Site, phone: str = PHONE) -> None:
    async with site.deps.db.write() as conn:
        mine = update(accounts).where(accounts.c.id == site.here.world.learner)
        await conn.execute(mine.values(phone_sealed=vault().seal(phone, field="account.phone")))


async def call(site: Site, ticket: str, body: Any = None, path: str = "k-one") -> tuple[int, dict]:
    """GET without a body, else POST. Status and the answer, or its error."""
    person, headers = await site.person(), {"X-Upload-Ticket": ticket}
    path = f"/api/v1/checks/{path}/code"
    given = (
        person.http.get(path, headers=headers) if body is None else person.http.post(path, json=body, headers=headers)
    )
    async with given as answer:
        found = await answer.json()
        return answer.status, found.get("error", found)


def code_in(site: Site) -> str:
    (phone, words) = site.deps.messages.sent[-1]
    assert phone == PHONE
    found = re.search(r"\d{6}", words)
    assert found
    return found.group()


async def answers(site: Site, ticket: str, path: str = "k-one") -> dict[str, Any]:
    """What the honest learner of the first lesson would send now."""
    _status, offer = await call(site, ticket, path=path)
    right = {"您正在学习的是哪一节课？": "第 1 课", "这节课属于哪一门课程？": "课程"}[offer["question"]]
    return {"code": code_in(site), "answer": offer["choices"].index(right)}


async def test_the_code_on_the_phone_and_the_right_answer_pass_the_check(site: Site) -> None:
    await registered(site)
    ticket = await opened(site)
    status, offer = await call(site, ticket)
    assert status == 200 and offer["phone"] == "140****0001" and not offer["sent"] and offer["resend_after_s"] == 0
    assert 2 <= len(offer["choices"]) == len(set(offer["choices"])) <= 4
    assert (await call(site, ticket, {"code": "123456", "answer": 0}))[1]["code"] == "code_not_sent"
    assert (await call(site, ticket, {"send": True}))[0] == 202
    status, again = await call(site, ticket)
    assert again["sent"] and 0 < again["resend_after_s"] <= 30
    assert (again["question"], again["choices"]) == (offer["question"], offer["choices"]), "no new dice by asking"
    given = await answers(site, ticket)
    assert await call(site, ticket, given) == (202, {"accepted": True})
    verdict = await site.deps.checks.verdict("k-one", 1)
    assert verdict is not None and (verdict.outcome, verdict.model) == (Outcome.PASSED, "code")
    async with site.deps.db.read() as conn:
        row = (await conn.execute(select(bursts).where(bursts.c.check_id == "k-one"))).one()
        assert (row.outcome, row.model, row.way, row.evidence_id, row.frames) == ("passed", "code", "code", "", 0)
        log = (await conn.execute(select(texts.c.state, texts.c.check_id))).all()
        assert [tuple(one) for one in log] == [("sent", "k-one")]
        stored = (await conn.execute(select(check_codes))).one()
    assert given["code"].encode() not in stored.code_hash and stored.used_ms
    assert (await call(site, ticket, given))[1]["code"] == "judged"


async def test_a_wrong_code_or_answer_is_an_unclear_try_and_the_same_code_serves_the_next(site: Site) -> None:
    await registered(site)
    ticket = await opened(site)
    await call(site, ticket, {"send": True})
    given = await answers(site, ticket)
    wrong = f"{(int(given['code']) + 1) % 1_000_000:06d}"
    assert (await call(site, ticket, {**given, "code": wrong}))[0] == 202
    verdict = await site.deps.checks.verdict("k-one", 1)
    assert verdict is not None and (verdict.outcome, verdict.detail) == (Outcome.UNCLEAR, "code_wrong")
    second = await opened(site, try_number=2)
    given = await answers(site, second)
    assert (await call(site, second, {**given, "answer": given["answer"] ^ 1}))[0] == 202
    verdict = await site.deps.checks.verdict("k-one", 2)
    assert verdict is not None and (verdict.outcome, verdict.detail) == (Outcome.UNCLEAR, "answer_wrong")
    third = await opened(site, try_number=3)
    assert (await call(site, third, await answers(site, third)))[0] == 202
    verdict = await site.deps.checks.verdict("k-one", 3)
    assert verdict is not None and verdict.outcome is Outcome.PASSED


async def test_what_cannot_be_sent_costs_the_learner_nothing(site: Site) -> None:
    await registered(site)
    ticket = await opened(site)
    site.deps.messages.gone = True
    assert (await call(site, ticket, {"send": True}))[1]["code"] == "texts_busy"
    verdict = await site.deps.checks.verdict("k-one", 1)
    assert verdict is not None and verdict.outcome is Outcome.OUR_FAULT
    async with site.deps.db.read() as conn:
        assert (await conn.execute(select(texts.c.state))).scalars().all() == ["failed"]


async def test_without_a_phone_a_person_sees_to_it(site: Site) -> None:
    ticket = await opened(site)
    assert (await call(site, ticket))[1]["phone"] == ""
    assert (await call(site, ticket, {"send": True}))[1]["code"] == "no_phone"
    verdict = await site.deps.checks.verdict("k-one", 1)
    assert verdict is not None and (verdict.outcome, verdict.detail) == (Outcome.UNCLEAR, "no_phone")
    assert site.deps.messages.sent == []


async def test_texts_are_bounded_for_a_learner_and_for_an_institution(site: Site) -> None:
    await registered(site)
    ticket = await opened(site)
    assert (await call(site, ticket, {"send": True}))[0] == 202
    assert (await call(site, ticket, {"send": True}))[1]["code"] == "text_too_soon"
    words = service.Words(text="%(code)s", which_lesson="?", which_course="??", fillers=("甲", "乙"))
    at_ms = [2 * 10**12]
    bounds = {"texts_per_hour": 60, "texts_per_minute": 3_000}

    def way(**changes: int) -> service.CodeWay:
        deps = site.deps
        return service.CodeWay(deps.db, deps.vault, deps.messages, **{**bounds, **changes}, now_ms=lambda: at_ms[0])

    async def sent(made: service.CodeWay, check_id: str) -> str:
        try:
            await made.send(site.deps.tickets.read_upload(await opened(site, check_id)), words)
        except service.Refused as refused:
            return refused.code
        return ""

    for wanted in ("", "", "", "text_too_many"):
        assert await sent(way(), "k-two") == wanted, "three texts of one check"
        at_ms[0] += 31_000
    assert await sent(way(texts_per_hour=3), "k-three") == "text_too_many"
    at_ms[0] += 3_600_000
    assert await sent(way(texts_per_hour=3), "k-three") == ""
    assert await sent(way(texts_per_minute=1), "k-four") == "texts_busy"
    at_ms[0] += 60_001
    assert await sent(way(texts_per_minute=1), "k-four") == ""


async def test_a_ticket_of_another_way_or_check_opens_nothing(site: Site) -> None:
    await registered(site)
    routine, other = await opened(site, way=CheckWay.ROUTINE), await opened(site, "k-two")
    before = await site.dump()
    for wrong in (routine, other, "forged", "", "x" * 3_000):
        assert (await call(site, wrong))[1]["code"] == "ticket_invalid"
        assert (await call(site, wrong, {"send": True}))[1]["code"] == "ticket_invalid"
    ticket = await opened(site)
    for body in ({"code": "12345"}, {"code": "１２３"}, {"code": "abcdef"}):
        assert (await call(site, ticket, body))[1]["code"] == "code_format"
    for body in ({"answer": -1}, {"code": 5}, [], {"code": "1" * 99}):
        assert (await call(site, ticket, body))[1]["code"] == "form_wrong"
    await site.deps.checks.cancel("k-one")
    assert await site.dump() == before and site.deps.messages.sent == []


async def test_two_answers_at_once_are_one(site: Site) -> None:
    await registered(site)
    ticket = await opened(site)
    await call(site, ticket, {"send": True})
    given = await answers(site, ticket)
    other = {**given, "answer": given["answer"] ^ 1}
    found = await asyncio.gather(call(site, ticket, given), call(site, ticket, other), call(site, ticket, given))
    assert sorted(status for status, _body in found)[0] == 202
    async with site.deps.db.read() as conn:
        assert len((await conn.execute(select(bursts).where(bursts.c.check_id == "k-one"))).all()) == 1


async def test_a_lesson_with_questions_of_its_own_asks_one_of_them(site: Site) -> None:
    async with site.deps.db.write() as conn:
        await service.add_question(
            conn, lesson_id=site.here.world.lesson, question="验电之前先做什么？", choices=["停电", "合闸", "挂牌"],
            answer=0, now_ms=1,
        )  # fmt: skip
    seen = set()
    for number in range(8):
        _status, offer = await call(site, await opened(site, f"k-{number}"), path=f"k-{number}")
        assert offer["question"] == "验电之前先做什么？" and set(offer["choices"]) == {"停电", "合闸", "挂牌"}
        seen.add(tuple(offer["choices"]))
    assert len(seen) > 1, "the place of the right one says nothing"


@pytest.mark.parametrize("of_institution", [1, 0])
async def test_one_in_so_many_is_put_before_a_supervisor_once_a_lesson(site: Site, of_institution: int) -> None:
    """By the rules of the institution, or by those that its class has of its own."""
    await registered(site)
    world = site.here.world
    async with site.deps.db.write() as conn:
        mine = update(institutions).where(institutions.c.id == world.institution)
        await conn.execute(mine.values(policy=f'{{"code_spot_one_in": {of_institution}}}'))
        if not of_institution:
            theirs = update(classes).where(classes.c.institution_id == world.institution)
            await conn.execute(theirs.values(policy='{"code_spot_one_in": 1}'))
    for name in ("k-one", "k-two"):
        ticket = await opened(site, name)
        await call(site, ticket, {"send": True}, name)
        assert (await call(site, ticket, await answers(site, ticket, name), name))[0] == 202
    async with site.deps.db.read() as conn:
        found = (await conn.execute(select(cases).where(cases.c.kind == "spot"))).all()
        causes = (await conn.execute(select(case_causes).where(case_causes.c.case_id == found[0].id))).all()
    assert [(case.learner_id, case.status) for case in found] == [(world.learner, "open")]
    assert [row.cause for row in causes] == ["code:k-one", "code:k-two"]
    reviewer = await site.person("reviewer")
    assert "抽查：本人凭短信码通过核验" in await reviewer.page("/console/cases?kind=spot")
    text = await reviewer.page(f"/console/cases/{found[0].id}")
    assert text.count("请电话或现场确认是本人") == 2 and "电话抽查：本人接听，能说出所学内容。" in text
    form = {"action": "dismiss", "reason": "电话抽查：本人接听，能说出所学内容。", "version": "1"}
    assert (await reviewer.post(f"/console/cases/{found[0].id}/decisions", **form))[0] == 200
    async with site.deps.db.read() as conn:
        (closed,) = (await conn.execute(select(cases).where(cases.c.kind == "spot"))).all()
    assert (closed.status, closed.outcome) == ("closed", "dismissed"), "one person is enough to say that all is well"
