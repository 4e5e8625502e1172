"""Who came first must not win: what a first capture may do, what its rejection leaves, what the desk never skips."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, update

from proctor.adapters.sql_records import SqlRecords
from proctor.core.facts import Outcome
from proctor.core.inputs import Verdict
from proctor.demo import number_of_nobody
from proctor.errors import Unavailable
from proctor.faces import enrolling
from proctor.faces.enrolling import Desk, Measured
from proctor.faces.records import Judged
from proctor.modules.accounts.tables import accounts
from proctor.modules.identity.rules import Quality, gives_way
from proctor.modules.identity.tables import duplicate_flags, enrolment_history
from proctor.modules.privacy.erasing import ask_erasure
from proctor.modules.privacy.tables import enrolments, evidence
from proctor.modules.reviews.service import Decision, Reviews
from proctor.modules.reviews.tables import case_causes, cases
from proctor.ports import FaceJob, OpenSeat, SeatOpened
from tests.modules.studies import Study, study
from tests.modules.test_identity import JPEG, Knows, Office, face, office
from tests.world import NOW_MS, people, vault

__all__ = ["office"]


async def due(office: Office) -> set[str]:
    """Pictures of the learner that the next sweep deletes."""
    soon = evidence.c.delete_after_ms < evidence.c.created_ms + 86_400_000
    mine = (evidence.c.learner_id == office.world.learner, soon)
    async with office.world.db.read() as conn:
        return set((await conn.execute(select(evidence.c.id).where(*mine))).scalars())


async def flags(office: Office) -> list:
    async with office.world.db.read() as conn:
        mine = duplicate_flags.c.institution_id == office.world.institution
        return list((await conn.execute(select(duplicate_flags).where(mine))).all())


async def withdraw(office: Office) -> None:
    world = office.world
    await office.agree(world.learner, choice="withdrawn")
    async with world.db.write() as conn:
        await ask_erasure(
            conn, institution_id=world.institution, learner_id=world.learner, why="withdrawn", asked_by=world.learner,
            now_ms=NOW_MS,
        )  # fmt: skip


def job_of(office: Office, check_id: str) -> FaceJob:
    return FaceJob(
        check_id=check_id, try_number=1, learner_id=office.world.learner, institution_id=office.world.institution,
        lesson_id=office.world.lesson, evidence_id="", enrol=True, source="camera", accepted_redis_ms=1,
    )  # fmt: skip


async def test_who_sits_there_first_does_not_throw_out_the_real_photo(office: Office, monkeypatch) -> None:
    """Staff had handed in the ID photo; the first check of somebody else replaced it and let the picture go."""
    number = await office.submit()
    await office.look(monkeypatch, [face(1)])
    await office.capture(office.world.learner, face(2))
    real = await office.row(number)
    assert real.state == "pending" and real.template_sealed is not None and await due(office) == set()
    assert (await office.used()).source == "first_capture", "checks go on meanwhile"
    await office.decide(number, "approve")
    assert (await office.used()).evidence_id == real.evidence_id
    template = await office.faces.template(office.world.learner, "m")
    assert template is not None and float(template @ face(1)) > 0.999
    states = [row.state for row in await story(office)]
    assert states == ["approved", "replaced"]


async def story(office: Office) -> list:
    async with office.world.db.read() as conn:
        mine = select(enrolment_history).where(enrolment_history.c.learner_id == office.world.learner)
        return list((await conn.execute(mine.order_by(enrolment_history.c.id))).all())


async def test_a_learner_throws_out_no_photo_that_staff_handed_in(office: Office) -> None:
    learner = office.world.learner
    staff = await office.submit()
    first = await office.submit(photo=JPEG + b"1", by=learner)
    second = await office.submit(photo=JPEG + b"2", by=learner)
    assert [(await office.row(one)).state for one in (staff, first, second)] == ["received", "replaced", "received"]
    await office.submit(photo=JPEG + b"3")
    assert [(await office.row(one)).state for one in (staff, second)] == ["replaced", "replaced"]


def test_an_unusable_photo_of_staff_makes_room_for_the_learners() -> None:
    assert gives_way("unusable", of_staff=True, source="capture", by_staff=False)
    assert not gives_way("pending", of_staff=True, source="id_photo", by_staff=False)
    assert not gives_way("pending", of_staff=False, source="first_capture", by_staff=False)


async def test_what_a_rejected_photo_settled_comes_before_people_who_can_void_it(office: Office, inbox) -> None:
    world, db = office.world, office.world.db
    check = f"c{world.learner}-1"
    job = job_of(office, check)
    assert await office.faces.enrol(job, face(1), "m", JPEG)
    passed = Verdict(check_id=check, try_number=1, outcome=Outcome.PASSED, model="m")
    await office.faces.judged([Judged(job=job, verdict=passed)])
    await study(db, world)
    (row,) = await story(office)
    await office.decide(row.id, "reject", "画面上不是本人。")
    async with db.read() as conn:
        mine = select(cases).where(cases.c.learner_id == world.learner, cases.c.kind == "photo")
        (case,) = (await conn.execute(mine)).all()
        causes = select(case_causes.c.cause).where(case_causes.c.case_id == case.id)
        assert (case.status, (await conn.execute(causes)).scalars().all()) == ("open", [f"check:{check}"])
    reviews, words = Reviews(db, inbox), "核验所比对的照片不是本人。"
    for account, action, spans in (
        (world.reviewer, "propose", Study.final), (world.second_reviewer, "confirm", ()),
    ):  # fmt: skip
        asked = Decision(case_id=case.id, action=action, reason=words, version=case.version, spans=spans)
        result = await reviews.decide(institution_id=world.institution, account_id=account, decision=asked)
        assert result.done
        async with db.read() as conn:
            (case,) = (await conn.execute(mine)).all()
    assert (result.outcome, result.voided_ms) == ("upheld", 6_000)


async def test_after_a_rejected_photo_no_check_enrols_by_itself_until_a_person_approves_one(
    office: Office, monkeypatch
) -> None:
    world = office.world
    await office.capture(world.learner, face(1))
    await office.look(monkeypatch, [face(1)])
    (row,) = await story(office)
    await office.decide(row.id, "reject", "画面上不是本人。")
    assert not await office.faces.enrol(job_of(office, "c2"), face(1), "m", JPEG)
    assert await office.used() is None and len(await story(office)) == 1
    request = OpenSeat(
        learner_id=world.learner, lesson_id=world.lesson, fence=1, node="n", device_id="d", page_id="p",
        resumed=False, snapshot=None, login_id="", account_version=1, at_ms=NOW_MS, at_redis_ms=NOW_MS,
    )  # fmt: skip
    (opened,) = await SqlRecords(world.db).open_seats([request])
    assert isinstance(opened, SeatOpened) and opened.enrolled, "the page does not promise to enrol"
    number = await office.submit()
    await office.look(monkeypatch, [face(2)])
    await office.decide(number, "approve")
    assert (await office.used()).evidence_id == (await office.row(number)).evidence_id


async def test_a_photo_rejected_before_it_was_in_use_bars_nothing(office: Office, monkeypatch) -> None:
    number = await office.submit()
    await office.look(monkeypatch, [face(1)])
    await office.decide(number, "reject", "照片不清楚。")
    await office.capture(office.world.learner, face(2))
    assert (await office.used()).source == "first_capture"


async def test_two_new_accounts_of_one_face_are_compared_before_either_is_in_use(office: Office, monkeypatch) -> None:
    """Photos of a whole class were handed in at once: none was in use yet, so none was compared with another."""
    world = office.world
    (other, _login) = (await people(world.db, world.institution, vault(), 1))[0]
    await office.agree(other)
    await office.submit()
    await office.submit(other)
    await office.look(monkeypatch, [face(1), face(2, face(1), 0.8)])
    (flag,) = await flags(office)
    assert {flag.learner_id, flag.other_id} == {world.learner, other} and round(flag.score, 2) == 0.8


async def test_of_two_desks_at_one_moment_one_meets_the_others_photo(office: Office) -> None:
    world, records = office.world, office.records
    (other, _login) = (await people(world.db, world.institution, vault(), 1))[0]
    await office.agree(other)
    await office.submit()
    await office.submit(other)
    taken = [await records.waiting(), await records.waiting()]
    for waiting in taken:
        assert waiting is not None
        assert await records.looked(waiting, Measured(problem="", quality=Quality(), template=face(1)), "m")
    new = await asyncio.gather(*(records.flag_alike(one, face(1), "m") for one in taken if one is not None))
    assert sum(new) == 1 and len(await flags(office)) == 1


async def test_a_desk_that_dies_before_the_search_leaves_search_and_authority_to_the_next(
    office: Office, monkeypatch
) -> None:
    world, authority = office.world, Knows("same")
    async with world.db.write() as conn:
        sealed = vault().seal(number_of_nobody(1), field="account.id_number")
        mine = update(accounts).where(accounts.c.id == world.learner)
        await conn.execute(mine.values(id_number_sealed=sealed))
    await office.agree(world.learner, "province")
    number = await office.submit()

    async def dies(*_args: object) -> int:
        raise Unavailable("sql")

    with monkeypatch.context() as broken:
        broken.setattr(office.records, "flag_alike", dies)
        with pytest.raises(Unavailable):
            await office.look(monkeypatch, [face(1)], authority)
    assert (await office.row(number)).state == "received" and authority.asked == []
    office.now[0] += 60_001
    await office.look(monkeypatch, [face(1)], authority)
    assert (await office.row(number)).state == "approved" and len(authority.asked) == 1


async def test_nothing_of_a_face_is_stored_or_passed_on_after_a_withdrawal(office: Office, monkeypatch) -> None:
    """It comes while the photo is being measured."""
    world, authority = office.world, Knows("same")
    (other, _login) = (await people(world.db, world.institution, vault(), 1))[0]
    await office.agree(other)
    await office.capture(other, face(1))
    await office.look(monkeypatch, [face(9)])
    await office.agree(world.learner, "province")
    number = await office.submit()
    plain = office.blobs.get

    async def meanwhile(evidence_id: str) -> bytes:
        photo = await plain(evidence_id)
        await withdraw(office)
        return photo

    monkeypatch.setattr(office.blobs, "get", meanwhile)
    await office.look(monkeypatch, [face(1)], authority)
    row = await office.row(number)
    assert (row.state, row.quality, row.model, row.template_sealed) == ("withdrawn", "{}", "", None)
    assert await flags(office) == [] and authority.asked == []


async def test_every_step_of_the_desk_notices_that_the_photo_is_gone(office: Office) -> None:
    world, records = office.world, office.records
    async with world.db.write() as conn:
        sealed = vault().seal(number_of_nobody(1), field="account.id_number")
        mine = update(accounts).where(accounts.c.id == world.learner)
        await conn.execute(mine.values(id_number_sealed=sealed))
    (other, _login) = (await people(world.db, world.institution, vault(), 1))[0]
    await office.agree(other)
    await office.capture(other, face(1))
    await records.waiting()
    number = await office.submit()
    waiting = await records.waiting()
    assert waiting is not None and await records.claimed(waiting, passes_on=False) is not None
    await withdraw(office)
    assert not await records.looked(waiting, Measured(problem="", quality=Quality(), template=face(1)), "m")
    assert await records.flag_alike(waiting, face(1), "m") == 0 and await flags(office) == []
    assert await records.claimed(waiting, passes_on=False) is None
    await records.answered(waiting, "same", "id.example.cn")
    await records.done(waiting)
    row = await office.row(number)
    assert (row.state, row.authority) == ("withdrawn", "")


async def test_a_photo_that_breaks_its_reader_is_put_before_people_and_the_next_is_looked_at(
    office: Office, monkeypatch
) -> None:
    world = office.world
    others = [account for account, _login in await people(world.db, world.institution, vault(), 2)]
    numbers = []
    for learner in (world.learner, *others):
        await office.agree(learner)
        numbers.append(await office.submit(learner))
    path = office.blobs._path((await office.row(numbers[0])).evidence_id)
    path.write_bytes(path.read_bytes()[:-1] + b"x")  # altered: it does not open
    found = iter([RuntimeError("of the engine"), Measured(problem="", quality=Quality(), template=face(3))])

    def measured(_models, _photo: bytes) -> Measured:
        one = next(found)
        if isinstance(one, Exception):
            raise one
        return one

    class Model:
        name, own = "m", None

    monkeypatch.setattr(enrolling, "measure", measured)
    desk = Desk(records=office.records, evidence=office.blobs, authority=Knows("same"), models=lambda: Model())
    while await desk.one():
        pass
    rows = [await office.row(number) for number in numbers]
    assert [(row.state, row.problem) for row in rows] == [
        ("unusable", "unreadable"), ("unusable", "model_error"), ("pending", ""),
    ]  # fmt: skip


async def test_a_damaged_template_ends_no_search(office: Office, monkeypatch) -> None:
    world = office.world
    others = [account for account, _login in await people(world.db, world.institution, vault(), 3)]
    for account in others:
        await office.agree(account)
        await office.capture(account, face(1))
    await office.look(monkeypatch, [face(50 + n) for n in range(3)])
    async with world.db.write() as conn:
        async def damage(learner: int, sealed: bytes) -> None:
            mine = update(enrolments).where(enrolments.c.learner_id == learner)
            await conn.execute(mine.values(template_sealed=sealed))

        row = (await conn.execute(select(enrolments).where(enrolments.c.learner_id == others[1]))).one()
        await damage(others[0], b"no seal of ours")
        await damage(others[1], bytes(row.template_sealed)[:-1] + b"x")
    await office.submit()
    await office.look(monkeypatch, [face(1)])
    (flag,) = await flags(office)
    assert {flag.learner_id, flag.other_id} == {world.learner, others[2]}


async def test_the_template_of_an_old_photo_is_not_given_to_one_approved_meanwhile(office, monkeypatch) -> None:
    """A worker made the template of the photo in use while a person approved another."""
    world = office.world
    await office.capture(world.learner, face(1))
    old, _photo = await office.faces.photo(world.learner)
    number = await office.submit()
    await office.look(monkeypatch, [face(1), face(2)])
    await office.decide(number, "approve")
    await office.faces.set_template(world.learner, old, face(1), "m")
    template = await office.faces.template(world.learner, "m")
    assert float(template @ face(2)) > 0.999
    await office.faces.set_template(world.learner, (await office.used()).evidence_id, face(3), "m2")
    assert await office.faces.template(world.learner, "m2") is not None
