"""What people are told when something is refused or breaks: a title, a sentence, a way back; never a trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from proctor.modules.accounts.tables import accounts
from tests.web.conftest import Site
from web.errors import WORDS
from web.render import HERE


def test_every_refusal_of_the_code_has_its_words() -> None:
    root = HERE.parent
    said = set()
    for file in (*(root / "web").rglob("*.py"), *(root / "proctor" / "modules").rglob("*.py")):
        said |= _refusals(file)
    # Accounts are made and closed on the command line, which has sentences of its own.
    assert said - WORDS.keys() <= {"login_wrong", "no_account", "password_short", "password_long"}


def _refusals(file: Path) -> set[str]:
    parts = file.read_text("utf-8").split('Refused("')[1:]
    return {part.split('"', 1)[0] for part in parts}


@pytest.mark.parametrize(
    ("who", "path", "status", "title"),
    [
        ("", "/nowhere", 404, "没有找到"), ("learner", "/console", 403, "这里不能打开"),
        ("reviewer", "/console/audit", 403, "这里不能打开"), ("learner", "/lessons/999999", 404, "没有找到"),
    ],
)  # fmt: skip
async def test_a_refused_page_says_what_it_is_and_leads_back(
    site: Site, who: str, path: str, status: int, title: str
) -> None:
    person = await site.person(who)
    text = await person.page(path, status)
    assert f"<h1>{title}</h1>" in text and 'href="/"' in text
    from_where = f"{site.url}/records?from=here"
    async with person.http.get(path, headers={"Referer": from_where}) as answer:
        assert 'href="/records?from=here"' in await answer.text()
    for foreign in (
        "https://evil.example/records",
        f"{site.url}.evil.example/",
        f"{site.url}//evil.example",
        "http://[",
    ):
        async with person.http.get(path, headers={"Referer": foreign}) as answer:
            assert answer.status == status
            text = await answer.text()
            assert "evil" not in text and "返回上一页" not in text, foreign


async def test_a_form_sent_after_the_session_ended_leads_back_through_the_sign_in(site: Site) -> None:
    person = await site.person("learner")
    record = f"{site.url}/records/lessons/1"
    kept = person.csrf
    await person.post("/logout")
    form = {"csrf": kept, "lesson_id": "1", "words": "当时一直在看"}
    async with person.http.post("/appeals", data=form, headers={"Referer": record}) as answer:
        text = await answer.text()
        assert answer.status == 401
    assert 'href="/login?next=/records/lessons/1"' in text


async def test_what_breaks_is_one_sentence_with_a_number_for_support(site: Site) -> None:
    person, machine = await site.person("learner"), await site.person("learner")
    async with site.deps.db.write() as conn:
        mine = accounts.c.login == site.here.logins["learner"]
        await conn.execute(update(accounts).where(mine).values(name_sealed=b"not a sealed name"))
    async with person.http.get("/me") as answer:
        text = await answer.text()
        assert answer.status == 500 and "Traceback" not in text and "sealed" not in text
        assert answer.headers["X-Request-Id"] in text and "已经记录的学时不会丢失" in text
        assert 'href="/me">再试一次' in text
    async with machine.http.get("/api/v1/lessons/1/state") as answer:
        assert answer.status == 500
        error = (await answer.json())["error"]
        assert error["code"] == "broken" and error["request_id"] == answer.headers["X-Request-Id"]


async def test_without_sql_pages_ask_for_patience(site: Site) -> None:
    person = await site.person("learner")
    await site.deps.db.close()
    file = site.deps.settings.data_dir / "zhenxue.sqlite3"
    for path in file.parent.glob("zhenxue.sqlite3*"):
        path.unlink()
    file.mkdir()
    text = await person.page("/learn", 503)
    assert "系统正忙" in text and "不会丢失" in text
