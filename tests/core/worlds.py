"""Small builders for core tests: an opening, a session that has passed its start check, an honest player."""

from __future__ import annotations

from proctor.core.facts import Fact, Outcome
from proctor.core.inputs import Draw, Licence, Opening, Snapshot, Totals, Verdict
from proctor.core.policy import Policy
from proctor.core.session import Session
from proctor.core.wire import Beat

T0 = 1_000_000
REDIS0 = 1_790_000_000_000
FAR = 10**12


class Dice:
    """Deterministic draws: check ids c1, c2 … and a fixed roll."""

    def __init__(self, roll: int = 0) -> None:
        self.count = 0
        self.roll = roll

    def __call__(self) -> Draw:
        self.count += 1
        return Draw(f"c{self.count}", f"n{self.count}", self.roll)


def opening(**changes) -> Opening:
    values: dict = dict(
        learner_id=1, lesson_id=2, class_id=3, fence=1, device_id="dev", page_id="page", resumed=False,
        taken_over=False, duration_ms=600_000, covered=(), totals=Totals(), base=None, now_redis_ms=REDIS0,
        day="2026-11-24", day_end_ms=FAR, day_used_ms=0, face_consent=True, enrolled=True,
        licence=Licence(earns=True), instruction_version=0, seed=7,
    )  # fmt: skip
    return Opening(**{**values, **changes})


def after(snapshot: Snapshot, away_ms: int, **changes) -> Opening:
    """The opening of a reconnect `away_ms` after the snapshot's beat, with SQL settled up to it."""
    return opening(
        resumed=True, base=snapshot, now_redis_ms=snapshot.at_redis_ms + away_ms, fence=snapshot.fence + 1, **changes
    )


class Player:
    """Drives one session like an honest player and keeps every fact."""

    def __init__(
        self, policy: Policy | None = None, *, passed: bool = True, at_ms: int = T0, roll: int = 0, **changes
    ):
        self.dice = Dice(roll)
        self.now_ms = at_ms
        self.policy = policy or Policy()
        self.session = Session(opening(**changes), self.policy, at_ms, self.dice())
        self.facts: list[Fact] = list(self.session.opened())
        self.pos = self.session.position_ms
        if passed:
            self.pass_check()

    def add(self, facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
        self.facts += facts
        return facts

    def tick(self) -> tuple[Fact, ...]:
        return self.add(self.session.tick(self.now_ms, self.dice()))

    def pass_check(
        self, outcome: Outcome = Outcome.PASSED, detail: str = "", *, active_next: bool = False
    ) -> tuple[Fact, ...]:
        """Answer the due check, if any, with one verdict."""
        self.tick()
        check = self.session.person.check
        if check is None:
            return ()
        verdict = Verdict(
            check_id=check.check_id, try_number=check.try_number, outcome=outcome, detail=detail,
            active_next=active_next,
        )  # fmt: skip
        self.session.accepted(check.check_id, check.try_number, self.now_ms)
        return self.add(self.session.judged(verdict, self.now_ms, self.dice()))

    def beat(self, kind: str = "beat", wait_ms: int = 10_000, played_ms: int | None = None, **changes):
        """Wait, then send a beat that claims what was played meanwhile."""
        self.now_ms += wait_ms
        played = (wait_ms if self.session.credit.playing else 0) if played_ms is None else played_ms
        span = (self.pos, self.pos + played) if played else None
        self.pos = changes.pop("pos", self.pos + played)
        view = self.session.view()
        values = dict(
            seq=self.session.seq + 1, kind=kind, pos=self.pos, span=span, frames=25 * max(1, played // 1_000),
            playing=kind in ("beat", "play", "show", "rate"), ack=self.session.seq, nonce=view.nonce,
        )  # fmt: skip
        return self.add(self.session.beat(Beat(**{**values, **changes}), self.now_ms))

    def play(self) -> tuple[Fact, ...]:
        return self.beat("play", 0)

    @property
    def total_ms(self) -> int:
        return self.session.total_ms
