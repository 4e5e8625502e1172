"""Enrolment with a photo: who may hand one in, who decides, what stays in use meanwhile, and what history keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert, select, update

from proctor.adapters.authority import LocalAuthority
from proctor.adapters.evidence_files import FileEvidence
from proctor.adapters.face_keys import SqlFaceKeys
from proctor.adapters.sql_enrolments import SqlEnrolments
from proctor.adapters.sql_faces import SqlFaces
from proctor.demo import number_of_nobody
from proctor.errors import Refused
from proctor.faces import enrolling
from proctor.faces.backends import Dlib
from proctor.faces.enrolling import Desk, Measured
from proctor.faces.models import Thresholds
from proctor.modules.accounts.tables import accounts
from proctor.modules.audit.tables import audit
from proctor.modules.identity.rules import STEPS, Quality, State, pair, wanting
from proctor.modules.identity.service import Enrolling
from proctor.modules.identity.tables import duplicate_flags, enrolment_history
from proctor.modules.privacy.erasing import ask_erasure
from proctor.modules.privacy.tables import consents, enrolments, evidence
from proctor.ports import Claimed, FaceJob, Word
from tests.world import NOW_MS, World, people, vault

JPEG = b"\xff\xd8\xff\xe0 a photo"


class Knows(LocalAuthority):
    """Says always the same, and keeps what it was asked."""

    name, is_local = "id.example.cn", False

    def __init__(self, word: Word) -> None:
        self.word, self.asked = word, list[Claimed]()

    async def ask(self, claimed: Claimed) -> Word:
        self.asked.append(claimed)
        return self.word


@dataclass
class Office:
    """Both halves of enrolment over one database; `faces` says what the worker sees in the next photos."""

    world: World
    enrolling: Enrolling
    records: SqlEnrolments
    faces: SqlFaces
    blobs: FileEvidence
    now: list[int]

    async def agree(self, learner: int, purpose: str = "face_check", choice: str = "given") -> None:
        row = {
            "learner_id": learner, "purpose": purpose, "choice": choice, "notice_version": "1",
            "notice_sha256": "0" * 64, "at_ms": NOW_MS,
        }  # fmt: skip
        async with self.world.db.write() as conn:
            await conn.execute(insert(consents).values(**row))

    async def submit(self, learner: int = 0, photo: bytes = JPEG, by: int = 0) -> int:
        world = self.world
        return await self.enrolling.submit(
            institution_id=world.institution, learner_id=learner or world.learner, photo=photo, source="id_photo",
            by=by or world.reviewer,
        )  # fmt: skip

    async def decide(self, number: int, action: str, reason: str = "照片与证件一致。", institution: int = 0) -> None:
        await self.enrolling.decide(
            institution_id=institution or self.world.institution, number=number, action=action, reason=reason,
            by=self.world.reviewer,
        )  # fmt: skip

    async def row(self, number: int):
        async with self.world.db.read() as conn:
            statement = select(enrolment_history).where(enrolment_history.c.id == number)
            return (await conn.execute(statement)).one()

    async def used(self, learner: int = 0):
        async with self.world.db.read() as conn:
            statement = select(enrolments).where(enrolments.c.learner_id == (learner or self.world.learner))
            return (await conn.execute(statement)).one_or_none()

    async def capture(self, learner: int, template: np.ndarray) -> None:
        """A first check enrols, as the worker does it."""
        job = FaceJob(
            check_id=f"c{learner}", try_number=1, learner_id=learner, institution_id=self.world.institution,
            lesson_id=self.world.lesson, evidence_id="", enrol=True, source="camera", accepted_redis_ms=1,
        )  # fmt: skip
        assert await self.faces.enrol(job, template, "m", JPEG)

    async def look(
        self, monkeypatch, templates: Sequence[np.ndarray | None], authority: LocalAuthority | None = None,
        scale: Thresholds | None = None,
    ) -> None:  # fmt: skip
        """The desk goes through what waits; what the networks would say is given."""
        found = iter(templates)

        def measured(_models, _photo: bytes) -> Measured:
            template = next(found)
            return Measured(problem="" if template is not None else "no_face", quality=Quality(), template=template)

        class Model:
            name, own = "m", scale

        monkeypatch.setattr(enrolling, "measure", measured)
        desk = Desk(
            records=self.records, evidence=self.blobs, authority=authority or LocalAuthority(), models=lambda: Model()
        )
        while await desk.one():
            pass


def face(seed: int, near: np.ndarray | None = None, cosine: float = 0.0) -> np.ndarray:
    """A unit vector; with `near` one at that cosine to it."""
    found = np.random.default_rng(seed).normal(size=128)
    if near is not None:
        found -= found.dot(near) * near
        found = cosine * near + np.sqrt(1 - cosine**2) * found / np.linalg.norm(found)
    return (found / np.linalg.norm(found)).astype(np.float32)


@pytest.fixture
async def office(db, world: World, tmp_path: Path) -> AsyncIterator[Office]:
    keys, now = SqlFaceKeys(db, vault()), [NOW_MS]
    blobs = FileEvidence(tmp_path / "evidence", keys)
    made = Office(
        world, Enrolling(db, blobs, vault(), lambda: now[0]), SqlEnrolments(db, keys, vault(), lambda: now[0]),
        SqlFaces(db, keys, blobs), blobs, now,
    )  # fmt: skip
    await made.agree(world.learner)
    yield made
    async with db.write() as conn:  # a desk of another test would find what waits in the database that they share
        mine = update(enrolment_history).where(enrolment_history.c.institution_id == world.institution)
        await conn.execute(mine.values(state="withdrawn"))


async def test_a_photo_waits_for_a_person_and_is_in_use_from_then_on(office: Office, monkeypatch) -> None:
    number = await office.submit()
    assert (await office.row(number)).state == "received" and await office.used() is None
    with pytest.raises(Refused, match="enrolment_moved"):
        await office.decide(number, "approve")  # nobody measured it yet
    await office.look(monkeypatch, [face(1)])
    row = await office.row(number)
    assert row.state == "pending" and row.template_sealed is not None and await office.used() is None
    await office.decide(number, "approve")
    row, used = await office.row(number), await office.used()
    assert (row.state, row.decided_by, row.template_sealed) == ("approved", office.world.reviewer, None)
    assert (used.evidence_id, used.source, used.model) == (row.evidence_id, "id_photo", "m")
    template = await office.faces.template(office.world.learner, "m")
    assert template is not None and float(template @ face(1)) > 0.999
    async with office.world.db.read() as conn:
        ours = audit.c.institution_id == office.world.institution
        actions = (await conn.execute(select(audit.c.action).where(ours).order_by(audit.c.id))).scalars().all()
    assert [one for one in actions if "enrolment" in one] == ["web:enrolment:submitted", "console:enrolment:approve"]


async def test_what_is_in_use_stays_until_a_newer_one_is_approved_and_history_tells_it(office, monkeypatch) -> None:
    first = await office.submit()
    await office.look(monkeypatch, [face(1)])
    await office.decide(first, "approve")
    old = await office.used()
    second, third = await office.submit(photo=JPEG + b"2"), await office.submit(photo=JPEG + b"3")
    assert (await office.row(second)).state == "replaced", "only the newest waits"
    await office.look(monkeypatch, [face(2)])
    assert (await office.used()).evidence_id == old.evidence_id
    await office.decide(third, "approve", "换发了新证件。")
    new = await office.used()
    assert new.evidence_id == (await office.row(third)).evidence_id and (await office.row(first)).state == "replaced"
    async with office.world.db.read() as conn:
        mine = enrolment_history.c.learner_id == office.world.learner
        kept = (await conn.execute(select(enrolment_history.c.template_sealed).where(mine))).scalars().all()
        due = select(evidence.c.id).where(
            evidence.c.delete_after_ms <= NOW_MS, evidence.c.learner_id == office.world.learner
        )
        gone = set((await conn.execute(due)).scalars().all())
    assert kept == [None, None, None], "history keeps no template"
    assert gone == {old.evidence_id, (await office.row(second)).evidence_id}
    assert (await office.row(third)).reason == "换发了新证件。"


async def test_a_first_capture_is_used_at_once_and_still_waits_for_a_person(office: Office, monkeypatch) -> None:
    learner = office.world.learner
    await office.capture(learner, face(1))
    async with office.world.db.read() as conn:
        mine = enrolment_history.c.learner_id == learner
        row = (await conn.execute(select(enrolment_history).where(mine))).one()
    assert (row.source, row.state) == ("first_capture", "received") and (await office.used()) is not None
    await office.look(monkeypatch, [None])
    row = await office.row(row.id)
    assert row.state == "pending" and row.template_sealed is None, "good enough for checks: a person looks"
    await office.decide(row.id, "reject", "画面上不是本人。")
    assert await office.used() is None and (await office.row(row.id)).state == "rejected"


async def test_refusals(office: Office, there: World, monkeypatch) -> None:
    world = office.world
    for learner, code in ((there.learner, "no_learner"), (world.reviewer, "no_learner")):
        with pytest.raises(Refused, match=code):
            await office.submit(learner)
    with pytest.raises(Refused, match="no_consent"):
        await office.submit(world.other_learner)
    for photo, code in ((b"GIF89a", "not_jpeg"), (JPEG + bytes(2_000_000), "too_large")):
        with pytest.raises(Refused, match=code):
            await office.submit(photo=photo)
    assert list(office.blobs._folder.rglob("*")) == [], "nothing is kept of what is refused"
    number = await office.submit()
    await office.look(monkeypatch, [face(1)])
    for given, code in (
        ({"action": "approve", "institution": there.institution}, "no_enrolment"),
        ({"action": "reject", "reason": " 不 "}, "reason_short"), ({"action": "void"}, "field_wrong"),
        ({"action": "reject", "reason": "长" * 201}, "reason_long"),
    ):  # fmt: skip
        with pytest.raises(Refused, match=code):
            await office.decide(number, **given)
    await office.decide(number, "reject")
    for action in ("approve", "reject"):
        with pytest.raises(Refused, match="enrolment_moved"):
            await office.decide(number, action)


async def test_withdrawing_ends_what_waits_and_nothing_of_it_comes_back(office: Office, monkeypatch) -> None:
    number = await office.submit()
    world = office.world
    await office.agree(world.learner, choice="withdrawn")
    async with world.db.write() as conn:
        await ask_erasure(
            conn, institution_id=world.institution, learner_id=world.learner, why="withdrawn", asked_by=world.learner,
            now_ms=NOW_MS,
        )  # fmt: skip
    assert (await office.row(number)).state == "withdrawn"
    await office.look(monkeypatch, [face(1)])
    row = await office.row(number)
    assert row.state == "withdrawn" and row.template_sealed is None
    with pytest.raises(Refused, match="no_consent"):
        await office.decide(number, "approve")
    with pytest.raises(Refused, match="no_consent"):
        await office.submit()


async def test_who_is_alike_is_measured_on_the_scale_of_the_model(office: Office, monkeypatch) -> None:
    """With dlib different people reach 0.8: SFace's 0.50 put every learner before a person as a second account."""
    world, one = office.world, face(1)
    others = [account for account, _login in await people(world.db, world.institution, vault(), 2)]
    for account, cosine in zip(others, (0.80, 0.92), strict=True):
        await office.agree(account)
        await office.capture(account, face(account + 100, one, cosine))
    await office.submit()
    await office.look(monkeypatch, [face(50), face(51), one], scale=Dlib.own)
    async with world.db.read() as conn:
        mine = duplicate_flags.c.institution_id == world.institution
        found = (await conn.execute(select(duplicate_flags).where(mine))).all()
    assert [(row.learner_id, row.other_id) for row in found] == [pair(world.learner, others[1])]


async def test_two_accounts_that_look_alike_are_flagged_once_inside_the_institution(
    office: Office, there: World, monkeypatch
) -> None:
    world, one = office.world, face(1)
    others = [account for account, _login in await people(world.db, world.institution, vault(), 4)]
    for account, cosine in zip(others, (0.49, 0.52, 0.8, -0.5), strict=True):
        await office.agree(account)
        await office.capture(account, face(account + 100, one, cosine))
    monkeypatch.setattr("proctor.adapters.sql_enrolments.BATCH", 2)
    await office.submit()
    await office.look(monkeypatch, [face(50 + n) for n in range(4)] + [one])
    async with world.db.read() as conn:
        ours = select(duplicate_flags).where(duplicate_flags.c.institution_id == world.institution)
        found = (await conn.execute(ours.order_by(duplicate_flags.c.score))).all()
    assert [(min(row.learner_id, row.other_id), max(row.learner_id, row.other_id)) for row in found] == [
        (world.learner, others[1]), (world.learner, others[2]),
    ]  # fmt: skip
    assert [round(row.score, 2) for row in found] == [0.52, 0.8]
    settle = {"word": "different", "reason": "双胞胎，已当面核实。", "by": world.reviewer}
    with pytest.raises(Refused, match="no_flag"):
        await office.enrolling.settle_duplicate(institution_id=there.institution, flag_id=found[0].id, **settle)
    await office.enrolling.settle_duplicate(institution_id=world.institution, flag_id=found[0].id, **settle)
    with pytest.raises(Refused, match="enrolment_moved"):
        await office.enrolling.settle_duplicate(institution_id=world.institution, flag_id=found[0].id, **settle)
    await office.submit(photo=JPEG + b"again")
    await office.look(monkeypatch, [one])
    async with world.db.read() as conn:
        assert len((await conn.execute(ours)).all()) == 2, "what a person settled is not asked again"


@pytest.mark.parametrize(
    ("word", "passes_on", "state"),
    [
        ("same", True, "approved"),
        ("different", True, "pending"),
        ("unknown", True, "pending"),
        ("same", False, "pending"),
    ],
)  # fmt: skip
async def test_an_authority_approves_only_what_it_knows_and_only_with_consent(
    office: Office, monkeypatch, word: Word, passes_on: bool, state: str
) -> None:
    world, authority = office.world, Knows(word)
    sealed = vault().seal(number_of_nobody(3), field="account.id_number")
    async with world.db.write() as conn:
        mine = accounts.update().where(accounts.c.id == world.learner)
        await conn.execute(mine.values(id_number_sealed=sealed))
    if passes_on:
        await office.agree(world.learner, "province")
    number = await office.submit()
    await office.look(monkeypatch, [face(1)], authority)
    row = await office.row(number)
    assert row.state == state and row.decided_by == 0
    assert row.authority == (word if passes_on else "")
    assert [(one.number, one.photo) for one in authority.asked] == [(number_of_nobody(3), JPEG)] * passes_on
    assert (await office.used() is not None) is (state == "approved")


async def test_an_authority_does_not_approve_what_looks_like_a_second_account(office: Office, monkeypatch) -> None:
    world = office.world
    (other, _login) = (await people(world.db, world.institution, vault(), 1))[0]
    await office.agree(other)
    await office.capture(other, face(1))
    await office.agree(world.learner, "province")
    number = await office.submit()
    await office.look(monkeypatch, [face(9), face(1)], Knows("same"))
    assert (await office.row(number)).state == "pending"


async def test_a_desk_that_died_lets_its_photo_go(office: Office) -> None:
    number = await office.submit()
    taken = await office.records.waiting()
    assert taken is not None and taken.number == number
    assert await office.records.waiting() is None
    office.now[0] += 60_001
    assert await office.records.waiting() == taken


def test_the_table_of_states_ends_and_never_comes_back() -> None:
    over = {State.REJECTED, State.REPLACED, State.WITHDRAWN, State.EXPIRED}
    assert not {state for state, _what in STEPS} & over
    assert all(
        (state, what) in STEPS
        for state in State
        if state not in over
        for what in ("withdraw", "expire", "replace", "reject")
    )


def test_a_photo_to_enrol_with_must_be_better_than_a_capture() -> None:
    good = {"face_px": 120, "yaw": 0.02, "score": 0.9}
    assert wanting(Quality(**good)) == ""
    for changed, problem in (({"face_px": 59}, "small"), ({"yaw": -0.16}, "turned"), ({"score": 0.79}, "blurred")):
        assert wanting(Quality(**{**good, **changed})) == problem
