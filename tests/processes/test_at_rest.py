"""What lies on the disk of an installation after somebody studied: nobody's name, number or face in clear."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import cv2
import numpy as np
import pytest

from proctor.adapters.face_keys import SqlFaceKeys
from proctor.adapters.sql_rush import SqlRush
from proctor.compose import vault_of
from proctor.demo import logins_of, number_of_nobody
from proctor.modules.accounts.service import create_account
from proctor.modules.catalog import service as catalog
from proctor.modules.identity.numbers import check_character
from proctor.modules.privacy.tables import enrolments, face_traces
from proctor.settings import load
from tests import pictures
from tests.client import Person
from tests.processes.test_study import passed, play
from tests.stack import Stack
from tests.world import NOW_MS, PASSWORD, password_hash

pytestmark = pytest.mark.processes

NAME, NUMBER, PHONE = "欧阳无人", number_of_nobody(777), "14000000777"
# Standing in every JPEG that a camera or our tests make, and never by chance in a sealed file.
JPEG_MARKS = (b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\xff\xd8\xff\xdb")


def stored(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file of the data folder but lesson videos and the socket, the database's journal included."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "media" not in path.relative_to(folder).parts and path.name != "demo.json":
            yield path, path.read_bytes()


IDENTITY = re.compile(rb"(?<![0-9A-Za-z])[1-9]\d{16}[\dXx](?![0-9A-Za-z])")


def is_number(found: bytes) -> bool:
    return check_character(found[:17].decode()) == found[17:].decode().upper()


def spellings(secrets_of: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """How a secret may lie about in disguise: as hex, as base64 at each of its three offsets, as UTF-16."""
    for name, plain in secrets_of.items():
        part = plain[:48]
        yield name, part
        yield f"{name}, hex", part.hex().encode()
        yield f"{name}, UTF-16", part.decode("latin-1").encode("utf-16-le")
        for shift in range(3):
            whole = base64.b64encode(b"\0" * shift + part)
            yield f"{name}, base64", whole[4 if shift else 0 : len(whole) - 4]


def holds_picture(data: bytes) -> bool:
    """Whether a picture can be read out of these bytes, wherever it begins, as it is or in base64."""
    for mark in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"):
        for found in re.finditer(re.escape(mark), data):
            part = np.frombuffer(data[found.start() : found.start() + 400_000], np.uint8)
            if cv2.imdecode(part, cv2.IMREAD_COLOR) is not None:
                return True
    for found in re.finditer(rb"/9j/[0-9A-Za-z+/]{400,}", data):
        whole = base64.b64decode(found.group()[: len(found.group()) // 4 * 4])
        if cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_COLOR) is not None:
            return True
    return False


async def opened(stack: Stack, learner: int) -> dict[str, bytes]:
    """Template and traces of this learner as only the installation's keys give them away."""
    db = SqlRush(f"sqlite+aiosqlite:///{stack.data / 'zhenxue.sqlite3'}")
    keys = SqlFaceKeys(db, vault_of(load({}, data=str(stack.data))))
    async with db.read() as conn:
        row = (await conn.execute(enrolments.select().where(enrolments.c.learner_id == learner))).one()
        traces = (await conn.execute(face_traces.select().where(face_traces.c.learner_id == learner))).all()
    sealed = {"template": (bytes(row.template_sealed), "enrolment.template")}
    sealed |= {f"trace {number}": (bytes(one.sealed), "face_traces.sealed") for number, one in enumerate(traces)}
    found = {name: (await keys.opening(data)).open(data, field) for name, (data, field) in sealed.items()}
    await db.close()
    assert len(found["template"]) == 512
    return found


def test_the_search_finds_what_it_looks_for() -> None:
    """A grep that finds nothing anywhere proves nothing."""
    picture, number = pictures.jpegs(pictures.dark_man())[0], NUMBER.encode()
    assert holds_picture(b"\0" * 50 + picture) and holds_picture(b"x" + base64.b64encode(picture))
    assert not holds_picture(bytes(range(256)) * 100) and not holds_picture(b"\xff\xd8\xff\xe0" + b"\0" * 500)
    for lying in (number, number.hex().encode(), base64.b64encode(b"ab" + number + b"xyz"),
                  NUMBER.encode("utf-16-le")):  # fmt: skip
        assert any(looks in lying for _form, looks in spellings({"number": number})), lying
    assert [one for one in IDENTITY.findall(b'{"n":"' + number + b'"}') if is_number(one)] == [number]


async def account(stack: Stack) -> tuple[int, str]:
    """A learner with a name and a number that nothing else here contains."""
    login, keys = f"rest{secrets.token_hex(4)}", vault_of(load({}, data=str(stack.data)))
    db = stack.database()
    async with db.write() as conn:
        learner = await create_account(
            conn, keys, institution_id=1, login=login, role="learner", name=NAME, id_number=NUMBER,
            phone=PHONE, password_hash=password_hash(), now_ms=NOW_MS,
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
        "resume token": token.encode(), "phone": PHONE.encode(),
    }  # fmt: skip
    faces = {f"picture {n}": data[200:260] for n, data in enumerate(pictures.jpegs(pictures.dark_man()))}
    for path, data in stored(strict.data):
        for what, bad in {**words, **faces, **{str(mark): mark for mark in JPEG_MARKS}}.items():
            assert bad not in data, f"{what} in {path}"
    templates = await opened(strict, learner)
    assert len(templates) >= 2, "the enrolment's template, and traces of what was shown"
    for path, data in stored(strict.data):
        for form, looks in spellings({"number": NUMBER.encode(), "phone": PHONE.encode(), **templates}):
            assert looks not in data, f"{form} in {path}"
        assert [found for found in IDENTITY.findall(data) if is_number(found)] == [], f"an identity number in {path}"
        assert not holds_picture(data), f"a picture in {path}"


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
