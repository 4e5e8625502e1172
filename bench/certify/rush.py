"""S9 a thousand at once through the real web, S10 a thousand sign-ins at once: each operation its own rendezvous.

Everybody waits at a gate, with a browser of its own that has no connection yet; when the gate opens all ask at the
same moment. The clock of each runs from the opening of the gate to the last byte of its answer.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import aiohttp
import msgspec
from sqlalchemy import update

from bench import report
from bench.certify import press
from bench.certify.plan import DIALS_PER_S, RAMP_MOST_S, Plan
from bench.certify.stage import Findings, Stage
from bench.certify.steady import late_row
from bench.histogram import Histogram
from bench.report import Row
from bench.world import DAY_MS, World
from proctor import compose
from proctor.modules.accounts.service import hash_password
from proctor.modules.accounts.tables import accounts
from proctor.modules.catalog import service as catalog
from proctor.modules.catalog.tables import classes, rosters
from proctor.settings import Settings

PASSWORD = "a password of the bench"
ANSWER_S = 60.0  # then an operation counts as failed
CALM = 20  # browsers that are made ready at once
JPEG_BYTES = 16_000
FRAMES = 3
COSTS = 5  # hashes by which the price of one is known
GRACE_S = 2.0


class Outcome(msgspec.Struct, kw_only=True):
    """What came of one rendezvous."""

    took: Histogram
    errors: Counter[str]


class Browser:
    """One signed-in learner. `close` it at the end."""

    def __init__(self, settings: Settings, world: World, number: int, *, signed: bool) -> None:
        self.learner_id = world.first + number
        self.lesson_id = world.lesson_of(number)
        cookies = {"zx_device": secrets.token_hex(16)}
        if signed:
            cookies["zx_session"] = press.cookie(self.learner_id)
        self.http = aiohttp.ClientSession(
            f"http://127.0.0.1:{settings.port}", cookies=cookies, cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=aiohttp.ClientTimeout(total=ANSWER_S),
        )  # fmt: skip
        self.csrf = "bench"
        self.socket: aiohttp.ClientWebSocketResponse | None = None
        self.check: dict = {}

    async def page(self, path: str) -> str:
        """Status 200 and nothing else, or the words of what came instead."""
        async with self.http.get(path, allow_redirects=False) as answer:
            await answer.read()
            return "" if answer.status == 200 else f"{path.split('/')[1]} {answer.status}"

    async def start(self) -> str:
        """Press play: a ticket of the web, then the seat. The welcome asks for the start check."""
        body, headers = {"page_id": secrets.token_hex(8)}, {"X-CSRF": self.csrf}
        path = f"/api/v1/lessons/{self.lesson_id}/ticket"
        async with self.http.post(path, json=body, headers=headers) as answer:
            if answer.status != 200:
                return f"ticket {answer.status}"
            given = await answer.json()
        self.socket = await self.http.ws_connect(given["ws"])
        await self.socket.send_json({"t": "start", "v": 1, "ticket": given["ticket"]})
        frame = await self.socket.receive_json()
        if frame["t"] != "welcome":
            return f"no welcome: {frame['t']}"
        self.check = frame["check"] or {}
        return ""

    async def upload(self) -> str:
        """A burst as a camera makes it: three pictures of a usual size."""
        if not self.check:
            return "no check was asked"
        form = aiohttp.FormData()
        form.add_field("source", "camera")
        for index in range(FRAMES):
            form.add_field(f"frame{index}", b"\xff\xd8\xff" + os.urandom(JPEG_BYTES), filename=f"{index}.jpg",
                           content_type="image/jpeg")  # fmt: skip
        headers = {"X-Upload-Ticket": self.check["ticket"]}
        async with self.http.post(self.check["upload"], data=form, headers=headers) as answer:
            await answer.read()
            return "" if answer.status == 202 else f"upload {answer.status}"

    async def form(self) -> None:
        """The sign-in page, for its token."""
        async with self.http.get("/login") as answer:
            found = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
        assert found is not None
        self.csrf = found.group(1)

    async def sign_in(self) -> str:
        form = {"csrf": self.csrf, "login": f"bench{self.learner_id}", "password": PASSWORD}
        async with self.http.post("/login", data=form, allow_redirects=False) as answer:
            await answer.read()
            return "" if answer.status == 303 and "zx_session" in answer.cookies else f"sign-in {answer.status}"

    async def close(self) -> None:
        if self.socket is not None:
            await self.socket.close()
        await self.http.close()


async def rendezvous(work: Sequence[Callable[[], Awaitable[str]]]) -> Outcome:
    """All at once. An operation returns "" or what went wrong."""
    gate = asyncio.Event()
    found = Outcome(took=Histogram(), errors=Counter())
    opened_s = 0.0

    async def one(operation: Callable[[], Awaitable[str]]) -> None:
        await gate.wait()
        try:
            wrong = await operation()
        except (aiohttp.ClientError, TimeoutError, OSError, TypeError, ValueError) as error:
            wrong = type(error).__name__
        found.took.add(int((time.perf_counter() - opened_s) * 1_000_000))
        if wrong:
            found.errors[wrong] += 1

    tasks = [asyncio.create_task(one(operation)) for operation in work]
    await asyncio.sleep(0.2)
    opened_s = time.perf_counter()
    gate.set()
    await asyncio.gather(*tasks)
    return found


async def ready(work: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """What comes before a rendezvous, a few at a time."""
    gate = asyncio.Semaphore(CALM)

    async def one(operation: Callable[[], Awaitable[None]]) -> None:
        async with gate:
            await operation()

    await asyncio.gather(*(one(operation) for operation in work))


def numbers(plan: Plan) -> range:
    """The last learners of the world: they are not in the crowd."""
    return range(plan.online - plan.at_once, plan.online)


def browsers(settings: Settings, world: World, plan: Plan, *, signed: bool) -> list[Browser]:
    return [Browser(settings, world, number, signed=signed) for number in numbers(plan)]


async def prepare(settings: Settings, world: World, plan: Plan) -> None:
    """These learners have a class in which a lesson begins with a check, and a password."""
    ids = [world.first + number for number in numbers(plan)]
    hashed = await asyncio.to_thread(hash_password, PASSWORD)
    now_ms = time.time_ns() // 1_000_000
    course = 1  # the only one of a bench's world
    async with compose.database(settings) as db, db.write() as conn:
        class_id = await catalog.add_class(
            conn, institution_id=world.institution, name="核验班", opens_ms=0, closes_ms=now_ms + 365 * DAY_MS,
            course_ids=[course], learner_ids=[], now_ms=now_ms,
        )  # fmt: skip
        rules = msgspec.json.encode({"check_at_start": True}).decode()
        await conn.execute(update(classes).where(classes.c.id == class_id).values(policy=rules))
        span = rosters.c.learner_id.between(ids[0], ids[-1])
        await conn.execute(update(rosters).where(span).values(class_id=class_id))
        await conn.execute(
            update(accounts).where(accounts.c.id.between(ids[0], ids[-1])).values(password_hash=hashed)
        )


# S9.


async def operations(stage: Stage, browsers: list[Browser], findings: Findings, wanted: int) -> None:
    """S9: four operations, one rendezvous each, while half of the learners are online."""
    stage.say("S9 operations at once")
    findings.rows.append(report.row("S9", "网页进程数 web processes", 1, ""))
    findings.rows += online_rows("S9", stage.crowds.live, wanted)
    from_s = time.perf_counter()
    try:
        for words, work in (
            ("打开课程 open course", [lambda one=one: one.page("/courses/1") for one in browsers]),
            ("开始学习 start lesson", [one.start for one in browsers]),
            ("上传核验照片 check upload", [one.upload for one in browsers]),
            ("学时记录 record page", [lambda one=one: one.page("/records") for one in browsers]),
        ):
            with stage.mark(f"S9 {words.split(' ', 1)[1]}"):
                found = await rendezvous(work)
            findings.rows += outcome_rows("S9", words, found, len(browsers))
            await asyncio.sleep(1)
    finally:
        await asyncio.gather(*(one.close() for one in browsers), return_exceptions=True)
    to_s = time.perf_counter()
    await stage.crowds.heard(to_s)
    findings.rows.append(late_row("S9", stage.part.seconds.window(from_s - 1, to_s)))


def online_rows(scenario: str, live: int, wanted: int) -> list[Row]:
    return [
        report.row(scenario, "同时在线 online beside them", live, ""),
        report.row(scenario, "应在线而未在线 missing beside them", wanted - live, "", "certify_rush_missing"),
    ]


def outcome_rows(scenario: str, words: str, found: Outcome, count: int) -> list[Row]:
    said = _said(found)
    return [
        report.row(scenario, f"{words}: 次数 operations", count, ""),
        report.row(scenario, f"{words}: 错误 errors {said}".strip(), sum(found.errors.values()), "",
                   "certify_s9_errors"),
        report.row(scenario, f"{words}: p50", found.took.percentile(500) / 1e6, "s"),
        report.row(scenario, f"{words}: p99", found.took.percentile(990) / 1e6, "s", "certify_s9_p99_s"),
        report.row(scenario, f"{words}: max", found.took.max_us / 1e6, "s"),
    ]  # fmt: skip


def _said(found: Outcome) -> str:
    """The most frequent errors in words."""
    return ", ".join(f"{kind} {times}" for kind, times in found.errors.most_common(3))


# S10.


async def sign_ins(stage: Stage, browsers: list[Browser], findings: Findings, wanted: int) -> None:
    """S10: passwords are dear on purpose; they must neither fail nor disturb those who study."""
    stage.say("S10 sign-ins")
    cost_s = hash_cost_s()
    try:
        await ready([one.form for one in browsers])
        with stage.mark("S10 sign-ins") as mark:
            found = await rendezvous([one.sign_in for one in browsers])
    finally:
        await asyncio.gather(*(one.close() for one in browsers), return_exceptions=True)
    await stage.crowds.heard(mark.to_s + 1)
    tick = stage.part.seconds.window(mark.from_s - 1, mark.to_s + 1)
    wrong = sum(tick.errors.values()) + tick.sent - tick.acked
    findings.rows += sign_in_rows(found, len(browsers), cost_s, os.cpu_count() or 1)
    findings.rows += [
        *online_rows("S10", stage.crowds.live, wanted),
        report.row("S10", "其间心跳 p99 beats meanwhile", tick.latency.percentile(990) / 1_000, "ms",
                   "certify_s10_beats_p99_ms"),
        report.row("S10", "其间心跳错误与无应答 errors meanwhile, and beats without an answer", wrong, "",
                   "certify_s10_beats_errors"),
        late_row("S10", tick),
    ]  # fmt: skip


def sign_in_rows(found: Outcome, count: int, cost_s: float, cores: int) -> list[Row]:
    """All within what so many hashes cost on all cores, and two seconds."""
    last = report.row("S10", "最后一个 the last one", found.took.max_us / 1e6, "s")
    last.limit = count * cost_s / cores + GRACE_S
    return [
        report.row("S10", "同时登录 sign-ins at once", count, ""),
        report.row(
            "S10", f"错误 errors {_said(found)}".strip(), sum(found.errors.values()), "", "certify_s10_errors"
        ),
        report.row("S10", "一次 Argon2id 的代价 cost of one", cost_s * 1_000, "ms"),
        report.row("S10", "p50", found.took.percentile(500) / 1e6, "s"),
        last,
    ]


def hash_cost_s() -> float:
    """The quickest of a few: what one password costs on a core of this machine that does nothing else."""
    found = []
    for _turn in range(COSTS):
        began_s = time.perf_counter()
        hash_password(PASSWORD)
        found.append(time.perf_counter() - began_s)
    return min(found)


async def come(stage: Stage, count: int) -> None:
    """So many of the crowd are online, and have beaten."""
    await stage.crowds.dial(count - stage.crowds.live, DIALS_PER_S, RAMP_MOST_S)
    await asyncio.sleep(stage.plan.beat_s + 1)
