"""Every page of the route table: who may see it, and what every answer carries."""

from __future__ import annotations

import re

import pytest

from tests.web.conftest import Site
from web.routes import PAGES, TABLE
from web.security import ALLOWED

WHO = ("", "learner", "reviewer", "administrator")
GETS = [route for route in TABLE if route.method == "GET"]
# Pages that only send the reader on: to the sign-in page or to the own start page.
DOORS = {"home", "login"}


@pytest.mark.parametrize("who", WHO, ids=lambda who: who or "nobody")
async def test_pages_open_for_the_role_that_may_see_them_and_for_nobody_else(site: Site, who: str) -> None:
    person = await site.person(who)
    for route in PAGES:
        allowed = ALLOWED.get(route.role)
        if allowed is None:
            wanted = (200, 303) if route.name in DOORS else (200,)
        elif not who:
            wanted = (303,)
        else:
            wanted = (200,) if who in allowed else (403,)
        async with person.http.get(route.example, allow_redirects=False) as answer:
            text = await answer.text()
            assert answer.status in wanted, (route.name, who, answer.status, text[:300])
            assert answer.status == 303 or "<html" in text
            if answer.status == 303 and allowed is not None:
                assert answer.headers["Location"].startswith("/login?next=/"), route.name


@pytest.mark.parametrize("who", WHO, ids=lambda who: who or "nobody")
async def test_every_answer_carries_the_headers_that_keep_a_browser_safe(site: Site, who: str) -> None:
    person = await site.person(who)
    paths = [(route.example, route.embed) for route in GETS] + [("/nowhere", False), ("/api/v1/nowhere", False)]
    for path, embed in paths:
        for method in ("GET", "HEAD", "PUT"):
            async with person.http.request(method, path, allow_redirects=False) as answer:
                await answer.read()
                headers = answer.headers
                assert answer.status < 500 or path == "/readyz", (path, answer.status)
                assert headers["X-Content-Type-Options"] == "nosniff", path
                assert headers["Referrer-Policy"] == "same-origin", path
                assert headers["Server"] == "zhenxue", path
                if answer.content_type == "text/html":
                    _check_policy(headers["Content-Security-Policy"], embed and method != "PUT")
                    assert headers["Cache-Control"] == "no-store", path


def _check_policy(policy: str, embed: bool) -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'self'" and rules["script-src"] == "'self'"
    assert rules["object-src"] == "'none'" and rules["base-uri"] == "'none'" and rules["form-action"] == "'self'"
    assert rules["frame-ancestors"] == ("*" if embed else "'none'")


async def test_pages_hold_no_script_of_their_own_that_the_policy_would_stop(site: Site) -> None:
    for who in WHO:
        person = await site.person(who)
        for route in PAGES:
            async with person.http.get(route.example) as answer:
                text = await answer.text()
            for attributes, body in re.findall(r"<script([^>]*)>(.*?)</script>", text, re.S):
                assert not body.strip() or "application/json" in attributes, (route.name, body[:80])
            assert not re.search(r"<[^>]+\son[a-z]+\s*=", text), route.name


async def test_a_method_that_a_route_lacks_is_405_and_names_those_it_has(site: Site) -> None:
    person = await site.person()
    for path, method, allowed in (("/about", "POST", "GET,HEAD"), ("/logout", "GET", "POST")):
        async with person.http.request(method, path) as answer:
            assert answer.status == 405 and answer.headers["Allow"] == allowed
            assert "<html" in await answer.text()
    async with person.http.delete("/api/v1/lessons/1/ticket") as answer:
        assert answer.status == 405 and (await answer.json())["error"]["code"] == "method_wrong"
