"""Signing in: one sentence for whatever was wrong, what was typed is kept, too many tries wait, a lock holds."""

from __future__ import annotations

import html
import re

import pytest

from tests.web.conftest import Site
from tests.world import PASSWORD

WRONG = "账号或密码不正确"


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("", ""), ("nobody", PASSWORD), ("{mine}", "wrong-password"), ("{mine}", ""), ("{mine}", "x" * 129),
        ("x" * 300, PASSWORD), ("用户", "密码密码密码"), ("' or 1=1 --", PASSWORD),
        ("{mine}", "密\u0301🔑"),
    ],
)  # fmt: skip
async def test_whatever_is_wrong_the_answer_is_the_same(site: Site, login: str, password: str) -> None:
    person = await site.person()
    await person.page("/login")
    name = login.format(mine=site.here.logins["learner"])
    status, text = await person.post("/login", login=name, password=password, next="/records")
    assert status == 401 and WRONG in text
    assert 'name="next" value="/records"' in text, "the way is kept"
    assert not password or password not in text


async def test_the_name_that_was_typed_is_kept(site: Site) -> None:
    person = await site.person()
    await person.page("/login")
    _status, text = await person.post("/login", login='a"><b>', password="wrong-password")
    assert 'value="a&#34;&gt;&lt;b&gt;"' in text


@pytest.mark.parametrize("mine", [True, False])
async def test_five_wrong_passwords_lock_a_login_whether_or_not_anybody_has_it(site: Site, mine: bool) -> None:
    """While it is locked the right password is answered like a wrong one: guessing on teaches nothing."""
    login = site.here.logins["learner"] if mine else "nobody-has-this"
    person = await site.person()
    await person.page("/login")
    for _try in range(5):
        status, text = await person.post("/login", login=login, password="wrong-password")
        assert status == 401 and WRONG in text
    for password in ("wrong-password", PASSWORD):
        status, text = await person.post("/login", login=login, password=password)
        assert status == 429 and "请 10 分钟后再试" in text and "学时不受影响" in text
    audit = await (await site.person("administrator")).page("/console/audit")
    assert ("账号锁定" in audit) is mine


async def test_too_many_tries_wait_before_a_password_is_even_looked_at(site: Site) -> None:
    person = await site.person()
    await person.page("/login")
    answers = [await person.post("/login", login="nobody", password="wrong-password") for _try in range(12)]
    assert [status for status, _text in answers[:10]] == [401] * 5 + [429] * 5
    assert answers[-1][0] == 429 and "请稍等一分钟再试" in answers[-1][1]


async def test_who_is_signed_in_goes_to_the_own_start_page(site: Site) -> None:
    for who, home in (("learner", "/learn"), ("reviewer", "/console"), ("administrator", "/console")):
        person = await site.person(who)
        for path in ("/", "/login"):
            async with person.http.get(path, allow_redirects=False) as answer:
                assert answer.status == 303 and answer.headers["Location"] == home


async def test_signing_in_leads_where_the_person_was_going_and_never_off_the_site(site: Site) -> None:
    for target, lands in (("/records", "/records"), ("//evil.example", "/learn"), ("/\\evil.example", "/learn")):
        person = await site.person()
        await person.page("/login")
        form = {"csrf": person.csrf, "login": site.here.logins["learner"], "password": PASSWORD, "next": target}
        async with person.http.post("/login", data=form, allow_redirects=False) as answer:
            assert answer.headers["Location"] == lands


async def test_the_language_is_remembered_and_only_known_ones_are(site: Site) -> None:
    person = await site.person("learner")
    _status, text = await person.post("/language", lang="en", next="/records")
    assert '<html lang="en">' in text and "Study record" in text
    status, _text = await person.post("/language", lang="fr")
    assert status == 400
    other = await site.person()
    async with other.http.get("/login", headers={"Accept-Language": "en-GB,en;q=0.9,zh;q=0.1"}) as answer:
        assert '<html lang="en">' in await answer.text()


async def test_a_change_of_language_leads_back_to_a_page_that_can_be_opened(site: Site) -> None:
    """The answer to a form stands under the form's address: whoever changed the language there met a 404."""

    def back(text: str) -> str:
        found = re.search(r'name="next" value="([^"]*)">\s*<input type="hidden" name="lang"', text)
        assert found, text[:2_000]
        return html.unescape(found.group(1))

    person, case = await site.person("reviewer"), f"/console/cases/{site.here.study.case}"
    assert back(await person.page("/console/cases?kind=unclear")) == "/console/cases?kind=unclear"
    form = {"csrf": person.csrf, "action": "dismiss", "reason": "好", "version": "1"}
    async with person.http.post(f"{case}/decisions", data=form, headers={"Referer": f"{site.url}{case}"}) as answer:
        assert answer.status == 422 and back(await answer.text()) == case
    foreign = {"Referer": "https://elsewhere.example/console/cases/1"}
    async with person.http.post(f"{case}/decisions", data=form, headers=foreign) as answer:
        assert back(await answer.text()) == ""
    status, text = await person.post("/language", lang="en", next=case)
    assert status == 200 and '<html lang="en">' in text
