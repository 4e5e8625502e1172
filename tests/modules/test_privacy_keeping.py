"""Keeping and forgetting by clock travel: decided, on duty, appealed, withdrawn, enrolment over; and the proof."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from proctor.adapters.evidence_files import FileEvidence
from proctor.adapters.face_keys import SqlFaceKeys
from proctor.adapters.signer import Ed25519Signer, verifies
from proctor.errors import Refused
from proctor.modules.audit.tables import audit
from proctor.modules.catalog.tables import classes
from proctor.modules.privacy import erasing, retaining
from proctor.modules.privacy import service as privacy
from proctor.modules.privacy.clocks import DAY_MS, DUTY_DAYS_MAX, Times
from proctor.modules.privacy.tables import enrolments, erasures, evidence, face_keys, face_traces
from proctor.modules.reviews.tables import case_causes, cases
from proctor.retention import Sweeper
from tests.modules.conftest import sql_url
from tests.modules.studies import study
from tests.modules.test_privacy import choose
from tests.world import NOW_MS, World, vault

__all__ = ["sql_url"]
KEEP_MS = 3_600_000
SIGNER = Ed25519Signer(b"s" * 32)
PHOTO, FRAMES = b"\xff\xd8 the enrolled photo", b"\xff\xd8 frames of a check"


class House:
    """One learner's face in real files, and the timer with a clock in our hand."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.keys = SqlFaceKeys(world.db, vault())
        self.files = FileEvidence(folder, self.keys)
        times = Times(keep_ms=KEEP_MS, case_ms=730 * DAY_MS, trace_ms=180 * DAY_MS)
        self.sweeper = Sweeper(world.db, self.files, vault(), SIGNER, times)

    async def picture(self, kind: str = "burst", data: bytes = FRAMES, *, keep_ms: int = KEEP_MS) -> str:
        world = self.world
        one = await self.files.put(data, kind=kind, institution_id=world.institution, learner_id=world.learner)
        async with world.db.write() as conn:
            await privacy.register_evidence(
                conn, evidence_id=one, institution_id=world.institution, learner_id=world.learner, kind=kind,
                check_id="", sha256=hashlib.sha256(data).hexdigest(), now_ms=NOW_MS,
                delete_after_ms=NOW_MS + keep_ms,
            )  # fmt: skip
        return one

    async def enrol(self) -> str:
        photo = await self.picture("enrolment", PHOTO, keep_ms=3 * 365 * DAY_MS)
        key = await self.keys.sealing(learner_id=self.world.learner, kind="enrolment")
        async with self.world.db.write() as conn:
            row = {
                "learner_id": self.world.learner, "model": "m", "template_sealed": key.seal(b"template", "t"),
                "evidence_id": photo, "source": "first_capture", "created_ms": NOW_MS,
            }  # fmt: skip
            await conn.execute(insert(enrolments).values(**row))
            trace = {
                "learner_id": self.world.learner, "check_id": photo, "try_number": 1, "model": "m", "at_ms": NOW_MS,
                "sealed": key.seal(b"trace", "t"),
            }  # fmt: skip
            await conn.execute(insert(face_traces).values(**trace))
        return photo

    async def rows(self, *ids: str) -> dict[str, str]:
        """Why each picture is gone; "" while it is there."""
        async with self.world.db.read() as conn:
            found = select(evidence.c.id, evidence.c.deleted_why).where(evidence.c.id.in_(ids))
            return {one: why for one, why in (await conn.execute(found)).all()}

    async def certificates(self) -> list[dict]:
        """Bodies of this learner's certificates, oldest first, each verified."""
        found = []
        async with self.world.db.read() as conn:
            mine = erasures.c.learner_id == self.world.learner
            for one in (await conn.execute(select(erasures.c.id).where(mine).order_by(erasures.c.id))).scalars():
                made = await erasing.certificate(conn, institution_id=self.world.institution, erasure_id=one)
                assert made is not None and verifies(made.public_key, made.body.encode(), made.signature)
                assert hashlib.sha256(made.body.encode()).hexdigest() == made.sha256
                assert not verifies(made.public_key, made.body.replace("2", "3").encode(), made.signature)
                found.append(json.loads(made.body))
        return found

    async def hold(self, one: str, check: str) -> None:
        async with self.world.db.write() as conn:
            await conn.execute(update(evidence).where(evidence.c.id == one).values(held=True, check_id=check))

    async def close_case(self, case: int, at_ms: int) -> None:
        async with self.world.db.write() as conn:
            mine = update(cases).where(cases.c.id == case)
            await conn.execute(mine.values(status="closed", outcome="dismissed", updated_ms=at_ms))


@pytest.fixture
def house(world: World, tmp_path: Path) -> House:
    return House(world, tmp_path / "evidence")


async def test_a_decided_picture_goes_at_once_and_any_other_within_the_hour(house: House) -> None:
    decided, waits = await house.picture(keep_ms=1_000), await house.picture()
    await house.sweeper.sweep(NOW_MS + 1_000)
    assert await house.rows(decided, waits) == {decided: "decided", waits: ""}
    await house.sweeper.sweep(NOW_MS + KEEP_MS - 1)
    assert (await house.rows(waits))[waits] == ""
    await house.sweeper.sweep(NOW_MS + KEEP_MS)
    assert (await house.rows(waits))[waits] == "time"
    with pytest.raises(Refused, match="evidence_gone"):
        await house.files.get(waits)


async def test_pictures_of_a_case_go_when_it_is_decided_and_nobody_appealed(house: House) -> None:
    done = await study(house.world.db, house.world)
    held = await house.picture()
    await house.hold(held, done.check)
    await house.sweeper.sweep(NOW_MS + 300 * DAY_MS)
    assert (await house.rows(held))[held] == "", "an open case keeps them"
    closed_ms = NOW_MS + 300 * DAY_MS
    await house.close_case(done.case, closed_ms)
    await house.sweeper.sweep(closed_ms + 30 * DAY_MS - 1)
    assert (await house.rows(held))[held] == "", "there is still time to appeal"
    async with house.world.db.write() as conn:
        row = {
            "institution_id": house.world.institution, "learner_id": house.world.learner, "kind": "appeal",
            "lesson_id": house.world.lesson, "severity": 1, "opened_ms": closed_ms, "updated_ms": closed_ms,
        }  # fmt: skip
        appeal = (await conn.execute(insert(cases).values(**row).returning(cases.c.id))).scalar_one()
        cause = {"case_id": appeal, "cause": "appeal:1", "at_ms": closed_ms}
        await conn.execute(insert(case_causes).values(**cause))
    await house.sweeper.sweep(closed_ms + 60 * DAY_MS)
    assert (await house.rows(held))[held] == "", "an appeal needs the evidence"
    await house.close_case(appeal, closed_ms + 60 * DAY_MS)
    await house.sweeper.sweep(closed_ms + 60 * DAY_MS + 1)
    assert (await house.rows(held))[held] == "case_closed"


async def test_a_case_that_nobody_closes_keeps_pictures_no_longer_than_two_years(house: House) -> None:
    done = await study(house.world.db, house.world)
    held = await house.picture()
    await house.hold(held, done.check)
    await house.sweeper.sweep(NOW_MS + 730 * DAY_MS - 1)
    assert (await house.rows(held))[held] == ""
    await house.sweeper.sweep(NOW_MS + 730 * DAY_MS)
    assert (await house.rows(held))[held] == "case_limit"


async def name(house: House, *, class_id: int | None, until_ms: int, now_ms: int = NOW_MS) -> int:
    await retaining.name_duty(
        house.world.db, institution_id=house.world.institution, account_id=house.world.reviewer, class_id=class_id,
        basis="某省培训补贴办法第十条", reason="补贴审计", until_ms=until_ms, now_ms=now_ms,
    )  # fmt: skip
    async with house.world.db.read() as conn:
        return (await retaining.duties_of(conn, house.world.institution))[0].id


async def class_of(house: House) -> int:
    async with house.world.db.read() as conn:
        mine = select(classes.c.id).where(classes.c.institution_id == house.world.institution)
        return (await conn.execute(mine)).scalar_one()


@pytest.mark.parametrize("whole", [True, False], ids=["institution", "class"])
async def test_a_named_duty_keeps_pictures_until_its_end_and_no_enrolled_photo(house: House, whole: bool) -> None:
    await name(house, class_id=None if whole else await class_of(house), until_ms=NOW_MS + 90 * DAY_MS)
    one = await house.picture(keep_ms=1_000)
    photo = await house.picture("enrolment", PHOTO, keep_ms=1_000)
    await house.sweeper.sweep(NOW_MS + 90 * DAY_MS - 1)
    assert await house.rows(one, photo) == {one: "", photo: "enrolment_end"}
    assert await house.files.get(one) == FRAMES
    await house.sweeper.sweep(NOW_MS + 90 * DAY_MS)
    assert (await house.rows(one))[one] != ""


async def test_a_duty_ends_early_by_hand_and_never_reaches_another_institution(house: House, there: World) -> None:
    duty = await name(house, class_id=None, until_ms=NOW_MS + 90 * DAY_MS)
    one = await house.picture(keep_ms=1_000)
    with pytest.raises(Refused, match="not_found"):
        await retaining.end_duty(
            there.db, institution_id=there.institution, account_id=there.reviewer, duty_id=duty, now_ms=NOW_MS
        )
    with pytest.raises(Refused, match="not_found"):
        await retaining.name_duty(
            there.db, institution_id=there.institution, account_id=there.reviewer, class_id=await class_of(house),
            basis="x" * 9, reason="x" * 9, until_ms=NOW_MS + DAY_MS, now_ms=NOW_MS,
        )  # fmt: skip
    await house.sweeper.sweep(NOW_MS + DAY_MS)
    assert (await house.rows(one))[one] == ""
    await retaining.end_duty(
        house.world.db, institution_id=house.world.institution, account_id=house.world.reviewer, duty_id=duty,
        now_ms=NOW_MS + DAY_MS,
    )  # fmt: skip
    await house.sweeper.sweep(NOW_MS + DAY_MS)
    assert (await house.rows(one))[one] != ""


@pytest.mark.parametrize("days", [0, DUTY_DAYS_MAX + 1])
async def test_a_duty_lies_ahead_and_within_two_years(house: House, days: int) -> None:
    with pytest.raises(Refused, match="duty_time"):
        await name(house, class_id=None, until_ms=NOW_MS + days * DAY_MS)


async def test_a_withdrawal_erases_keys_at_once_files_with_the_sweep_and_proves_it(house: House, inbox) -> None:
    await name(house, class_id=None, until_ms=NOW_MS + 90 * DAY_MS)  # a policy, and no match for a withdrawal
    await choose(house.world, inbox, "given")
    photo, one = await house.enrol(), await house.picture()
    await choose(house.world, inbox, "withdrawn")
    with pytest.raises(Refused, match="evidence_gone"):
        await house.files.get(photo)  # the file lies there still, and nothing opens it
    await house.sweeper.sweep(NOW_MS)
    assert await house.rows(photo, one) == {photo: "withdrawn", one: "withdrawn"}
    (proof,) = await house.certificates()
    assert proof["deleted_pictures"] == 2 and len(proof["keys_erased"]) == 2 and proof["kept_for_open_cases"] == []
    assert {row["sha256"] for row in proof["deleted"]} == {hashlib.sha256(d).hexdigest() for d in (PHOTO, FRAMES)}
    assert proof["asked_by"] == {"account": house.world.learner, "role": "learner"}
    async with house.world.db.read() as conn:
        mine = face_keys.c.learner_id == house.world.learner
        assert {row.key_sealed for row in (await conn.execute(select(face_keys).where(mine))).all()} == {None}
        for table in (enrolments, face_traces):
            left = select(table.c.learner_id).where(table.c.learner_id == house.world.learner)
            assert (await conn.execute(left)).first() is None, table.name
    await house.sweeper.sweep(NOW_MS + DAY_MS)
    assert len(await house.certificates()) == 1, "once is enough"


async def test_a_picture_that_came_as_somebody_refused_is_kept_by_no_duty_and_its_key_goes(house, inbox) -> None:
    """It was on its way: nothing was stored when the word came, so no erasure spoke of it."""
    await name(house, class_id=None, until_ms=NOW_MS + 90 * DAY_MS)
    await choose(house.world, inbox, "refused")
    late = await house.picture()
    await house.sweeper.sweep(NOW_MS + KEEP_MS - 1)
    assert (await house.rows(late))[late] == ""
    await house.sweeper.sweep(NOW_MS + KEEP_MS)
    assert (await house.rows(late))[late] == "withdrawn" and await house.certificates() == []
    for _twice in range(2):
        await house.sweeper.end_refused(NOW_MS + KEEP_MS)
        await house.sweeper.sweep(NOW_MS + KEEP_MS)
    (proof,) = await house.certificates()
    assert len(proof["keys_erased"]) == 1


async def test_a_second_withdrawal_before_the_sweep_has_a_certificate_of_its_own(house: House, inbox) -> None:
    await choose(house.world, inbox, "given")
    await house.picture()
    await choose(house.world, inbox, "withdrawn")
    await choose(house.world, inbox, "given")
    new = await house.picture()
    async with house.world.db.write() as conn:
        mine = erasures.c.learner_id == house.world.learner
        await conn.execute(update(erasures).where(mine).values(asked_ms=NOW_MS - 1))
    await choose(house.world, inbox, "withdrawn")
    await house.sweeper.sweep(NOW_MS + 1)
    assert (await house.rows(new))[new] == "withdrawn" and len(await house.certificates()) == 2


async def test_an_erased_key_lies_in_no_file_of_the_database(house: House, inbox, tmp_path: Path) -> None:
    """Neither in a free page nor in the log: whoever has the disk and the master key opens nothing."""
    place = house.world.db.url.database
    if not house.world.db.is_sqlite or not place:
        pytest.skip("a matter of SQLite's files")
    await choose(house.world, inbox, "given")
    await house.enrol()
    await house.picture()
    async with house.world.db.read() as conn:
        mine = face_keys.c.learner_id == house.world.learner
        keys = [bytes(row.key_sealed) for row in (await conn.execute(select(face_keys).where(mine))).all()]
        templates = [bytes(one) for one in (await conn.execute(select(enrolments.c.template_sealed))).scalars()]

    def on_disk() -> bytes:
        return b"".join(path.read_bytes() for path in Path(place).parent.glob(f"{Path(place).name}*"))

    assert len(keys) == 2 and all(one in on_disk() for one in (*keys, *templates))
    await choose(house.world, inbox, "withdrawn")
    await house.sweeper.sweep(NOW_MS)
    assert not any(one in on_disk() for one in (*keys, *templates))


async def test_a_certificate_stands_in_the_audit_by_its_hash(house: House, inbox) -> None:
    await choose(house.world, inbox, "given")
    await house.picture()
    await choose(house.world, inbox, "withdrawn")
    await house.sweeper.sweep(NOW_MS)
    async with house.world.db.read() as conn:
        done = audit.c.institution_id == house.world.institution, audit.c.action == "system:erasure:certified"
        (row,) = (await conn.execute(select(audit).where(*done))).all()
        made = await erasing.certificate(
            conn, institution_id=house.world.institution, erasure_id=int(row.object.removeprefix("erasure:"))
        )
    assert made is not None and made.sha256 in row.detail


async def test_an_open_case_keeps_its_pictures_and_their_key_and_another_proof_follows(house: House, inbox) -> None:
    await choose(house.world, inbox, "given")
    done = await study(house.world.db, house.world)
    held, free = await house.picture(), await house.picture()
    await house.hold(held, done.check)
    await choose(house.world, inbox, "withdrawn")
    await house.sweeper.sweep(NOW_MS)
    (first,) = await house.certificates()
    assert first["kept_for_open_cases"] == [{"check": done.check, "sha256": hashlib.sha256(FRAMES).hexdigest()}]
    assert first["deleted_pictures"] == 1 and (await house.rows(free))[free] == "withdrawn"
    assert await house.files.get(held) == FRAMES, "people must be able to decide"
    await house.close_case(done.case, NOW_MS)
    await house.sweeper.sweep(NOW_MS + 31 * DAY_MS)
    await house.sweeper.sweep(NOW_MS + 31 * DAY_MS + 1)
    last = (await house.certificates())[-1]
    assert last["why"] == "left_over" and len(last["keys_erased"]) == 1 and last["kept_for_open_cases"] == []


async def test_who_agrees_again_before_the_sweep_loses_nothing_new(house: House, inbox) -> None:
    """The certificate of the old face erased the key of the new one."""
    await choose(house.world, inbox, "given")
    old = await house.picture()
    await choose(house.world, inbox, "withdrawn")
    await choose(house.world, inbox, "given")
    async with house.world.db.write() as conn:
        await conn.execute(update(erasures).where(erasures.c.done_ms.is_(None)).values(asked_ms=NOW_MS))
    new = await house.picture(data=b"\xff\xd8 a new one")
    async with house.world.db.write() as conn:
        await conn.execute(update(evidence).where(evidence.c.id == new).values(created_ms=NOW_MS + 1))
    await house.sweeper.sweep(NOW_MS + 2)
    assert await house.rows(old, new) == {old: "withdrawn", new: ""}
    assert await house.files.get(new) == b"\xff\xd8 a new one" and len(await house.certificates()) == 1
    with pytest.raises(Refused, match="evidence_gone"):
        await house.files.get(old)


async def test_an_enrolment_is_over_thirty_days_after_the_last_class_closed(house: House, inbox) -> None:
    await choose(house.world, inbox, "given")
    photo = await house.enrol()
    async with house.world.db.write() as conn:
        mine = update(classes).where(classes.c.institution_id == house.world.institution)
        await conn.execute(mine.values(closes_ms=NOW_MS + 10 * DAY_MS))
    await house.sweeper.end_enrolments(NOW_MS + 40 * DAY_MS - 1)
    await house.sweeper.sweep(NOW_MS + 40 * DAY_MS - 1)
    assert (await house.rows(photo))[photo] == ""
    await house.sweeper.end_enrolments(NOW_MS + 40 * DAY_MS)
    await house.sweeper.sweep(NOW_MS + 40 * DAY_MS)
    (proof,) = await house.certificates()
    assert proof["why"] == "enrolment_end" and proof["asked_by"] == {"account": 0, "role": "timer"}
    assert proof["deleted_pictures"] == 1


async def test_a_photo_that_nobody_decided_about_goes_with_the_enrolment_too(house: House, inbox) -> None:
    """It is no enrolment yet, and lay there for three years."""
    await choose(house.world, inbox, "given")
    photo = await house.picture("enrolment", PHOTO, keep_ms=900 * DAY_MS)
    over_ms = NOW_MS + 100 * DAY_MS
    async with house.world.db.write() as conn:
        mine = update(classes).where(classes.c.institution_id == house.world.institution)
        await conn.execute(mine.values(closes_ms=over_ms - 40 * DAY_MS))
    for _twice in range(2):
        await house.sweeper.end_enrolments(over_ms)
        await house.sweeper.sweep(over_ms)
    assert (await house.rows(photo))[photo] == "enrolment_end" and len(await house.certificates()) == 1


async def test_traces_are_gone_after_their_days(house: House) -> None:
    await house.enrol()
    await house.sweeper.end_traces(NOW_MS + 180 * DAY_MS)
    async with house.world.db.read() as conn:
        mine = select(face_traces.c.id).where(face_traces.c.learner_id == house.world.learner)
        assert len((await conn.execute(mine)).all()) == 1
    await house.sweeper.end_traces(NOW_MS + 180 * DAY_MS + 1)
    async with house.world.db.read() as conn:
        assert (await conn.execute(mine)).all() == []


async def test_a_certificate_is_for_its_learner_and_institution_only(house: House, there: World, inbox) -> None:
    await choose(house.world, inbox, "given")
    await house.picture()
    await choose(house.world, inbox, "withdrawn")
    await house.sweeper.sweep(NOW_MS)
    async with house.world.db.read() as conn:
        (one,) = await erasing.erasures_of(
            conn, institution_id=house.world.institution, learner_id=house.world.learner
        )
        another = {"institution_id": house.world.institution, "learner_id": house.world.other_learner}
        for who in ({"institution_id": there.institution}, another):
            assert await erasing.certificate(conn, erasure_id=one.id, **who) is None
        assert await erasing.erasures_of(conn, institution_id=there.institution) == []
