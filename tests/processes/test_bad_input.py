"""Bad input over the network: every form and every frame gets a clear answer, nothing changes, nothing breaks."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from sqlalchemy import func, select
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from proctor.core.wire import FRAME_BYTES_MAX
from proctor.modules.schema import metadata
from tests.client import Person
from tests.processes.test_study import passed
from tests.stack import Stack
from tests.world import PASSWORD
from web.routes import TABLE

pytestmark = pytest.mark.processes

POSTS = [route for route in TABLE if route.method == "POST"]
# Whatever somebody types: too long, of the wrong type, of another institution, of another world.
FORMS = (
    {},
    {"csrf": "wrong", "choice": "given"},
    {"login": "x" * 5_000, "password": "y" * 5_000, "lesson_id": "1e9", "choice": "maybe", "reason": "z" * 5_000},
    {"lesson_id": "999999999", "from_ms": "-1", "to_ms": "99999999999999999999", "words": "\x00\ud7ff", "span": "1-"},
    {"action": "drop table", "version": "NaN", "span": "5-1", "reason": "x", "lang": "../../etc"},
)
HEADERS: tuple[dict[str, str], ...] = (
    {}, {"X-CSRF": "wrong"}, {"Content-Type": "application/json"}, {"Authorization": "Bearer x"},
)  # fmt: skip
FRAMES = (
    b"", b"{}", b"[]", b"null", b'"beat"', b"{", b"\xff\xfe", b'{"t":"nothing"}', b'{"t":"beat"}',
    b'{"t":"beat","seq":"1","kind":"beat","pos":0}', b'{"t":"beat","seq":1,"kind":"fly","pos":0}',
    b'{"t":"beat","seq":1,"kind":"beat","pos":-1}', b'{"t":"beat","seq":1,"kind":"beat","pos":0,"span":[9,1]}',
    b'{"t":"beat","seq":1e99,"kind":"beat","pos":0}', b'{"t":"beat","seq":1,"kind":"beat","pos":0,"span":[0]}',
    b'{"t":"start","v":1,"ticket":"again"}', b'{"t":"resume","v":1,"token":"x","fence":1}',
    b'{"t":"sheet","check":"' + b"c" * 99 + b'","state":"open"}', b'{"t":"sheet","check":"c","state":"dance"}',
    b"[" * 1_500, b" " * (FRAME_BYTES_MAX + 1),
    b'{"t":"beat","seq":1,"kind":"beat","pos":0,"signals":["' + b"s" * 99 + b'"]}',
)  # fmt: skip


async def state_of(stack: Stack) -> dict[str, int]:
    """Rows by table, but for those that an attempt is meant to leave (failed sign-ins, their audit)."""
    db = stack.database()
    async with db.read() as conn:
        found = {}
        for table in metadata.sorted_tables:
            if table.name not in ("audit", "login_sessions", "facts", "seats", "checks"):
                found[table.name] = (await conn.execute(select(func.count()).select_from(table))).scalar_one()
    await db.close()
    return found


def clear(status: int, text: str, page: bool) -> bool:
    """A refusal in words: a page for people, one shape for programs; never a trace, never our fault."""
    if not 400 <= status < 500 or "Traceback" in text:
        return False
    if page:
        return "<html" in text
    return set(json.loads(text)["error"]) == {"code", "words", "request_id"}


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.name)
async def test_every_form_answers_nonsense_clearly_and_changes_nothing(stack: Stack, route) -> None:
    async with await stack.learner() as learner, aiohttp.ClientSession(stack.url) as nobody:
        await learner.page("/consent")
        before = await state_of(stack)
        for form in FORMS:
            for headers in HEADERS:
                for who in (nobody, learner.http):
                    kind = {"data": form} if "Content-Type" not in headers else {"data": json.dumps(form)}
                    async with who.post(route.example, headers=headers, allow_redirects=False, **kind) as answer:
                        text = await answer.text()
                        sent_to_door = answer.status == 303 and "/login" in answer.headers["Location"]
                        assert sent_to_door or clear(answer.status, text, route.page), (answer.status, text[:300])
        async with learner.http.post(route.example, data=b"x" * 3_000_000, allow_redirects=False) as answer:
            assert answer.status < 500
        assert await state_of(stack) == before


async def test_with_a_good_token_a_wrong_form_still_changes_nothing(stack: Stack) -> None:
    async with await stack.learner() as person:
        await person.page("/consent")
        before = await state_of(stack)
        for path, form in (
            ("/consent", {"choice": "maybe"}),
            ("/consent", {"choice": "given", "notice_version": "1999"}),
            ("/appeals", {"lesson_id": "1", "from_ms": "0", "to_ms": "5000", "words": "没有这一段可以申诉"}),
            ("/appeals", {"lesson_id": "x", "from_ms": "0", "to_ms": "1", "words": ""}),
            ("/console/cases/1/decisions", {"action": "dismiss", "reason": "我不是审核员", "version": "1"}),
        ):
            status, text = await person.post(path, **form)
            assert 400 <= status < 500 and "<html" in text, (path, status)
        assert await state_of(stack) == before


async def test_ids_of_nobody_and_of_others_are_not_found(stack: Stack) -> None:
    async with await stack.learner() as person:
        for path in ("/lessons/999999", "/courses/999999", "/records/lessons/999999", "/lessons/x", "/lessons/-1",
                     f"/lessons/{'9' * 19}", "/media/none/1/index.m3u8", "/static/../../setup.cfg",
                     "/player/../test/x.js", "/vendor/axe-core@4.14.1/axe.js", "/console/cases/1", "/console/audit",
                     "/api/v1/lessons/999999/state"):  # fmt: skip
            async with person.http.get(path, allow_redirects=False) as answer:
                assert answer.status in (403, 404), (path, answer.status)


async def test_a_locked_account_says_so_and_the_right_password_does_not_open_it(stack: Stack) -> None:
    ((_account, login),) = await stack.people()
    async with Person(stack.url) as person:
        for _try in range(5):
            await person.page("/login")
            status, _text = await person.post("/login", login=login, password="wrong-password-1")
        await person.page("/login")
        status, text = await person.post("/login", login=login, password=PASSWORD)
        assert status == 429 and "锁定" in text


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
async def test_every_wrong_frame_closes_with_a_code_and_earns_nothing(stack: Stack, frame: bytes) -> None:
    ticket_frame = json.dumps({"t": "start", "v": 1, "ticket": "forged"}).encode()
    async with connect(ws_of(stack), compression=None) as socket:
        await socket.send(frame.decode("latin-1") if frame.isascii() else frame)
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 5)
        assert closed.value.rcvd is None or closed.value.rcvd.code in (4500, 4006, 4402, 1009, 4004)
    async with connect(ws_of(stack), compression=None) as socket:
        await socket.send(ticket_frame.decode())
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 5)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4006


async def test_a_wrong_frame_of_a_seated_learner_keeps_what_was_earned(stack: Stack) -> None:
    async with await stack.learner() as person:
        study = await passed(person)
        await study.beat("play")
        await asyncio.sleep(1.01)
        await study.beat("beat", 1_000)
        assert study.socket is not None
        await study.socket.send('{"t":"beat","seq":"x"}')
        code, _reason = await study.until_closed()
        assert code == 4500
        back = await person.study(1)
        assert back.welcome["total_ms"] == 1_000


async def test_an_origin_that_is_not_ours_and_silence_are_refused(stack: Stack) -> None:
    async with connect(ws_of(stack), compression=None, origin="https://evil.example") as socket:  # type: ignore[arg-type]
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 5)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4501
    async with connect(ws_of(stack), compression=None) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 6)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4004


def ws_of(stack: Stack) -> str:
    return f"ws://localhost:{stack.gateway_port}/"
