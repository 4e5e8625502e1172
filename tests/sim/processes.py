"""Our processes inside the world: gateways, face workers and the web, made of the production code.

Left out are only picows' server, aiohttp and SQLAlchemy; the web's two doors (ticket, upload) do here what
`web.api.lessons` and `web.api.checks` do there.
"""

from __future__ import annotations

import asyncio
import secrets
from types import SimpleNamespace

import msgspec

from proctor import admin
from proctor.adapters.clock import local_day
from proctor.adapters.memory import MemoryEvidence
from proctor.core.facts import CheckWay, Outcome
from proctor.core.inputs import Verdict
from proctor.errors import Refused, Unavailable
from proctor.faces.worker import Worker
from proctor.gateway.server import Gateway, resume_token_of
from proctor.gateway.tickets import StartTicket, Tickets
from proctor.live.hub import Hub
from proctor.live.inbox import read_inbox
from proctor.live.ticker import run_ticker
from proctor.ports import FaceJob, NotAccepted
from proctor.settings import Settings
from tests.sim.loop import PROCESS, Loop, Process
from tests.sim.network import UPGRADE
from tests.sim.stores import RedisDoor

KEY = b"k" * 32


class Host:
    """Clocks of one process: monotonic time that may stop with the machine, wall time that may step."""

    def __init__(self, loop: Loop, epoch_ms: int) -> None:
        self.loop = loop
        self.epoch_ms = epoch_ms
        self.stopped_ms = 0
        self.wall_step_ms = 0

    def monotonic_ms(self) -> int:
        return self.loop.now_ms - self.stopped_ms

    def wall_ms(self) -> int:
        return self.epoch_ms + self.loop.now_ms + self.wall_step_ms


class HostTime:
    """Stands in for the `time` module of the gateway: whoever asks gets the clock of its own host."""

    @staticmethod
    def monotonic() -> float:
        process = PROCESS.get()
        return process.host.monotonic_ms() / 1_000 if process is not None else 0.0

    @staticmethod
    def time_ns() -> int:
        process = PROCESS.get()
        return process.host.wall_ms() * 1_000_000 if process is not None else 0


class EngineClock:
    """`adapters.clock.SystemClock` on a simulated host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._anchor_ms = host.wall_ms() - host.monotonic_ms()
        self._offset_ms = 0

    def now_ms(self) -> int:
        return self._host.monotonic_ms() + self._anchor_ms

    def redis_ms(self, engine_ms: int) -> int:
        return engine_ms + self._offset_ms

    def engine_ms(self, redis_ms: int) -> int:
        return redis_ms - self._offset_ms

    def observe(self, redis_ms: int) -> None:
        self._offset_ms = redis_ms - self.now_ms()

    def day(self, engine_ms: int, zone: str) -> tuple[str, int]:
        day, end_ms = local_day(self.redis_ms(engine_ms), zone)
        return day, self.engine_ms(end_ms)


class Ordered(dict):
    """A set in the order of insertion: iteration must not depend on addresses."""

    def add(self, item) -> None:
        self[item] = None

    def discard(self, item) -> None:
        self.pop(item, None)


class GatewayProcess:
    """One gateway process: everything that `gateway.process.serve` starts, but the listening socket."""

    def __init__(self, world, name: str, settings: Settings) -> None:
        loop = world.loop
        self.world = world
        self.process = Process(loop, name)
        self.process.host = self.host = Host(loop, world.epoch_ms)
        self.name = name
        self.sockets: list = []
        self.closed = False
        self.stop = asyncio.Event()
        self.tickets = Tickets(KEY)
        door = RedisDoor(world.redis)
        self.process.context.run(self._build, world, settings, door)
        self.process.spawn(self._serve(door))

    def _build(self, world, settings: Settings, door: RedisDoor) -> None:
        self.clock = EngineClock(self.host)
        self.clock.observe(world.redis.time_ms())
        self.hub = Hub(
            settings, node=self.name, clock=self.clock, leases=door, records=world.sql, checks=door, inbox=door,
            nodes=door, mint_upload=self.tickets.mint_upload, mint_resume=self._mint_resume,
        )  # fmt: skip
        self.hub._tasks = Ordered()
        self.gateway = Gateway(settings, self.hub, self.tickets)
        self.gateway._sockets = Ordered()
        world.auditor.watch_gateway(self)

    def _mint_resume(self, claim, class_id: int, fence: int) -> str:
        expires_ms = self.host.wall_ms() + self.hub.settings.resume_token_ms
        return self.tickets.mint_resume(resume_token_of(claim, class_id, fence, expires_ms))

    async def _serve(self, door: RedisDoor) -> None:
        hub = self.hub
        for work in (
            hub.journal.run(self.stop),
            hub.keeper.run(self.stop, lambda: list(hub.learners.values())),
            run_ticker(hub, self.stop),
            self.gateway.scan(self.stop),
            read_inbox(hub, door, self.stop),
            admin.announce(door, self.name, "gateway", 0, 3.0, self.stop),
        ):
            self.process.spawn(self._loud(work))

    async def _loud(self, work) -> None:
        """A loop that ends on its own is a bug, as in `process.serve`."""
        try:
            await work
        except Exception as error:
            self.world.auditor.fail("a loop of a gateway ended", f"{self.name}: {error!r}")

    def admit(self):
        return self.gateway._admit(UPGRADE)

    async def drain(self) -> None:
        """SIGTERM, as in `process.serve`: drain, flush, and the process is gone."""
        self.closed = True
        await self.gateway.drain()
        self.stop.set()
        try:
            await asyncio.wait_for(self.hub.journal.flush(), 3.0)
        except (Unavailable, TimeoutError):
            self.world.count("drain_without_flush")
        self.die()

    def die(self) -> None:
        """Kill -9: nothing of it runs any more, its sockets break."""
        self.process.kill()
        self.world.crashed = self.world.crashed or self.hub.journal.waiting_facts > 0
        for socket in list(self.sockets):
            socket._tell(socket._at_page, "closed", 1006)
        self.sockets.clear()


class Judge:
    """The truth about faces: a burst says in its pictures whose face it shows, and how well."""

    model = "simulated"
    precision = version = ""

    def judge(self, frames: list[bytes], _template, _source, *, way=CheckWay.ROUTINE, actions=(), **_more):
        _whose, words, acted = (set(parts) for parts in zip(*(frame.split(b":") for frame in frames), strict=True))
        active_next = False
        if b"crash" in words:
            word = (Outcome.OUR_FAULT, "model_error")
        elif b"dark" in words:
            word = (Outcome.UNCLEAR, "dark")
        elif b"other" in words:
            word = (Outcome.MISMATCH, "mismatch")
        elif b"grey" in words:
            word, active_next = (Outcome.UNCLEAR, "not_sure"), way is CheckWay.ROUTINE
        elif way is CheckWay.ACTIVE and acted != {"+".join(actions).encode()}:
            word = (Outcome.UNCLEAR, "still")
        else:
            word = (Outcome.PASSED, "")
        return SimpleNamespace(
            outcome=word[0], detail=word[1], score=0.5, threshold=0.4, frames=len(frames), template=None, best=-1,
            active_next=active_next, cues=(), precision="", traces=(),
        )  # fmt: skip

    def template_of(self, _photo: bytes):
        return b"template"


class FaceBook:
    """`faces.records.FaceRecords` over the records in memory."""

    def __init__(self, world) -> None:
        self.world = world

    async def consented(self, learner_id: int) -> bool:
        async def deed():
            return self.world.sql.records.directory.accounts[learner_id].face_consent

        return await self.world.sql.call(deed)

    async def template(self, learner_id: int, model: str):
        return b"template"

    async def photo(self, learner_id: int):
        return "photo", b"photo"

    async def set_template(self, learner_id: int, evidence_id: str, template, model: str) -> None: ...

    async def enrol(self, job: FaceJob, template, model: str, photo: bytes) -> bool:
        return False

    async def earlier(self, job: FaceJob, model: str):
        return ()

    async def judged(self, done) -> None:
        for one in done:
            self.world.auditor.judged(one.job, one.verdict)


class WorkerProcess:
    def __init__(self, world, name: str) -> None:
        self.world = world
        self.process = Process(world.loop, name)
        self.process.host = Host(world.loop, world.epoch_ms)
        self.name = name
        self.process.spawn(self._serve())

    async def _serve(self) -> None:
        door = RedisDoor(self.world.redis)
        worker = Worker(
            jobs=door, checks=door, evidence=self.world.evidence, records=FaceBook(self.world), judge=Judge(),
            name=self.name,
        )  # fmt: skip
        try:
            await worker.run(asyncio.Event())
        except Exception as error:
            self.world.auditor.fail("a worker ended", repr(error))

    def die(self) -> None:
        self.process.kill()


class Web:
    """Tickets and uploads. `lost_p`: an answer that never reaches the page."""

    def __init__(self, world) -> None:
        self.world = world
        self.tickets = Tickets(KEY)
        self.lost_p = 0.0
        self._start()

    def _start(self) -> None:
        self.process = Process(self.world.loop, "web")
        self.process.host = self.host = Host(self.world.loop, self.world.epoch_ms)
        self.door = RedisDoor(self.world.redis)
        self.process.spawn(admin.announce(self.door, "web", "web", 0, 3.0, asyncio.Event()))

    def die(self) -> None:
        self.process.kill()

    def restart(self) -> None:
        if self.process.dead:
            self._start()

    def request(self, work, answer) -> None:
        """One HTTP request: `work` runs here, `answer(result or None)` at the page. None: no answer."""
        loop = self.world.loop
        lost = self.process.dead or self.world.random.random() < self.lost_p
        if self.process.dead:
            work.close()
            loop.call_later(0.3, answer, None)
            return

        async def serve() -> None:
            try:
                result = await work
            except Unavailable:
                result = (503, "unavailable")
            except Refused as refused:
                result = (REFUSALS.get(refused.code, 400), refused.code)
            context = self.world.outside
            loop.call_later(0.05, answer, None if lost else result, context=context)

        loop.call_later(0.04, lambda: self.process.spawn(serve()))

    async def ticket(self, learner_id: int, lesson_id: int, device_id: str, page_id: str, kind: str, login_id: str):
        world, directory = self.world, self.world.sql.records.directory

        async def deed():
            account = directory.accounts[learner_id]
            if directory.logins[login_id][1] <= self.host.wall_ms():
                return 401, "login_ended"
            if account.status != "active":
                return 403, "blocked"
            return 200, self.tickets.mint_start(
                StartTicket(
                    learner_id=learner_id, lesson_id=lesson_id, class_id=1,
                    institution_id=account.institution_id, login_id=login_id, account_version=account.version,
                    device_id=device_id, page_id=page_id, device_kind=kind, host=False,
                    jti=secrets.token_hex(16), expires_ms=self.host.wall_ms() + 60_000,
                    lease_ms=world.policy.gap_ms_max, first_keeps=world.policy.second_device == "first",
                )
            )  # fmt: skip

        return await world.sql.call(deed)

    async def upload(self, text: str, frames: list[bytes]):
        """As `web.api.checks._take`: consent, accept by Redis TIME, store, queue."""
        world = self.world
        ticket = self.tickets.read_upload(text)
        if ticket.way is CheckWay.CODE:
            raise Refused("ticket_invalid")

        async def consent():
            return world.sql.records.directory.accounts[ticket.learner_id].face_consent

        if not await world.sql.call(consent):
            raise Refused("no_consent")
        accepted = await self.door.accept(ticket, b"|".join(frames).decode())
        if isinstance(accepted, NotAccepted):
            raise Refused(accepted.why)
        if accepted.fresh:
            world.auditor.accepted(ticket, accepted.redis_ms)
            try:
                queued = await self._queue(ticket, frames, accepted.redis_ms)
            except Unavailable:
                queued = False
            if not queued:
                world.count("upload_not_queued")
                verdict = Verdict(
                    check_id=ticket.check_id, try_number=ticket.try_number, outcome=Outcome.OUR_FAULT,
                    detail="queue_full", frames=len(frames),
                )  # fmt: skip
                await self.door.judge(verdict)
        return 202, ""

    async def code(self, text: str, word: str):
        """As `web.api.codes.answer`: accept by Redis TIME, and judge at once."""
        ticket = self.tickets.read_upload(text)
        if ticket.way is not CheckWay.CODE:
            raise Refused("ticket_invalid")
        accepted = await self.door.accept(ticket, word)
        if isinstance(accepted, NotAccepted):
            raise Refused(accepted.why)
        if accepted.fresh:
            self.world.auditor.accepted(ticket, accepted.redis_ms)
            outcome, detail = CODE_WORDS.get(word, (Outcome.UNCLEAR, "code_wrong"))
            verdict = Verdict(
                check_id=ticket.check_id, try_number=ticket.try_number, outcome=outcome, detail=detail, model="code"
            )
            self.world.auditor.judged(ticket, verdict)
            await self.door.judge(verdict)
        return 202, ""

    async def _queue(self, ticket, frames: list[bytes], redis_ms: int) -> bool:
        blob = msgspec.msgpack.encode(frames)
        evidence_id = await self.world.evidence.put(
            blob, kind="burst", institution_id=ticket.institution_id, learner_id=ticket.learner_id
        )
        return await self.door.put(
            FaceJob(
                check_id=ticket.check_id, try_number=ticket.try_number, learner_id=ticket.learner_id,
                institution_id=ticket.institution_id, lesson_id=ticket.lesson_id, evidence_id=evidence_id,
                enrol=False, source="camera", accepted_redis_ms=redis_ms, way=ticket.way, actions=ticket.actions,
            )
        )  # fmt: skip


CODE_WORDS = {
    "me": (Outcome.PASSED, ""), "crash": (Outcome.OUR_FAULT, "text_not_sent"),
    "no_phone": (Outcome.UNCLEAR, "no_phone"),
}  # fmt: skip
REFUSALS = {
    "cancelled": 409, "other_bytes": 409, "judged": 409, "late": 410, "closed": 410, "unknown": 410,
    "no_consent": 403, "ticket_invalid": 403,
}  # fmt: skip

__all__ = ["GatewayProcess", "HostTime", "MemoryEvidence", "Web", "WorkerProcess"]
