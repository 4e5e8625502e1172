"""What the auditor keeps of each learner and of each seat: its own ledger, its own clock, its own debts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(slots=True)
class Chunk:
    """Milliseconds that a player was told to be durable. `losses`: how often Redis had forgotten when granted.
    `replaced_ms`: when a newer seat had been opened that Redis then forgot, all before it was told; -1: none."""

    lesson_id: int
    mask: int
    losses: int
    watch: Watch
    replaced_ms: int


@dataclass(slots=True)
class Line:
    lesson_id: int
    mask: int
    day: str
    status: str = "provisional"
    ms: int = field(init=False)

    def __post_init__(self) -> None:
        self.ms = self.mask.bit_count()


class Earned:
    """Distinct milliseconds of media that were granted. A seat that nobody stored grants the same ones once more."""

    def __init__(self) -> None:
        self._masks: dict[int, int] = defaultdict(int)
        self._taken_ms = 0

    def add(self, lesson_id: int, mask: int) -> None:
        self._masks[lesson_id] |= mask

    def take(self, lesson_id: int, mask: int) -> None:
        """Voided: it was earned, and may be earned again."""
        self._taken_ms += (self._masks[lesson_id] & mask).bit_count()
        self._masks[lesson_id] &= ~mask

    @property
    def ms(self) -> int:
        return self._taken_ms + sum(mask.bit_count() for mask in self._masks.values())


class Watch:
    """One seat as it is seen from outside."""

    __slots__ = (
        "learner", "gateway", "seq", "last_ms", "playing", "slack_ms", "acks", "pending", "grants",
        "durable", "asked_ms",
    )  # fmt: skip

    def __init__(self, learner: Any) -> None:
        self.learner = learner
        self.gateway: Any = None
        self.seq = self.last_ms = self.slack_ms = self.durable = self.asked_ms = 0
        self.playing = False
        self.acks: dict[int, str] = {}
        self.pending = ""
        self.grants: list[tuple[int, int]] = []


@dataclass
class Book:
    """One learner. `worked`: bits of true time in which an accepted playing beat could earn."""

    COVERED: ClassVar = ("provisional", "waiting", "final")
    ALL: ClassVar = ("provisional", "waiting", "withheld", "final", "void")
    OUTCOMES: ClassVar = {"passed": "final", "unclear": "waiting", "missed": "withheld", "mismatch": "withheld"}
    DECISIONS: ClassVar = {
        "accept": {"waiting": "final", "withheld": "final"},
        "void": {"provisional": "void", "waiting": "void", "withheld": "void", "final": "void"},
        "restore": {"withheld": "final", "void": "final"},
    }

    lines: list[Line] = field(default_factory=list)
    seen: dict[int, Any] = field(default_factory=dict)
    granted: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    returned: dict[int, int] = field(default_factory=lambda: defaultdict(int))  # by decisions, to the coverage
    reach: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    beats: dict[tuple[int, int], tuple[int, bool]] = field(default_factory=dict)
    began: dict[int, int] = field(default_factory=dict)  # fence: when its opening began
    durable: list[Chunk] = field(default_factory=list)
    unstored_endings: set[str] = field(default_factory=set)  # checks of facts that came with an old fence
    fence: int = 0
    opened: list[tuple[int, int]] = field(default_factory=list)  # fences and when their seats were opened
    worked: int = 0
    lost_ms: int = 0
    broken_open_ms: int = -1  # when a store last failed in the middle of an opening
    owed: str = ""
    since_owed: Earned = field(default_factory=Earned)
    open_check: str = ""  # asked, and not over as far as anybody said
    since_check: Earned = field(default_factory=Earned)
    passed_at_ms: int | None = None
    faults: int = 0  # of ours running, since a check was decided

    def replaced_ms(self, fence: int) -> int:
        """When the first seat newer than this one was opened; -1: none was."""
        return next((at_ms for newer, at_ms in self.opened if newer > fence), -1)

    def reached(self, lesson_id: int, span, tolerance_ms: int) -> None:
        """Somebody plays on from where this learner has been already."""
        if span[0] <= self.reach[lesson_id] + tolerance_ms:
            self.reach[lesson_id] = max(self.reach[lesson_id], span[1])

    # The ledger.

    def add(self, lesson_id: int, mask: int, day: str) -> None:
        self.lines.append(Line(lesson_id, mask, day))

    def mask(self, lesson_id: int, statuses: tuple[str, ...], day: str = "") -> int:
        found = 0
        for line in self.lines:
            if line.lesson_id == lesson_id and line.status in statuses and (not day or line.day == day):
                found |= line.mask
        return found

    def totals(self) -> dict[tuple[int, str, str], int]:
        found: dict[tuple[int, str, str], int] = {}
        for line in self.lines:
            key = (line.lesson_id, line.day, line.status)
            found[key] = found.get(key, 0) + line.ms
        return {key: ms for key, ms in found.items() if ms}

    def settle(self, outcome: str) -> None:
        for line in self.lines:
            if line.status == "provisional":
                line.status = self.OUTCOMES[outcome]

    def decide(self, lesson_id: int, action: str, mask: int) -> None:
        after: list[Line] = []
        covered = self.mask(lesson_id, self.COVERED)
        for line in self.lines:
            status = self.DECISIONS[action].get(line.status)
            hit = line.mask & mask if status and line.lesson_id == lesson_id else 0
            if hit and status in self.COVERED and line.status not in self.COVERED:
                hit &= ~covered
                covered |= hit
                self.returned[lesson_id] |= hit
            if hit:
                assert status is not None
                after.append(Line(lesson_id, hit, line.day, status))
            if line.mask & ~hit:
                after.append(Line(line.lesson_id, line.mask & ~hit, line.day, line.status))
        self.lines = after

    # Checks that are due.

    def owes_start(self, now_ms: int, reuse_ms: int) -> None:
        """Somebody pressed play: a start check is due unless a pass is fresh."""
        if self.passed_at_ms is None or now_ms - self.passed_at_ms > reuse_ms:
            self.owes("start")

    def owes(self, why: str) -> None:
        self.owed, self.since_owed = why, Earned()

    def asked(self, check_id: str) -> None:
        self.owed, self.since_owed, self.since_check = "", Earned(), Earned()
        self.open_check = check_id

    def seated(self, pending: str) -> None:
        """A seat was opened with this check pending: another one that nobody ended must come again."""
        if self.open_check and pending != self.open_check and not self.owed:
            self.owes(f"{self.open_check} forgotten")

    def decided(self, outcome: str, now_ms: int) -> None:
        self.open_check = ""
        self.faults = 0
        self.owed, self.since_owed, self.since_check = "", Earned(), Earned()
        self.passed_at_ms = now_ms if outcome == "passed" else None
