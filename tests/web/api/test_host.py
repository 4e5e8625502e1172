"""A WebView host: its key opens its own institution, its ticket one lesson, and neither anything else."""

from __future__ import annotations

import pytest

from tests.web.conftest import Place, Site


async def ask(site: Site, key: str, body: object) -> tuple[int, dict]:
    host = await site.person()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with host.http.post("/api/v1/host/tickets", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


def wanted(place: Place) -> dict[str, object]:
    return {"login": place.logins["learner"], "lesson_id": place.world.lesson}


async def test_a_host_gets_an_address_that_plays_without_a_cookie(site: Site) -> None:
    status, body = await ask(site, site.here.host_key, wanted(site.here))
    assert status == 200
    address, ticket = body["url"].split("#ticket=")
    assert address == f"{site.url}/embed/1"
    view = await site.person()
    async with view.http.get("/embed/1") as answer:
        assert "frame-ancestors *" in answer.headers["Content-Security-Policy"]
        assert "第 1 课" not in await answer.text(), "the page alone tells nothing"
    async with view.http.post("/api/v1/embed/1", json={"ticket": ticket}) as answer:
        body = await answer.json()
        assert answer.status == 200 and body["title"] == "第 1 课" and body["ticket"] == ticket
    async with view.http.post(f"/api/v1/embed/{site.here.world.unfiled}", json={"ticket": ticket}) as answer:
        assert answer.status == 403 and (await answer.json())["error"]["code"] == "ticket_invalid"
    audit = await (await site.person("administrator")).page("/console/audit")
    assert "机构的 App 取得学习凭证" in audit


async def test_a_key_opens_its_own_institution_only(site: Site) -> None:
    for body in (
        wanted(site.there), {**wanted(site.here), "lesson_id": site.there.world.lesson},
        {**wanted(site.here), "login": site.here.logins["reviewer"]}, {**wanted(site.here), "login": "nobody"},
        {**wanted(site.here), "login": "' or 1=1"},
    ):  # fmt: skip
        status, answer = await ask(site, site.here.host_key, body)
        assert (status, answer["error"]["code"]) == (404, "no_lesson"), body


@pytest.mark.parametrize("key", ["", "short", "host-key-of-nobody-0123456789", "x" * 201])
async def test_a_wrong_key_opens_nothing(site: Site, key: str) -> None:
    before = await site.dump()
    status, answer = await ask(site, key, wanted(site.here))
    assert (status, answer["error"]["code"]) == (401, "host_key")
    assert await site.dump() == before


@pytest.mark.parametrize("body", [{}, [], {"login": "a", "lesson_id": 0}, {"login": "a", "lesson_id": "1"}])
async def test_a_wrong_body_is_refused(site: Site, body: object) -> None:
    status, answer = await ask(site, site.here.host_key, body)
    assert (status, answer["error"]["code"]) == (400, "form_wrong")
