"""Who may do what: CSRF and role of every form, where a sign-in may lead, cookies, bounds of a form."""

from __future__ import annotations

import pytest

from tests.web.conftest import Site
from web.routes import TABLE
from web.security import ALLOWED, DEVICE_COOKIE, FIELDS_MAX, SESSION_COOKIE, safe_next

POSTS = [route for route in TABLE if route.method == "POST"]
GUARDED = [route for route in POSTS if route.csrf]
WHO = ("", "learner", "reviewer", "administrator")


def test_every_form_is_guarded_but_those_that_no_cookie_opens() -> None:
    # These four prove themselves by a ticket or a key in the request: no browser sends those by itself.
    assert {route.name for route in POSTS if not route.csrf} == {"frames", "code_post", "host_tickets", "embed_start"}


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
async def test_a_form_without_its_token_is_refused_and_changes_nothing(site: Site, route) -> None:
    who = next((role for role in WHO[1:] if role in ALLOWED.get(route.role, ())), "")
    person, other = await site.person(who), await site.person(who)
    before = await site.dump()
    tokens = ({}, {"X-CSRF": ""}, {"X-CSRF": "wrong"}, {"X-CSRF": "令牌".encode().decode("latin-1")})
    # Tokens of somebody else and tokens of the own page that another site's page sends.
    foreign = ({"X-CSRF": other.csrf}, {"X-CSRF": person.csrf, "Sec-Fetch-Site": "cross-site"})
    for headers in (*tokens, *(foreign if who else foreign[1:])):
        async with person.http.post(route.example, headers=headers, data={}, allow_redirects=False) as answer:
            text = await answer.text()
            assert answer.status == 403, (headers, answer.status)
            assert ("<html" in text) == route.page
            assert route.page or (await answer.json())["error"]["code"] == "csrf"
    assert await site.dump() == before


@pytest.mark.parametrize("who", WHO, ids=lambda who: who or "nobody")
async def test_a_form_of_another_role_s_room_is_refused_and_changes_nothing(site: Site, who: str) -> None:
    person = await site.person(who)
    before = await site.dump()
    for route in POSTS:
        allowed = ALLOWED.get(route.role)
        if allowed is None or who in allowed:
            continue
        status, _text = await person.post(route.example, action="dismiss", reason="不该成功的决定", version="1")
        assert status == (403 if who else 401), route.name
    assert await site.dump() == before


@pytest.mark.parametrize(
    ("target", "safe"),
    [
        ("/learn", True), ("/records/lessons/1?filed=1", True), ("/", True), ("", False), ("learn", False),
        ("//evil.example", False), ("/\\evil.example", False), ("https://evil.example/", False),
        # Not even an address at all: reading it as one used to break the sign-in page.
        ("//[", False), ("/a\nb", False), ("/" + "x" * 500, False),
    ],
)  # fmt: skip
async def test_nobody_is_sent_elsewhere_by_a_link_to_the_sign_in_page(site: Site, target: str, safe: bool) -> None:
    assert safe_next(target) == (target if safe else "")
    person = await site.person()
    async with person.http.get("/login", params={"next": target}) as answer:
        text = await answer.text()
        assert answer.status == 200
    assert ('name="next" value=""' in text) == (not safe)


async def test_cookies_are_for_this_site_and_no_script(site: Site) -> None:
    person = await site.person()
    async with person.http.get("/login") as answer:
        device = answer.cookies[DEVICE_COOKIE]
    await person.page("/login")
    form = {"csrf": person.csrf, "login": site.here.logins["learner"], "password": "zhen-xue-482913"}
    async with person.http.post("/login", data=form, allow_redirects=False) as answer:
        session = answer.cookies[SESSION_COOKIE]
    for cookie in (device, session):
        assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/"
    assert int(session["max-age"]) == 12 * 3_600 and len(session.value) >= 32


async def test_signing_out_ends_the_session_on_the_server_as_well(site: Site) -> None:
    person = await site.person("learner")
    kept = {cookie.key: cookie.value for cookie in person.http.cookie_jar}
    await person.post("/logout")
    again = await site.person()
    async with again.http.get("/learn", cookies=kept, allow_redirects=False) as answer:
        assert answer.status == 303 and answer.headers["Location"].startswith("/login")


async def test_a_form_has_bounds(site: Site) -> None:
    person = await site.person("learner")
    many = {f"field{n}": "x" for n in range(FIELDS_MAX)}
    status, _text = await person.post("/consent", choice="refused", **many)
    assert status == 400
    status, _text = await person.post("/consent", choice="refused", next="/\0")
    assert status == 400
    status, _text = await person.post("/consent", choice="refused", next="x" * 70_000)
    assert status == 413
