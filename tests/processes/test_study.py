"""A learner's path over real processes: honest minutes count, the rest says why it does not."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from sqlalchemy import func, select
from websockets.exceptions import ConnectionClosed

from proctor import compose
from proctor.modules.accounts.tables import accounts
from proctor.modules.privacy.tables import enrolments, evidence, face_traces
from proctor.settings import load
from tests import pictures
from tests.client import Person, Study
from tests.stack import Stack
from tests.world import PASSWORD

pytestmark = pytest.mark.processes


async def passed(person: Person, lesson: int = 1) -> Study:
    """Press play and pass the start check with a real moving face."""
    study = await person.study(lesson)
    status, _body = await person.upload(await study.asked(), pictures.jpegs(pictures.moving_man()))
    assert status == 202
    verdict = await study.hear("verdict")
    assert (verdict["outcome"], verdict["decided"], verdict["go_on"]) == ("passed", True, True)
    return study


async def play(study: Study, seconds: int) -> None:
    await study.beat("play")
    for _second in range(seconds):
        await asyncio.sleep(1.01)
        await study.beat("beat", 1_000)


async def test_an_honest_minute_counts_and_becomes_final_by_the_end_check(stack: Stack) -> None:
    async with await stack.learner() as person:
        study = await passed(person)
        await play(study, 4)
        assert study.ack["counting"] and study.ack["total_ms"] == 4_000
        await study.beat("pause")
        await study.leave()
        await stack.stored(person.account, 1, provisional_ms=4_000)
        page = await person.page("/records/lessons/1")
        assert "4 秒" in page


async def test_a_hidden_page_earns_nothing_and_the_record_says_why(stack: Stack) -> None:
    async with await stack.learner() as person:
        study = await passed(person)
        await play(study, 2)
        await asyncio.sleep(1)
        ack = await study.beat("hide", 1_000, visible=False)
        assert not ack["counting"] and ack["why"] == "hidden" and ack["total_ms"] == 2_000
        await study.leave()
        await person.page_that_says("/records/lessons/1", "页面不在前台")


async def test_a_script_that_claims_more_than_time_gets_time(stack: Stack) -> None:
    async with await stack.learner() as person:
        study = await passed(person)
        began = time.monotonic()
        await study.beat("play")
        await asyncio.sleep(1)
        ack = await study.beat("beat", 60_000)
        assert 990 <= ack["total_ms"] <= (time.monotonic() - began) * 1_000 + 1


async def test_a_replayed_beat_and_a_guessed_nonce_earn_nothing(stack: Stack) -> None:
    async with await stack.learner() as person:
        study = await passed(person)
        await study.beat("play")
        await asyncio.sleep(1)
        ack = await study.beat("beat", 1_000, nonce="00000000")
        assert ack["why"] == "stale" and ack["total_ms"] == 0


async def test_seeking_past_what_is_credited_is_refused(stack: Stack) -> None:
    async with await stack.learner() as person:
        study = await passed(person)
        await play(study, 1)
        await study.beat("seek")
        study.pos = 120_000
        await study.beat("play")
        await asyncio.sleep(1)
        ack = await study.beat("beat", 1_000)
        assert ack["why"] == "seek_ahead" and ack["total_ms"] == 1_000


async def test_an_unfiled_lesson_plays_and_says_that_it_earns_nothing(stack: Stack) -> None:
    async with await stack.learner() as person:
        study = await person.study(4)
        assert not study.welcome["earns"] and study.welcome["why"] == "unfiled" and study.welcome["check"] is None
        await study.beat("play")
        await asyncio.sleep(1)
        ack = await study.beat("beat", 1_000)
        assert ack["why"] == "unfiled" and ack["total_ms"] == 0


async def test_a_second_device_takes_the_lease_and_both_sides_are_told(stack: Stack) -> None:
    async with await stack.learner() as person, Person(stack.url, agent="Android Mobile") as phone:
        study = await passed(person)
        await play(study, 2)
        await phone.sign_in(person.login, PASSWORD)
        other = asyncio.create_task(phone.study(1))
        await study.hear("handover")
        await asyncio.sleep(0.05)
        await study.beat("pause", 0)
        await study.send({"t": "bye"})
        code, _reason = await study.until_closed()
        lost = study.said[-1]
        assert code == 4400 and lost["why"] == "taken_over" and lost["device"] == "phone"
        taken = await other
        assert taken.welcome["total_ms"] == 2_000
        # The tab that lost wakes up and tries to go on: only a press of play takes over.
        with pytest.raises(ConnectionClosed) as refused:
            await study.resume()
        assert refused.value.rcvd is not None and refused.value.rcvd.code == 4400
        back = await person.study(1)
        assert back.welcome["total_ms"] == 2_000


async def test_a_dropped_line_continues_where_it_was_and_loses_nothing(stack: Stack) -> None:
    async with await stack.learner() as person:
        study = await passed(person)
        await play(study, 2)
        await asyncio.sleep(3)
        await study.drop()
        await asyncio.sleep(2)
        welcome = await study.resume([(study.pos, study.pos + 5_000)])
        assert welcome["total_ms"] == 7_000 and welcome["settled_ms"] == 5_000


async def test_a_start_ticket_works_once_and_another_page_s_word_is_not_taken(stack: Stack) -> None:
    async with await stack.learner() as person:
        ticket = await person.ticket(1, "page-of-test")
        first = Study(ticket["ws"], "page-of-test")
        await first.start(ticket["ticket"])
        second = Study(ticket["ws"], "page-of-test")
        with pytest.raises(ConnectionClosed) as used:
            await second.start(ticket["ticket"])
        assert used.value.rcvd is not None and used.value.rcvd.code == 4006
        forged = Study(ticket["ws"], "page-of-test")
        with pytest.raises(ConnectionClosed) as wrong:
            await forged.start(ticket["ticket"][:-3] + "AAA")
        assert wrong.value.rcvd is not None and wrong.value.rcvd.code == 4006


async def test_another_person_twice_stops_the_lesson_withholds_and_opens_a_case(strict: Stack) -> None:
    async with await strict.learner() as person:
        study = await passed(person)
        await play(study, 2)
        push = (await study.hear("check"))["check"]
        for expected in ("mismatch", "mismatch"):
            await person.upload(push, pictures.jpegs(pictures.astronaut()))
            verdict = await study.hear("verdict")
            assert verdict["outcome"] == expected
            push = verdict["next"]
        code, _reason = await study.until_closed()
        assert code == 4403 and study.said[-1]["why"] == "stopped"
        await strict.stored(person.account, 1, withheld_ms=2_000, final_ms=0)
        again = await person.study(1)
        asked = await again.asked()
        # "random" when the workers were so busy that the start check had to wait for its turn.
        assert again.welcome["total_ms"] == 0 and asked["kind"] in ("start", "random")


@pytest.mark.parametrize(
    ("frames", "detail"),
    [(pictures.two_people, "many_faces"), (pictures.empty_room, "no_face"), (pictures.dark_man, "dark")],
)
async def test_what_cannot_be_seen_is_unclear_after_its_tries_and_waits_for_a_person(strict, frames, detail) -> None:
    async with await strict.learner() as person:
        study = await passed(person)
        await play(study, 2)
        push = (await study.hear("check"))["check"]
        for left in (3, 2, 1):
            assert push["tries_left"] == left
            await person.upload(push, pictures.jpegs(frames()))
            verdict = await study.hear("verdict")
            assert (verdict["outcome"], verdict["detail"]) == ("unclear", detail)
            push = verdict["next"]
        assert verdict["decided"] and verdict["go_on"]
        await strict.stored(person.account, 1, waiting_ms=2_000)
        await play(study, 1)
        assert study.ack["counting"]


async def test_an_unanswered_check_withholds_and_a_taken_one_goes_on(strict: Stack) -> None:
    async with await strict.learner() as person:
        study = await passed(person)
        await play(study, 2)
        await study.hear("check")
        verdict = await study.hear("verdict")
        assert (verdict["outcome"], verdict["go_on"]) == ("missed", False)
        ack = await study.beat("beat", 1_000)
        # What was played until the check was asked is earned, a blink of an eye after the beat before; nothing since.
        assert ack["why"] == "check_open" and ack["total_ms"] < 1_000
        await study.send({"t": "sheet", "check": "", "state": "open"})
        push = (await study.hear("check"))["check"]
        # Other pictures than those of the start check: what was shown before is found again.
        await person.upload(push, pictures.jpegs(pictures.moving_man()[60:]))
        verdict = await study.hear("verdict")
        assert verdict["outcome"] == "passed" and verdict["go_on"]
        await strict.stored(person.account, 1, withheld_ms=2_000)


async def test_the_same_upload_again_is_fine_other_pictures_are_refused(strict: Stack) -> None:
    async with await strict.learner() as person:
        study = await person.study(1)
        push, frames = await study.asked(), pictures.jpegs(pictures.moving_man())
        assert (await person.upload(push, frames))[0] == 202
        again, body = await person.upload(push, frames)
        assert again in (202, 409) and (again == 202 or body["error"]["code"] == "judged")
        status, body = await person.upload(push, pictures.jpegs(pictures.astronaut()))
        assert status == 409 and body["error"]["code"] in ("other_bytes", "judged")


async def test_a_lesson_is_studied_with_no_face_data_at_all(stack: Stack) -> None:
    """Refused, and equal: a code to the phone and a question, final hours, and the record says how."""
    async with await stack.learner(consent="refused") as person:
        db, keys = stack.database(), compose.vault_of(load({}, data=str(stack.data)))
        async with db.write() as conn:
            mine = accounts.update().where(accounts.c.id == person.account)
            await conn.execute(mine.values(phone_sealed=keys.seal("14000000077", field="account.phone")))
        study = await person.study(1)
        check = await study.asked()
        assert check["way"] == "code" and check["upload"].endswith("/code")
        assert (await person.by_code(check, send=True))[0] == 202
        async with person.http.get(check["upload"], headers={"X-Upload-Ticket": check["ticket"]}) as answer:
            offer = await answer.json()
        assert offer["sent"] and offer["phone"] == "140****0077"
        log = await asyncio.to_thread((stack.data / "outbox" / "texts.log").read_text, "utf-8")
        code = re.findall(r"140\*{4}0077 .*?(\d{6})", log)[-1]
        right = {"您正在学习的是哪一节课？": "职业道德入门"}.get(offer["question"], "职业道德与劳动法基础")
        assert (await person.by_code(check, code=code, answer=offer["choices"].index(right)))[0] == 202
        verdict = await study.hear("verdict")
        assert (verdict["outcome"], verdict["decided"], verdict["go_on"]) == ("passed", True, True)
        await play(study, 2)
        await study.beat("pause")
        await study.leave()
        await stack.stored(person.account, 1, provisional_ms=2_000)
        await person.page_that_says("/records/lessons/1", "开始核验（短信码）")
        async with db.read() as conn:
            for table in (enrolments, evidence, face_traces):
                mine = select(func.count()).select_from(table).where(table.c.learner_id == person.account)
                assert (await conn.execute(mine)).scalar_one() == 0, table.name
        await db.close()


async def test_who_refused_face_checks_and_has_no_phone_goes_on_and_a_person_looks(stack: Stack) -> None:
    async with await stack.learner(consent="refused") as person:
        study = await person.study(1)
        push = await study.asked()
        assert push["way"] == "code" and not study.welcome["face"]
        assert (await person.by_code(push, send=True))[1]["error"]["code"] == "no_phone"
        verdict = await study.hear("verdict")
        assert (verdict["outcome"], verdict["detail"], verdict["go_on"]) == ("unclear", "no_phone", True)
        await play(study, 2)
        assert study.ack["counting"]
        await study.leave()
        async with asyncio.timeout(10):
            while (sums := await stack.totals(person.account, 1)).provisional_ms + sums.waiting_ms != 2_000:
                await asyncio.sleep(0.1)


async def test_where_the_first_device_keeps_the_seat_the_second_is_told_so(tmp_path) -> None:
    async with (
        Stack(tmp_path / "first", gateways=2, policy={"second_device": "first"}) as stack,
        await stack.learner() as person,
        Person(stack.url) as phone,
    ):
        study = await passed(person)
        await play(study, 1)
        await phone.sign_in(person.login, PASSWORD)
        with pytest.raises(ConnectionClosed) as kept:
            await phone.study(1)
        assert kept.value.rcvd is not None and kept.value.rcvd.code == 4401
        await play(study, 1)
        assert study.ack["counting"]
