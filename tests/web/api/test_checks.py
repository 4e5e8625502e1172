"""Uploads of face pictures: a ticket for this very check, bounds on everything, nothing kept of what is refused."""

from __future__ import annotations

import time
from typing import Any

import aiohttp
import pytest

from proctor.core.facts import CheckWay, Outcome
from proctor.core.inputs import Verdict
from proctor.errors import Unavailable
from proctor.gateway.tickets import MediaToken
from proctor.modules.accounts.service import Accounts, Signed
from proctor.modules.privacy import service as privacy
from proctor.ports import CheckTicket, Shot
from tests.web.conftest import JPEG, Site

PATH = "/api/v1/checks/c-one/frames"


def form(*frames: bytes, name: str = "frame{}", **fields: str) -> aiohttp.FormData:
    """Fields first, then the pictures, as the protocol wants it."""
    made = aiohttp.FormData(default_to_multipart=True)
    for field, value in fields.items():
        made.add_field(field, value)
    for index, frame in enumerate(frames):
        made.add_field(name.format(index), frame, filename=f"{index}.jpg", content_type="image/jpeg")
    return made


async def opened(site: Site, check_id: str = "c-one", left_ms: int = 60_000, **changes: Any) -> str:
    """A check of the learner of `here` that waits for pictures; returns its upload ticket."""
    world = site.here.world
    ticket = CheckTicket(
        check_id=check_id, try_number=1, learner_id=world.learner, institution_id=world.institution,
        lesson_id=world.lesson, device_id="d" * 32, page_id="page-0001", nonce="n", expires_redis_ms=0,
        **changes,
    )  # fmt: skip
    await site.deps.checks.open(ticket, left_ms, "node")
    return site.deps.tickets.mint_upload(ticket)


async def post(site: Site, data: Any, ticket: str = "", path: str = PATH) -> tuple[int, str]:
    """Status and code of the refusal ("" when it was taken)."""
    person = await site.person()
    async with person.http.post(path, data=data, headers={"X-Upload-Ticket": ticket} if ticket else {}) as answer:
        body = await answer.json()
        return answer.status, body.get("error", {}).get("code", "")


async def test_pictures_are_taken_once_encrypted_and_other_ones_refused(site: Site) -> None:
    ticket, before = await opened(site), set(site.files())
    assert await post(site, form(JPEG, JPEG, source="camera"), ticket) == (202, "")
    (name,) = set(site.files()) - before
    (file,) = (site.deps.settings.data_dir / "evidence").rglob(name)
    assert JPEG not in file.read_bytes(), "encrypted at rest"
    # A phone that heard no answer sends the very same again: answered as before, kept once.
    assert await post(site, form(JPEG, JPEG, source="camera", ticket=ticket)) == (202, "")
    assert len(set(site.files()) - before) == 1
    assert await post(site, form(JPEG + b"other"), ticket) == (409, "other_bytes")
    verdict = Verdict(check_id="c-one", try_number=1, outcome=Outcome.PASSED, detail="", frames=2, source="camera")
    await site.deps.checks.judge(verdict)
    assert await post(site, form(JPEG + b"again"), ticket) == (409, "judged")


async def test_a_takeover_and_the_deadline_end_a_check(site: Site) -> None:
    cancelled, late = await opened(site), await opened(site, "c-two", left_ms=-1)
    await site.deps.checks.cancel("c-one")
    before = await site.dump()
    assert await post(site, form(JPEG), cancelled) == (409, "cancelled")
    assert (await post(site, form(JPEG), late, PATH.replace("one", "two")))[0] == 410
    unknown = site.deps.tickets.mint_upload(
        CheckTicket(
            check_id="c-x", try_number=1, learner_id=site.here.world.learner, lesson_id=1, device_id="d", nonce="n",
            institution_id=site.here.world.institution, page_id="p", expires_redis_ms=0,
        )
    )  # fmt: skip
    assert await post(site, form(JPEG), unknown, PATH.replace("one", "x")) == (410, "unknown")
    assert await site.dump() == before


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (form(), 400, "no_frames"), (form(source="camera"), 400, "no_frames"),
        (form(JPEG, source="mirror"), 400, "upload_wrong"), (form(JPEG, hints="x"), 400, "upload_wrong"),
        (form(b"GIF89a"), 400, "not_jpeg"),
        (form(JPEG, name="picture{}"), 400, "upload_wrong"), (form(JPEG, name="frame9{}"), 400, "upload_wrong"),
        (form(*[JPEG] * 9), 400, "upload_wrong"), (form(JPEG + b"x" * 100_000), 413, "too_large"),
        (form(JPEG, source="x" * 3_000), 413, "too_large"), (b"not a form", 400, "upload_wrong"),
        (form(JPEG + b"x" * 60_000, JPEG + b"x" * 60_000), 413, "too_large"),
        ({"frame0": "text"}, 400, "upload_wrong"), (form(JPEG, shots="[[1,2]"), 400, "upload_wrong"),
        (form(JPEG, JPEG, shots="[[1,-1]]"), 400, "upload_wrong"),  # one frame too few, and one too many
        (form(JPEG, shots="[[1,-1],[2,-1]]"), 400, "upload_wrong"),
        (form(JPEG, JPEG, shots="[[9,-1],[8,-1]]"), 400, "upload_wrong"),  # time goes back
        (form(JPEG, shots="[[-1,-1]]"), 400, "upload_wrong"),
        (form(JPEG, shots="[[600001,-1]]"), 400, "upload_wrong"),
        (form(JPEG, shots="[[1,0]]"), 400, "upload_wrong"),  # no action was asked
        (form(JPEG, shots="[[1,-2]]"), 400, "upload_wrong"), (form(JPEG, shots="[[1.5,-1]]"), 400, "upload_wrong"),
    ],
    ids=range(22),
)  # fmt: skip
async def test_what_is_no_burst_is_refused_and_nothing_kept(site: Site, data: Any, status: int, code: str) -> None:
    ticket = await opened(site)
    before = await site.dump()
    assert await post(site, data, ticket) == (status, code)
    assert await site.dump() == before


async def test_each_refusal_comes_within_50_ms_and_a_good_burst_is_taken_after_all_of_them(site: Site) -> None:
    """The best of five: what it takes of us, not of a busy machine."""
    ticket, late = await opened(site), await opened(site, "c-two", left_ms=-1)
    other = await opened(site, "c-three", way=CheckWay.ACTIVE, actions=("left",))
    png = b"\x89PNG\r\n\x1a\n" + bytes(500)
    for data, used, path, answer in (
        (lambda: form(png), ticket, PATH, (400, "not_jpeg")),
        (lambda: form(JPEG), other, PATH, (403, "ticket_invalid")),
        (lambda: form(JPEG), late, PATH.replace("one", "two"), (410, "late")),
        (lambda: form(JPEG, JPEG, shots="[[9,-1],[8,-1]]"), ticket, PATH, (400, "upload_wrong")),
        (lambda: form(*[JPEG] * 8 + [JPEG]), ticket, PATH, (400, "upload_wrong")),
    ):
        took_s = []
        for _again in range(5):
            started_s = time.perf_counter()
            assert await post(site, data(), used, path) == answer
            took_s.append(time.perf_counter() - started_s)
        assert min(took_s) < 0.05, (answer, took_s)
    assert await post(site, form(JPEG, JPEG), ticket) == (202, "")
    started_s = time.perf_counter()
    assert await post(site, form(JPEG + b"x"), ticket) == (409, "other_bytes")
    assert time.perf_counter() - started_s < 1.0


async def test_what_was_asked_and_what_the_page_says_of_each_frame_goes_to_the_worker(site: Site) -> None:
    ticket = await opened(site, way=CheckWay.ACTIVE, actions=("left", "near"))
    shots = "[[0,-1],[900,0],[2100,1]]"
    assert await post(site, form(JPEG, JPEG, JPEG, shots=shots), ticket) == (202, "")
    assert await post(site, form(JPEG, JPEG, JPEG, shots=shots), ticket) == (202, ""), "the very same again"
    other = "[[0,-1],[900,1],[2100,0]]"
    assert await post(site, form(JPEG, JPEG, JPEG, shots=other), ticket) == (409, "other_bytes")
    hinted = form(JPEG, JPEG, JPEG, shots=shots, hints="virtual_camera")
    assert await post(site, hinted, ticket) == (202, ""), "the same pictures; what a camera is called may come later"
    ((receipt, job),) = await site.deps.jobs.take("w", 1, 10)
    await site.deps.jobs.done([receipt])
    assert (job.way, job.actions) == (CheckWay.ACTIVE, ("left", "near"))
    assert job.shots == (Shot(0, -1), Shot(900, 0), Shot(2_100, 1))


async def test_a_hint_about_the_camera_goes_along_and_refuses_nothing(site: Site) -> None:
    ticket = await opened(site)
    assert await post(site, form(JPEG, hints="virtual_camera virtual_camera"), ticket) == (202, "")
    ((receipt, job),) = await site.deps.jobs.take("w", 1, 10)
    await site.deps.jobs.done([receipt])
    assert job.hints == ("virtual_camera",) and 0 <= job.open_ms < 60_000


async def test_a_check_by_code_takes_no_pictures(site: Site) -> None:
    ticket, before = await opened(site, way=CheckWay.CODE), site.files()
    assert await post(site, form(JPEG), ticket) == (403, "ticket_invalid")
    assert site.files() == before


async def test_a_ticket_opens_its_own_check_only(site: Site) -> None:
    ticket, before = await opened(site), await site.dump()
    assert await post(site, form(JPEG), ticket, PATH.replace("one", "two")) == (403, "ticket_invalid")
    for wrong in ("forged", ticket[:-2] + "xx", "x" * 3_000):
        assert await post(site, form(JPEG), wrong) == (403, "ticket_invalid")
    # A picture that comes before any ticket is not even read.
    assert await post(site, form(JPEG)) == (403, "ticket_invalid")
    media = site.deps.tickets.mint_media(MediaToken(lesson_id=1, learner_id=1, expires_ms=2**50))
    assert await post(site, form(JPEG), media) == (403, "ticket_invalid"), "signed by us, for another purpose"
    assert await site.dump() == before


async def test_without_consent_no_picture_is_taken_whatever_the_ticket(site: Site) -> None:
    ticket, world = await opened(site), site.here.world
    await privacy.choose(
        site.deps.db, site.deps.vault, site.deps.inbox, institution_id=world.institution,
        learner_id=world.learner, choice="withdrawn", notice=privacy.Notice(version="1", lang="zh-CN", body=""),
        now_ms=1, address="",
    )  # fmt: skip
    before = site.files()
    assert await post(site, form(JPEG), ticket) == (403, "no_consent")
    assert site.files() == before


async def test_consent_that_goes_while_pictures_are_on_their_way_keeps_none_and_says_so_to_the_session(
    site: Site, monkeypatch
) -> None:
    put, world = type(site.deps.evidence).put, site.here.world

    async def slow(self, *args, **more):
        found = await put(self, *args, **more)
        await privacy.choose(
            site.deps.db, site.deps.vault, site.deps.inbox, institution_id=world.institution,
            learner_id=world.learner, choice="withdrawn", notice=privacy.Notice(version="1", lang="zh-CN", body=""),
            now_ms=1,
        )  # fmt: skip
        return found

    ticket, files = await opened(site), set(site.files())
    monkeypatch.setattr(type(site.deps.evidence), "put", slow)
    assert await post(site, form(JPEG), ticket) == (403, "no_consent")
    assert set(site.files()) <= files, "the pictures are gone, and no register row is left"
    verdict = await site.deps.checks.verdict("c-one", 1)
    assert verdict is not None and (verdict.outcome, verdict.detail) == (Outcome.UNCLEAR, "no_consent")


async def test_a_picture_that_the_register_does_not_know_is_not_kept(site: Site, monkeypatch) -> None:
    """SQL went away between the file and its row: without a row no timer would ever delete it."""
    ticket, before = await opened(site), site.files()

    async def gone(*_given, **_more) -> None:
        raise Unavailable("sql")

    monkeypatch.setattr(privacy, "register_evidence", gone)
    assert await post(site, form(JPEG), ticket) == (202, "")
    assert site.files() == before
    verdict = await site.deps.checks.verdict("c-one", 1)
    assert verdict is not None and verdict.outcome is Outcome.OUR_FAULT, "and it costs the learner nothing"


async def test_the_ticket_says_who_comes_and_no_login_session_is_looked_up(site: Site, monkeypatch) -> None:
    """The browser sends its cookie with the pictures; the start checks of a class are a rush of uploads."""
    ticket, asked = await opened(site), []
    person = await site.person("learner")
    real = Accounts.session

    async def counted(self: Accounts, cookie: str) -> Signed | None:
        asked.append(cookie)
        return await real(self, cookie)

    monkeypatch.setattr(Accounts, "session", counted)
    async with person.http.post(PATH, data=form(JPEG), headers={"X-Upload-Ticket": ticket}) as answer:
        assert answer.status == 202
    assert asked == []
    await person.page("/learn")
    assert len(asked) == 1
