"""One running half in memory: every port of `adapters.memory`, a clock that the test moves, links that remember.

A hub over these ports is the real one; only the stores are dictionaries. `Faulty` stands before a port and makes it
unavailable while a test says so.
"""

from __future__ import annotations

import secrets
from typing import Any

from proctor.adapters.memory import ManualClock, MemoryChecks, MemoryInbox, MemoryLeases, MemoryNodes
from proctor.adapters.memory_records import MemoryRecords
from proctor.adapters.memory_tables import Account, Class, Institution, Lesson
from proctor.core import wire
from proctor.core.facts import Outcome
from proctor.core.inputs import Verdict
from proctor.errors import Unavailable
from proctor.gateway.server import resume_token_of
from proctor.gateway.tickets import Tickets
from proctor.live.hub import Hub
from proctor.live.inbox import deliver
from proctor.live.learner import Claim, Learner
from proctor.settings import Settings

LESSON_MS = 600_000


class Faulty:
    """A port that raises Unavailable, or whatever `error` is, while one is set; `calls` counts by method."""

    def __init__(self, port: Any, name: str) -> None:
        self._port = port
        self._name = name
        self.gone = False
        self.error: Exception | None = None
        self.calls: dict[str, int] = {}

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)

        async def call(*args: object, **more: object) -> Any:
            self.calls[method] = self.calls.get(method, 0) + 1
            if self.gone:
                raise Unavailable(self._name)
            if self.error is not None:
                raise self.error
            return await found(*args, **more)

        return call if callable(found) else found


class MemoryLink:
    """`live.learner.Link` that keeps what was said."""

    def __init__(self) -> None:
        self.sent: list[wire.ServerFrame] = []
        self.closed: tuple[int, str] | None = None

    @property
    def gone(self) -> bool:
        return self.closed is not None

    def send(self, frame: wire.ServerFrame) -> None:
        if self.closed is None:
            self.sent.append(frame)

    def close(self, code: int, reason: str = "") -> None:
        self.closed = self.closed or (code, reason)

    def of(self, kind: type) -> list[Any]:
        return [frame for frame in self.sent if isinstance(frame, kind)]

    def last(self, kind: type) -> Any:
        return self.of(kind)[-1]


class House:
    """Stores of one installation and one node of it; `node(name)` makes further ones over the same stores."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(**{"demo": False, **settings})
        self.clock = ManualClock()
        self.redis = Faulty(MemoryLeases(self._redis_ms), "redis")
        self.inbox = MemoryInbox()
        self.inbox.leases = self.redis  # type: ignore[assignment]
        self.records = MemoryRecords()
        self.sql = Faulty(self.records, "sql")
        self.checks = Faulty(MemoryChecks(self._redis_ms, self.inbox), "redis")
        self.nodes = MemoryNodes(self._redis_ms)
        self.tickets = Tickets(b"t" * 32)
        directory = self.records.directory
        directory.institutions[1] = Institution()
        directory.lessons[1] = Lesson(course_id=1, duration_ms=LESSON_MS)
        directory.lessons[2] = Lesson(course_id=1, duration_ms=LESSON_MS)
        directory.classes[1] = Class(course_ids=(1,), roster=set())
        self.hub = self.node("n1")

    def _redis_ms(self) -> int:
        return self.clock.now_ms()

    def node(self, name: str) -> Hub:
        def mint_resume(claim: Claim, class_id: int, fence: int) -> str:
            return self.tickets.mint_resume(resume_token_of(claim, class_id, fence, 2**50))

        return Hub(
            self.settings, node=name, clock=self.clock, leases=self.redis, records=self.sql, checks=self.checks,  # type: ignore[arg-type]
            inbox=self.inbox, nodes=self.nodes, mint_upload=self.tickets.mint_upload, mint_resume=mint_resume,
        )  # fmt: skip

    def learner(self, learner_id: int = 1) -> None:
        """On the roster, with consent and an enrolment."""
        self.records.directory.accounts[learner_id] = Account(institution_id=1)
        self.records.directory.classes[1].roster.add(learner_id)

    def claim(self, learner_id: int = 1, page: str = "page-a", device: str = "device-a", **changes: Any) -> Claim:
        self.learner(learner_id)
        values: dict[str, Any] = {
            "learner_id": learner_id, "lesson_id": 1, "class_id": 1, "institution_id": 1, "login_id": "",
            "account_version": 1, "device_id": device, "page_id": page, "device_kind": "pc", "host": False,
            "lease_ms": 30_000, "first_keeps": False, "ticket_id": secrets.token_hex(8), "ticket_left_ms": 60_000,
        }  # fmt: skip
        return Claim(**{**values, **changes})

    async def start(self, claim: Claim | None = None, *, hub: Hub | None = None) -> tuple[Learner | None, MemoryLink]:
        """Press play."""
        link = MemoryLink()
        hello = wire.Start(v=wire.PROTOCOL_VERSION, ticket="t")
        return await (hub or self.hub).open(claim or self.claim(), hello, link), link

    async def resume(self, claim: Claim, fence: int, *, hub: Hub | None = None, **fields: Any):
        link = MemoryLink()
        hello = wire.Resume(v=wire.PROTOCOL_VERSION, token="t", fence=fence, **fields)
        return await (hub or self.hub).open(claim, hello, link), link

    async def studying(self, learner_id: int = 1, **changes: Any) -> tuple[Learner, MemoryLink]:
        """A learner who has passed the start check and plays."""
        learner, link = await self.start(self.claim(learner_id, **changes))
        assert learner is not None
        if learner.session.person.check is not None:
            await self.judge(learner, Outcome.PASSED)
        beat(self.hub, learner, "play")
        return learner, link

    async def judge(self, learner: Learner, outcome: Outcome, **fields: Any) -> None:
        """A worker's verdict on the awaited burst, through the stores and the inbox."""
        check = learner.session.person.check
        assert check is not None, "no check waits"
        verdict = Verdict(check_id=check.check_id, try_number=check.try_number, outcome=outcome, **fields)
        await self.checks.judge(verdict)
        self.hub.bursts.judged(learner, verdict)
        await self.hub.settle()


def beat(hub: Hub, learner: Learner, kind: Any = "beat", played_ms: int = 0, **fields: Any) -> wire.Ack:
    """One honest beat; returns its ack."""
    session, link = learner.session, learner.link
    assert isinstance(link, MemoryLink)
    pos = session.position_ms
    frame = wire.Beat(
        **{
            "seq": session.seq + 1, "kind": kind, "pos": pos + played_ms, "ack": session.seq,
            "span": (pos, pos + played_ms) if played_ms else None, "playing": kind in ("beat", "play", "show"),
            "frames": 25 * max(1, played_ms // 1_000), "nonce": session.view().nonce, **fields,
        }
    )  # fmt: skip
    hub.beat(learner, frame)
    return link.last(wire.Ack)


__all__ = ["LESSON_MS", "Faulty", "House", "MemoryLink", "beat", "deliver"]
