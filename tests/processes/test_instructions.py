"""The way back from the record half: what people decide reaches a learner who studies right now."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys

import pytest
from sqlalchemy import select
from websockets.exceptions import ConnectionClosed

from proctor.modules.reviews.tables import cases
from tests import pictures
from tests.client import Person, Study
from tests.processes.test_study import passed, play
from tests.stack import ROOT, Stack
from tests.world import PASSWORD

pytestmark = pytest.mark.processes


def proctor(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "proctor.cli", *arguments, "--data", str(stack.data)], cwd=ROOT, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip


async def case_of(stack: Stack, learner: int) -> int:
    db = stack.database()
    try:
        async with db.read() as conn:
            found = select(cases.c.id).where(cases.c.learner_id == learner)
            return (await conn.execute(found)).scalar_one()
    finally:
        await db.close()


async def reviewer(stack: Stack) -> Person:
    ((_account, login),) = await stack.people(role="reviewer")
    person = Person(stack.url)
    await person.sign_in(login, PASSWORD)
    return person


async def decide(person: Person, case: int, action: str, *, chosen: bool = False) -> None:
    """Look at the case and press a button, as the page offers it."""
    page = await person.page(f"/console/cases/{case}")
    version = re.search(r'name="version" value="(\d+)"', page)
    span = re.search(r'name="span" value="([^"]+)"', page)
    assert version and (span or not chosen), page[:3_000]
    form = {"action": action, "version": version.group(1), "reason": "两位审核员都看过画面"}
    form |= {"span": span[1]} if span and chosen else {}
    status, text = await person.post(f"/console/cases/{case}/decisions", **form)
    assert status == 200, (status, text[:500])


async def changed(study: Study, action: str) -> dict:
    """The next word about the record with this cause."""
    while True:
        ledger = await study.hear("ledger")
        if ledger["action"] == action:
            return ledger


async def unclear(stack: Stack, person: Person) -> Study:
    """Two seconds that wait for a person, and study goes on."""
    study = await passed(person)
    await play(study, 2)
    push = (await study.hear("check"))["check"]
    for _try in range(3):
        await person.upload(push, pictures.jpegs(pictures.dark_man()))
        verdict = await study.hear("verdict")
        push = verdict["next"]
    assert verdict["outcome"] == "unclear" and verdict["go_on"]
    await stack.stored(person.account, 1, waiting_ms=2_000)
    return study


async def test_a_void_by_two_people_reaches_the_learner_at_once_and_the_stretch_may_be_watched_again(strict) -> None:
    async with await strict.learner() as person, await reviewer(strict) as one, await reviewer(strict) as two:
        study = await unclear(strict, person)
        await study.beat("play")
        case = await case_of(strict, person.account)
        await decide(one, case, "propose", chosen=True)
        await asyncio.sleep(0.5)
        assert not any(frame["t"] == "ledger" and frame["action"] == "void" for frame in study.said)
        await decide(two, case, "confirm")
        ledger = await changed(study, "void")
        assert ledger["spans"] == [[0, 2_000]] and ledger["total_ms"] == 0
        assert (await strict.totals(person.account, 1)).void_ms == 2_000
        study.pos = 0
        await study.beat("seek")
        await play(study, 1)
        assert study.ack["counting"] and study.ack["total_ms"] == 1_000
        await study.leave()


async def test_a_dismissed_case_makes_what_waited_final_while_the_learner_studies(strict: Stack) -> None:
    async with await strict.learner() as person, await reviewer(strict) as one:
        study = await unclear(strict, person)
        await decide(one, await case_of(strict, person.account), "dismiss")
        ledger = await changed(study, "accept")
        assert ledger["final_ms"] == 2_000 == ledger["total_ms"]
        sums = await strict.totals(person.account, 1)
        assert (sums.final_ms, sums.waiting_ms) == (2_000, 0)
        await study.leave()


async def test_a_lesson_that_is_taken_down_earns_nothing_from_then_on_and_keeps_what_it_gave(tmp_path) -> None:
    async with Stack(tmp_path / "data") as stack, await stack.learner() as person:
        study = await passed(person)
        await play(study, 2)
        done = await asyncio.to_thread(proctor, stack, "take-down", "1")
        assert done.returncode == 0, done.stderr
        assert (await changed(study, "take_down"))["total_ms"] == 2_000
        await play(study, 1)
        assert not study.ack["counting"] and study.ack["why"] == "unfiled" and study.ack["total_ms"] == 2_000
        await study.leave()
        async with person.http.post(
            "/api/v1/lessons/1/ticket", json={"page_id": "another-page"}, headers={"X-CSRF": person.csrf}
        ) as answer:
            assert answer.status == 410 and (await answer.json())["error"]["code"] == "taken_down"
        assert proctor(stack, "take-down", "999").stderr.startswith("there is no lesson")


async def test_a_blocked_account_is_out_at_once_with_all_its_sessions_and_tokens(stack: Stack) -> None:
    async with await stack.learner() as person:
        study = await passed(person)
        await play(study, 2)
        done = await asyncio.to_thread(proctor, stack, "block", person.login)
        assert done.returncode == 0, done.stderr
        code, _reason = await study.until_closed()
        assert code == 4503 and study.said[-1]["t"] == "lost"
        with pytest.raises(ConnectionClosed) as refused:
            await study.resume()
        assert refused.value.rcvd is not None and refused.value.rcvd.code >= 4400
        async with person.http.get("/learn", allow_redirects=False) as answer:
            assert answer.status == 303 and "/login" in answer.headers["Location"]
        await person.page("/login")
        status, _text = await person.post("/login", login=person.login, password=PASSWORD)
        assert status == 403
        await stack.stored(person.account, 1, provisional_ms=2_000)
        await asyncio.to_thread(proctor, stack, "unblock", person.login)
        await person.sign_in(person.login, PASSWORD)
        assert (await person.study(1)).welcome["total_ms"] == 2_000
        assert proctor(stack, "block", "nobody-of-ours").stderr.startswith("there is no account")


async def test_signing_out_ends_the_lesson_of_that_browser_and_its_resume_token(stack: Stack) -> None:
    async with await stack.learner() as person:
        study = await passed(person)
        await play(study, 1)
        await person.page("/me")
        await person.post("/logout")
        code, _reason = await study.until_closed()
        assert code == 4402
        with pytest.raises(ConnectionClosed) as refused:
            await study.resume()
        assert refused.value.rcvd is not None and refused.value.rcvd.code == 4402


async def test_withdrawing_consent_turns_the_open_check_to_code_and_deletes_the_face(strict: Stack) -> None:
    async with await strict.learner() as person:
        study = await passed(person)
        await play(study, 2)
        push = (await study.hear("check"))["check"]
        await person.consent("withdrawn")
        by_code = (await study.hear("check"))["check"]
        assert (by_code["id"], by_code["way"], by_code["actions"]) == (push["id"], "code", [])
        status, body = await person.upload(push, pictures.jpegs(pictures.moving_man()))
        assert status == 403 and body["error"]["code"] == "no_consent"
        await study.send({"t": "sheet", "check": push["id"], "state": "declined", "why": "no_phone"})
        verdict = await study.hear("verdict")
        assert (verdict["outcome"], verdict["go_on"]) == ("unclear", True), "no code either: a person looks"
        await study.beat("play")
        await asyncio.sleep(1.01)
        assert (await study.beat("beat", 1_000))["counting"]
        await study.leave()
