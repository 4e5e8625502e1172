"""What lies on the disk of an installation after somebody studied: nobody's name, number or face in clear."""

from __future__ import annotations

import asyncio
import json
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from proctor.adapters.secrets import load_secrets
from proctor.adapters.vault import AesVault
from proctor.demo import logins_of, number_of_nobody
from proctor.modules.accounts.service import create_account
from proctor.modules.catalog import service as catalog
from proctor.modules.privacy.tables import enrolments
from tests import pictures
from tests.client import Person
from tests.processes.test_study import passed, play
from tests.stack import Stack
from tests.world import NOW_MS, PASSWORD, password_hash

pytestmark = pytest.mark.processes

NAME, NUMBER = "欧阳无人", number_of_nobody(777)
# Standing in every JPEG that a camera or our tests make, and never by chance in a sealed file.
JPEG_MARKS = (b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\xff\xd8\xff\xdb")


def stored(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file of the data folder but lesson videos and the socket, the database's journal included."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "media" not in path.relative_to(folder).parts and path.name != "demo.json":
            yield path, path.read_bytes()


async def account(stack: Stack) -> tuple[int, str]:
    """A learner with a name and a number that nothing else here contains."""
    login, keys = f"rest{secrets.token_hex(4)}", AesVault(load_secrets(stack.data).field)
    db = stack.database()
    async with db.write() as conn:
        learner = await create_account(
            conn, keys, institution_id=1, login=login, role="learner", name=NAME, id_number=NUMBER,
            password_hash=password_hash(), now_ms=NOW_MS,
        )  # fmt: skip
        await catalog.enrol(conn, class_id=1, learner_id=learner, now_ms=NOW_MS)
    await db.close()
    return learner, login


async def test_names_numbers_faces_passwords_and_cookies_lie_nowhere_in_clear(strict: Stack) -> None:
    learner, login = await account(strict)
    async with Person(strict.url) as person:
        await person.sign_in(login, PASSWORD)
        await person.consent()
        study = await passed(person)
        await play(study, 2)
        push = (await study.hear("check"))["check"]
        for _try in range(3):
            await person.upload(push, pictures.jpegs(pictures.dark_man()))
            push = (await study.hear("verdict"))["next"]
        await person.page("/me")
        await person.page("/records/lessons/1")
        await person.post("/login", login=login, password="a-wrong-password")
        cookie = {item.key: item.value for item in person.http.cookie_jar}["zx_session"]
        token = study.welcome["token"]
        await study.leave()
        await asyncio.sleep(1.2)
    assert any("evidence" in path.parts for path, _data in stored(strict.data)), "pictures wait for a reviewer"
    words = {
        "name": NAME.encode(), "name, escaped": json.dumps(NAME).encode()[1:-1], "number": NUMBER.encode(),
        "password": PASSWORD.encode(), "wrong password": b"a-wrong-password", "cookie": cookie.encode(),
        "resume token": token.encode(),
    }  # fmt: skip
    faces = {f"picture {n}": data[200:260] for n, data in enumerate(pictures.jpegs(pictures.dark_man()))}
    for path, data in stored(strict.data):
        for what, bad in {**words, **faces, **{str(mark): mark for mark in JPEG_MARKS}}.items():
            assert bad not in data, f"{what} in {path}"
    db = strict.database()
    async with db.read() as conn:
        row = (await conn.execute(enrolments.select().where(enrolments.c.learner_id == learner))).one()
    await db.close()
    assert len(row.template_sealed) > 512, "a template is there, sealed"


async def test_logs_are_one_object_a_line_and_name_nobody(stack: Stack) -> None:
    async with await stack.learner() as person:
        study = await passed(person)
        await play(study, 1)
        await study.leave()
        async with aiohttp.ClientSession() as http, http.get(f"{stack.url}/lessons/1?next=secret-query") as answer:
            await answer.read()
        login = person.login
    await asyncio.sleep(0.3)
    files = [path for path in (stack.data / "logs").iterdir() if not path.name.startswith("valkey")]
    assert {path.name.split("-")[0].split(".")[0] for path in files} == {"gateway", "web", "faces"}
    lines = [line for path in files for line in path.read_text("utf-8").splitlines()]
    assert any('"event": "request"' in line for line in lines)
    for line in lines:
        assert set(json.loads(line)) >= {"event", "level", "timestamp"}, line
        assert login not in line and "secret-query" not in line and "127.0.0.1" not in line, line


def test_files_are_for_the_owner_only(stack: Stack) -> None:
    assert stat.S_IMODE(stack.data.stat().st_mode) & 0o007 == 0
    for name in ("secrets", "logs", "valkey"):
        assert stat.S_IMODE((stack.data / name).stat().st_mode) == 0o700, name
    for path in (*(stack.data / "secrets").iterdir(), stack.data / "demo.json", stack.data / "demo-host-key.txt"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert logins_of(stack.data)
