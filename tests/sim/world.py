"""One simulated world: built from a seed, run, calmed down, and asked whether everything settled."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import hashlib
import json
from collections import Counter, deque
from collections.abc import Iterator
from random import Random

import structlog

import proctor.gateway.connection
import proctor.gateway.server
from proctor.adapters.memory import MemoryEvidence
from proctor.adapters.memory_tables import Account, Class, Institution, Lesson
from proctor.errors import Unavailable
from proctor.modules.study.rules import policy_of
from proctor.settings import Settings
from tests.sim import cheats, faults, people
from tests.sim.auditor import Auditor
from tests.sim.dice import seeded
from tests.sim.loop import Loop
from tests.sim.losses import GAP_MS, Losses
from tests.sim.office import RARE, Office
from tests.sim.processes import GatewayProcess, HostTime, Web, WorkerProcess
from tests.sim.settling import settle
from tests.sim.stores import Redis, Sql

MIDNIGHT_MS = 1_790_006_400_000  # 00:00 of 2026-09-22 in Shanghai
FACTS_SHOWN = 400


class World:
    """Everything of one seed. `trace` keeps the tail for people and a digest of all of it for comparing runs."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.loop = Loop()
        self.loop.thread_s = lambda: 0.02 + 0.2 * self.random.random()
        self.outside = contextvars.copy_context()
        self.marks: Counter[str] = Counter()
        self.tail: deque[tuple] = deque(maxlen=FACTS_SHOWN)
        self._digest = hashlib.blake2b(digest_size=16)
        self.stopped: dict[int, str] = {}  # learners who may not go on, and why
        self.crashed = False  # a gateway died with what its journal had not stored
        self.steps: list[tuple[int, int]] = []  # true time, size of a clock's step
        self._draw()
        self.redis = Redis(self.loop, self.random, self.count, self.epoch_ms)
        self.sql = Sql(self.loop, self.random, self.count, self.policy_json)
        self.losses = Losses(lambda: self.loop.now_ms)
        self.auditor = Auditor(self)
        self.loop.set_exception_handler(self._failed)
        self.redis.judged = self.auditor.told
        self.sql.opened, self.sql.wrote = self.auditor.opened, self.auditor.wrote
        self.evidence = MemoryEvidence()
        self._directory()

    # Drawing.

    def _draw(self) -> None:
        dice = self.random
        self.epoch_ms = MIDNIGHT_MS - dice.choice([20_000, 150_000, 280_000, 9 * 3_600_000, 23 * 3_600_000])
        self.zone = dice.choice(["Asia/Shanghai", "Asia/Shanghai", "Asia/Urumqi"])
        low = dice.choice([40_000, 70_000])
        self.policy_json = json.dumps({
            "check_every_ms_min": low, "check_every_ms_max": 2 * low, "check_window_ms": 20_000,
            "check_again_ms": 8_000, "check_reuse_ms": 60_000, "check_freeze_ms_max": 30_000,
            "stretch_ms_max": dice.choice([45_000, 900_000]),
            "daily_cap_ms": dice.choice([150_000, 21_600_000, 21_600_000]),
            "second_device": dice.choice(["newest", "newest", "newest", "first"]), "misses_review_count_min": 2,
            "active_start": dice.random() < 0.5, "active_end": dice.random() < 0.5,
            "active_takeover": dice.random() < 0.5, "active_one_in": dice.choice([0, 1, 2, 5]),
            "active_turns": dice.choice([2, 3]),
        })  # fmt: skip
        self.policy = policy_of(self.policy_json)
        self.run_ms = dice.choice([110_000, 110_000, 170_000, 320_000])
        self.lessons = {number: dice.choice([70_000, 130_000, 260_000]) for number in (1, 2)}
        self.settings = Settings(
            journal_every_ms=dice.choice([300, 1_000]), tick_ms=dice.choice([200, 300]),
            journal_facts_max=dice.choice([20_000, 12]), journal_facts=dice.choice([12, 5]),
            verdict_ms=6_000, snapshot_every_ms=1_000,
        )  # fmt: skip
        self.fault_kinds = [kind for kind in faults.KINDS if dice.random() < 0.35]
        if dice.random() < 0.1:
            self.fault_kinds = []
        self.moves = [move for move in people.HABITS if dice.random() < 0.5]
        self.rare = [action for action in RARE if dice.random() < 0.15]
        self.honest_count = dice.choice([1, 2, 3])
        self.cheat_kinds = dice.sample(cheats.KINDS, dice.choice([1, 2, 3]))
        self.gateway_count = dice.choice([1, 2, 3])

    def _directory(self) -> None:
        directory = self.sql.records.directory
        directory.institutions[1] = Institution(zone=self.zone)
        learners = range(1, 1 + self.honest_count + len(self.cheat_kinds))
        for learner_id in learners:
            agreed = self.random.random() < 0.8
            directory.accounts[learner_id] = Account(institution_id=1, face_consent=agreed)
            if not agreed:
                self.auditor.refused(learner_id)
                self.count("never_agreed")
            directory.logins[f"l{learner_id}"] = (learner_id, 2**62)
        for lesson_id, duration_ms in self.lessons.items():
            directory.lessons[lesson_id] = Lesson(course_id=1, duration_ms=duration_ms)
        directory.classes[1] = Class(course_ids=(1,), roster=set(learners))

    # Telling.

    def count(self, mark: str, by: int = 1) -> None:
        self.marks[mark] += by

    def trace(self, *words) -> None:
        """Words become text when somebody reads them; the digest takes them as they are."""
        line = (self.loop.now_ms, *words)
        self.tail.append(line)
        self._digest.update(repr(line).encode())

    def digest(self) -> str:
        return self._digest.hexdigest()

    def tail_text(self, most: int) -> list[str]:
        return [f"{line[0]:>7} " + " ".join(map(str, line[1:])) for line in list(self.tail)[-most:]]

    def stepped(self, ms: int) -> None:
        now_ms = self.loop.now_ms
        self.steps.append((now_ms, abs(ms)))
        self.losses.stood("clock_step", 0, now_ms - GAP_MS - abs(ms), now_ms + GAP_MS)

    def unsure_ms(self, since_ms: int) -> int:
        """How much a clock may have lied since then: one gap at most for each step."""
        return sum(min(size, 30_000) for at, size in self.steps if at >= since_ms)

    def _failed(self, _loop, context: dict) -> None:
        """A callback or a task ended by an exception. One that waited for a store and was forgotten is no bug."""
        error, task = context.get("exception"), context.get("task")
        if error is not None and ("handle" in context or (task and not isinstance(error, Unavailable))):
            self.auditor.fail("nothing of ours fails", repr(error))

    # Who is here.

    def person(self, learner_id: int):
        return self.people[learner_id - 1]

    def honest(self, learner_id: int) -> bool:
        return 0 < learner_id <= self.honest_count

    def played(self, learner_id: int, lesson_id: int) -> int:
        return self.person(learner_id).played(lesson_id)

    def processes(self):
        return [one.process for one in (*self.gateways, *self.workers, self.web)]

    def some_gateway(self):
        """The port is shared: a frozen process still gets its share of new connections."""
        found = [one for one in self.gateways if not one.process.dead and not one.closed]
        return self.random.choice(found) if found else None

    def fill_up(self) -> None:
        """The supervisor starts what is missing."""
        for things, count, make in (
            (self.gateways, self.gateway_count, lambda n: GatewayProcess(self, f"gateway-{n}", self.settings)),
            (self.workers, 2, lambda n: WorkerProcess(self, f"faces-{n}")),
        ):
            alive = [one for one in things if not one.process.dead and not getattr(one, "closed", False)]
            for _missing in range(count - len(alive)):
                self._made += 1
                things.append(make(self._made))

    # Running.

    async def _run(self) -> None:
        self._made = 0
        self.gateways: list[GatewayProcess] = []
        self.workers: list[WorkerProcess] = []
        self.web = Web(self)
        self.fill_up()
        self.people = [
            people.Honest(self, number, f"l{number}", self.moves) for number in range(1, self.honest_count + 1)
        ]
        for kind in self.cheat_kinds:
            number = len(self.people) + 1
            self.count(f"cheat_{kind}")
            self.people.append(cheats.Cheat(self, number, f"l{number}", kind))
        self.office = Office(self, self.rare)
        office = self.loop.create_task(self.office.run())
        trouble = faults.Faults(self, self.fault_kinds)
        troubling = self.loop.create_task(trouble.run())
        await asyncio.sleep(self.run_ms / 1_000)
        await trouble.stop()
        troubling.cancel()
        await settle(self)
        office.cancel()

    def run(self) -> None:
        """Raises Violation."""
        with seeded(self.random), host_clocks(), quiet(self):
            try:
                self.loop.run_until_complete(self.loop.create_task(self._run(), context=self.outside))
            finally:
                self.trace("end")
                self.loop.abandon()


@contextlib.contextmanager
def host_clocks() -> Iterator[None]:
    """The gateway's modules ask the simulated host for the time."""
    modules = (proctor.gateway.server, proctor.gateway.connection)
    before = [module.time for module in modules]
    for module in modules:
        module.time = HostTime
    try:
        yield
    finally:
        for module, time in zip(modules, before, strict=True):
            module.time = time


@contextlib.contextmanager
def quiet(world: World) -> Iterator[None]:
    """Logs are silent; a background task that failed is a violation."""

    def process(_logger, _name, event):
        if event.get("event") == "task_failed":
            world.auditor.fail("no background task fails", repr(event.get("exc_info")))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[process], wrapper_class=structlog.make_filtering_bound_logger(40))
    try:
        yield
    finally:
        structlog.configure(**before)
