"""Start tickets: for the own lessons only, small bodies only, and the media that comes with them."""

from __future__ import annotations

from typing import Any

import pytest

from proctor.modules.catalog.queries import media_folder
from tests.client import Person
from tests.web.conftest import Site
from web import context

PAGE = {"page_id": "page-0001"}


async def ask(person: Person, lesson: int, **sent: Any) -> tuple[int, dict[str, Any]]:
    headers = {"X-CSRF": person.csrf, **sent.pop("headers", {})}
    async with person.http.post(f"/api/v1/lessons/{lesson}/ticket", headers=headers, **sent) as answer:
        return answer.status, await answer.json()


async def test_a_ticket_names_who_what_and_where(site: Site) -> None:
    person = await site.person("learner")
    status, body = await ask(person, 1, json=PAGE)
    assert status == 200 and body.keys() == {"ticket", "ws", "media", "poster"}
    ticket = site.deps.tickets.read_start(body["ticket"], now_ms=context.now_ms())
    world = site.here.world
    assert (ticket.learner_id, ticket.lesson_id, ticket.institution_id) == (world.learner, 1, world.institution)
    assert ticket.page_id == PAGE["page_id"] and not ticket.host and ticket.device_kind == "pc"
    again = (await ask(person, 1, json=PAGE))[1]["ticket"]
    assert again != body["ticket"], "each is for one use"


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"json": {}}, 400, "form_wrong"), ({"json": {"page_id": "short"}}, 400, "form_wrong"),
        ({"json": {"page_id": "x" * 33}}, 400, "form_wrong"), ({"json": {"page_id": 7}}, 400, "form_wrong"),
        ({"json": [PAGE]}, 400, "form_wrong"), ({"data": "page_id=page-0001"}, 400, "form_wrong"),
        ({"data": b"[" * 4_000, "headers": {"Content-Type": "application/json"}}, 400, "form_wrong"),
        ({"data": b"\xff\xfe", "headers": {"Content-Type": "application/json"}}, 400, "form_wrong"),
        ({"json": {"page_id": "x" * 5_000}}, 413, "too_large"),
        ({"json": PAGE, "headers": {"X-CSRF": "wrong"}}, 403, "csrf"),
    ],
)  # fmt: skip
async def test_a_wrong_request_is_answered_in_one_shape(site: Site, sent: dict, status: int, code: str) -> None:
    person = await site.person("learner")
    answered, body = await ask(person, 1, **sent)
    assert (answered, body["error"]["code"]) == (status, code)
    assert body["error"].keys() == {"code", "words", "request_id"}


async def test_lessons_of_others_and_of_nobody_give_no_ticket(site: Site) -> None:
    person = await site.person("learner")
    for lesson in (site.there.world.lesson, 999_999, 10**17):
        status, body = await ask(person, lesson, json=PAGE)
        assert (status, body["error"]["code"]) == (404, "no_lesson")


async def test_the_media_of_a_ticket_is_for_its_lesson_and_holds_still_for_no_other_path(site: Site) -> None:
    person = await site.person("learner")
    media = (await ask(person, 1, json=PAGE))[1]["media"]
    base = media.rsplit("/", 1)[0]
    async with site.deps.db.read() as conn:
        folder = await media_folder(conn, 1)
    target = site.deps.settings.data_dir / "media" / str(folder)
    target.mkdir(parents=True)
    (target / "index.m3u8").write_text("#EXTM3U\n")
    (target / "s0.m4s").write_bytes(bytes(range(100)))
    async with person.http.get(media) as answer:
        assert answer.status == 200 and answer.content_type == "application/vnd.apple.mpegurl"
    async with person.http.get(f"{base}/s0.m4s", headers={"Range": "bytes=10-19"}) as answer:
        assert answer.status == 206 and await answer.read() == bytes(range(10, 20))
    async with person.http.get(f"{base}/s0.m4s", headers={"Range": "bytes=500-"}) as answer:
        assert answer.status == 416
    stranger = await site.person()
    for path, status in (
        (f"{base[:-1]}2/index.m3u8", 403), (f"{base}/none.m4s", 404), (f"{base}/..%2Fzhenxue.sqlite3", 404),
        (f"{base}/.hidden.mp4", 404), (f"{base}/index.html", 404), ("/media/forged/1/index.m3u8", 403),
    ):  # fmt: skip
        async with stranger.http.get(path) as answer:
            assert answer.status == status, path
