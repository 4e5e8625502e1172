"""Both languages whole: no Chinese sentence of ours without its English one, none left over, none outside."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from tests.web.conftest import Site
from web.render import HERE
from web.routes import PAGES
from web.security import ALLOWED

CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
PLACES = re.compile(r"%\(\w+\)0?\d*[sd]")
# What the tests' institution calls its own things, and the language's own name on the switch.
DATA = re.compile(r"测试学校 \w+|测试\d|测\*+\d?|第 \d 课|备案-\d|课程|班|中文")


def _of_python(file: Path) -> set[str]:
    """Every string with Chinese in it that is not a docstring or a pattern."""
    tree = ast.parse(file.read_text("utf-8"))
    blocks = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, blocks)}
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {text for text in texts if CHINESE.search(text) and text not in docs}


def _of_templates() -> set[str]:
    options = {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}
    # Babel would leave out folders whose names begin with an underscore; the parts of pages stand in one.
    found = extract_from_dir(
        HERE / "templates", [("**.html", "jinja2")], options_map={"**.html": options},
        directory_filter=lambda _folder: True,
    )  # fmt: skip
    return {str(message) for _file, _line, message, _comments, _context in found}


def _english() -> dict[str, str]:
    with (HERE / "locale/en/LC_MESSAGES/messages.po").open("rb") as source:
        return {str(message.id): str(message.string) for message in read_po(source, locale="en") if message.id}


def test_every_sentence_of_the_pages_has_its_english_one_and_none_is_left_over() -> None:
    # The table that the deletion timer goes by is shown as it is.
    clocks = HERE.parent / "proctor" / "modules" / "privacy" / "clocks.py"
    sentences = _of_templates().union(*(_of_python(file) for file in (*HERE.rglob("*.py"), clocks)))
    english = _english()
    assert sentences - english.keys() == set()
    assert english.keys() - sentences == set()


def test_english_sentences_keep_the_places_and_hold_no_chinese() -> None:
    for chinese, english in _english().items():
        assert english and not CHINESE.search(english), chinese
        assert sorted(PLACES.findall(english)) == sorted(PLACES.findall(chinese)), chinese


def test_templates_say_nothing_without_asking_the_catalogue() -> None:
    for file in (HERE / "templates").rglob("*.html"):
        if file.name in ("notice_face_check.zh.html", "notice_province.zh.html"):
            continue
        bare = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", "", file.read_text("utf-8"), flags=re.S)
        assert not CHINESE.search(bare.replace("中文", "")), (file.name, CHINESE.search(bare))


@pytest.mark.parametrize("who", ["learner", "administrator"])
async def test_english_pages_are_english_throughout(site: Site, who: str) -> None:
    person = await site.person(who)
    status, _text = await person.post("/language", lang="en", next="/")
    assert status == 200
    extra = {"learner": ("/nowhere", "/console"), "administrator": ("/console/cases?closed=1", "/learn")}[who]
    mine = [route.example for route in PAGES if who in ALLOWED.get(route.role, (who,))]
    for path in (*mine, *extra):
        async with person.http.get(path) as answer:
            text = await answer.text()
        assert '<html lang="en">' in text
        rest = DATA.sub("", text)
        found = CHINESE.search(rest)
        assert not found, (path, rest[max(0, found.start() - 60) : found.end() + 60])
