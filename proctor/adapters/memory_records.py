"""Records in memory, faithful to `sql_records`: the same guard, the same order, the same pure rules.

One call is one transaction: nothing here waits, so nothing else can come between its reads and its writes. What
becomes of a ledger row is said by `core.coalesce`; this module only carries it out on the rows of a dictionary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from proctor.adapters.clock import local_day
from proctor.adapters.memory_tables import CaseRow, CheckRow, Class, Directory, LedgerRow, Lesson, Seat
from proctor.core.coalesce import SETTLES, coalesce, decide
from proctor.core.facts import (
    COVERED,
    BeatSummary,
    CheckDecided,
    CheckIssued,
    CheckTried,
    CheckUndecided,
    Completed,
    Credited,
    Decided,
    Fact,
    Spans,
    Status,
)  # fmt: skip
from proctor.core.inputs import Action, Instruction, Snapshot, Totals
from proctor.core.intervals import normalise, subtract, total
from proctor.core.snapshot import decode_snapshot, encode_snapshot, newer
from proctor.modules.catalog.rules import licence_of
from proctor.modules.reviews.rules import CaseCall, case_of
from proctor.modules.study.rules import policy_of
from proctor.ports import OpenSeat, SeatOpened, SeatRefused, SeatWrite, SeatWritten

INSTRUCTIONS_MAX = 100
RollupKey = tuple[int, int, str]  # learner, lesson, day


class MemoryRecords:
    """`ports.Records`, and the ledger's side of decisions. `policy`: values of this installation."""

    def __init__(self, *, policy: str = "") -> None:
        self.directory = Directory()
        self.seats: dict[int, Seat] = {}
        self.facts: list[tuple[int, int, Fact]] = []  # learner, fence, fact
        self.ledger: dict[int, list[LedgerRow]] = {}
        self.rollups: dict[RollupKey, dict[Status, int]] = {}
        self.checks: dict[str, CheckRow] = {}
        self.cases: list[CaseRow] = []
        self.completed: set[tuple[int, int]] = set()
        self._instructions: dict[int, list[Instruction]] = {}
        self._policy = policy

    # Opening.

    async def open_seats(self, requests: Sequence[OpenSeat]) -> list[SeatOpened | SeatRefused]:
        answers: dict[int, SeatOpened | SeatRefused] = {}
        for index in sorted(range(len(requests)), key=lambda i: (requests[i].learner_id, requests[i].fence)):
            answers[index] = self._open(requests[index])
        return [answers[index] for index in range(len(requests))]

    def _open(self, request: OpenSeat) -> SeatOpened | SeatRefused:
        refused = self._who(request)
        if refused is not None:
            return refused
        lesson = self.directory.lessons.get(request.lesson_id)
        if lesson is None:
            return SeatRefused(why="no_lesson")
        found = self._class_of(request, lesson)
        if found is None:
            return SeatRefused(why="not_on_roster")
        seat = self.seats.get(request.learner_id)
        if seat is not None and not self.is_newer(request.fence, seat.fence):
            return SeatRefused(why="stale", stored_fence=seat.fence, node=seat.node)
        if seat is None:
            seat = self.seats[request.learner_id] = Seat(fence=request.fence, lesson_id=request.lesson_id)
        seat.fence, seat.lesson_id, seat.node = request.fence, request.lesson_id, request.node
        seat.stored_facts = 0
        base = newer(request.snapshot, decode_snapshot(seat.state) if seat.state else None)
        settled_ms = self._settle(request, seat, base) if base else 0
        self._forget_checks(request.learner_id, base.pending.check_id if base and base.pending else "")
        return self._opened(request, lesson, found, base, settled_ms, seat.instruction_version)

    @staticmethod
    def is_newer(fence: int, stored: int) -> bool:
        """Strictly greater, never equal: an equal fence is one that a Redis without memory handed out twice."""
        return fence > stored

    def _who(self, request: OpenSeat) -> SeatRefused | None:
        account = self.directory.accounts.get(request.learner_id)
        if account is None or account.version != request.account_version:
            return SeatRefused(why="account_changed")
        if account.status != "active":
            return SeatRefused(why="blocked")
        if request.login_id:
            owner, ends_ms = self.directory.logins.get(request.login_id, (0, 0))
            if owner != request.learner_id or ends_ms <= request.at_ms:
                return SeatRefused(why="login_ended")
        return None

    def _class_of(self, request: OpenSeat, lesson: Lesson) -> tuple[int, Class] | None:
        """The best class of this learner for the lesson: an open one if there is one, then the oldest."""
        mine = [
            (not one.opens_ms <= request.at_ms < one.closes_ms, class_id, one)
            for class_id, one in self.directory.classes.items()
            if request.learner_id in one.roster and lesson.course_id in one.course_ids
        ]
        return min(mine, key=lambda found: found[:2])[1:] if mine else None

    def _opened(
        self, request: OpenSeat, lesson: Lesson, found: tuple[int, Class], base: Snapshot | None, settled_ms: int,
        version: int,
    ) -> SeatOpened:  # fmt: skip
        class_id, mine = found
        account = self.directory.accounts[request.learner_id]
        institution = self.directory.institutions[account.institution_id]
        covered, provisional, totals = self._coverage(request.learner_id, request.lesson_id)
        licence = licence_of(
            filed=lesson.filed, taken_down_ms=lesson.taken_down_ms, opens_ms=mine.opens_ms, closes_ms=mine.closes_ms,
            at_ms=request.at_ms,
        )  # fmt: skip
        rows = self.ledger.get(request.learner_id, [])
        day, _end_ms = local_day(request.at_redis_ms, institution.zone)
        return SeatOpened(
            covered=covered, provisional=provisional, totals=totals,
            reached_ms=max((row.to_ms for row in rows if row.lesson_id == request.lesson_id), default=0),
            duration_ms=lesson.duration_ms,
            class_id=class_id, institution_id=account.institution_id, zone=institution.zone,
            policy=policy_of(self._policy, institution.policy, mine.policy), licence=licence,
            day=day, day_used_ms=sum(row.to_ms - row.from_ms for row in rows if row.day == day), base=base,
            settled_ms=settled_ms, face_consent=account.face_consent, enrolled=account.enrolled,
            instruction_version=version,
        )  # fmt: skip

    def _settle(self, request: OpenSeat, seat: Seat, base: Snapshot) -> int:
        """Stretches that snapshot or seat held beyond the ledger become facts of the lesson they name."""
        open_one = ((base.stretch, base.lesson_id, base.open_spans, base.day),) if base.open_spans else ()
        settled_ms = 0
        facts: list[Fact] = []
        for number, lesson_id, spans, day in (*base.closed, *open_one):
            fresh = subtract(spans, self._coverage(request.learner_id, lesson_id)[0])
            if number <= seat.stored_stretch or not fresh:
                continue
            from_at_ms = base.open_from_redis_ms if number == base.stretch else base.at_redis_ms
            settled_ms += total(fresh)
            facts.append(
                Credited(
                    lesson_id=lesson_id, at_ms=request.at_ms, cause="resume", stretch=number, spans=fresh, day=day,
                    from_at_ms=from_at_ms, rule_version="settled",
                    summary=BeatSummary(beats=0, gap_ms_max=0, frames=0),
                )
            )  # fmt: skip
        if facts:
            self._store(request.learner_id, request.fence, facts, seat)
        seat.stored_stretch = max(seat.stored_stretch, base.stretch)
        seat.state = encode_snapshot(base)
        return settled_ms

    # The journal.

    async def write(self, items: Sequence[SeatWrite]) -> list[SeatWritten]:
        answers: dict[int, SeatWritten] = {}
        matched: list[SeatWrite] = []
        for index in sorted(range(len(items)), key=lambda i: items[i].learner_id):
            item = items[index]
            seat = self.seats.get(item.learner_id)
            if seat is None or seat.fence != item.fence:
                answers[index] = SeatWritten(matched=False, instruction_version=0)
                continue
            if item.state is not None:
                seat.state, seat.lesson_id = item.state, item.lesson_id
            answers[index] = SeatWritten(matched=True, instruction_version=seat.instruction_version)
            matched.append(item)
        for item in matched:
            seat = self.seats[item.learner_id]
            facts = self.unstored(item, seat.stored_facts)
            seat.stored_facts = max(seat.stored_facts, item.first + len(item.facts))
            self._store(item.learner_id, item.fence, facts, seat)
        return [answers[index] for index in range(len(items))]

    def _store(self, learner_id: int, fence: int, facts: Sequence[Fact], seat: Seat) -> None:
        touched: set[RollupKey] = set()
        for fact in coalesce(facts):
            if self.is_stored(fact, seat):
                continue
            if isinstance(fact, Credited):
                # What people gave back while the stretch was open is paid once, also if it was watched again.
                covered = self._coverage(learner_id, fact.lesson_id)[0]
                fact = msgspec.structs.replace(fact, spans=subtract(fact.spans, covered))
            self.facts.append((learner_id, fence, fact))
            rows = self.ledger.setdefault(learner_id, [])
            if isinstance(fact, Credited):
                rows += [LedgerRow(fact.lesson_id, fact.day, Status.PROVISIONAL, a, b) for a, b in fact.spans]
                touched.add((learner_id, fact.lesson_id, fact.day))
                seat.stored_stretch = fact.stretch
            elif isinstance(fact, CheckDecided):
                touched |= self._settle_rows(learner_id, SETTLES[fact.outcome], f"check:{fact.check_id}")
            self._side_tables(learner_id, fact)
        self._recompute(touched)

    @staticmethod
    def unstored(item: SeatWrite, stored_facts: int) -> tuple[Fact, ...]:
        """Without what an earlier call stored whose answer was lost."""
        return item.facts[max(0, stored_facts - item.first) :]

    @staticmethod
    def is_stored(fact: Fact, seat: Seat) -> bool:
        """A stretch that is stored already adds nothing, whoever sends it."""
        return isinstance(fact, Credited) and fact.stretch <= seat.stored_stretch

    def _settle_rows(self, learner_id: int, status: Status, cause: str) -> set[RollupKey]:
        touched: set[RollupKey] = set()
        for index, row in enumerate(rows := self.ledger[learner_id]):
            if row.status is Status.PROVISIONAL:
                rows[index] = msgspec.structs.replace(row, status=status, settled_by=cause)
                touched.add((learner_id, row.lesson_id, row.day))
        return touched

    def _recompute(self, keys: Iterable[RollupKey]) -> None:
        for learner_id, lesson_id, day in keys:
            sums = dict.fromkeys(Status, 0)
            for row in self.ledger.get(learner_id, []):
                if row.lesson_id == lesson_id and row.day == day:
                    sums[row.status] += row.to_ms - row.from_ms
            self.rollups[learner_id, lesson_id, day] = sums

    def _side_tables(self, learner_id: int, fact: Fact) -> None:
        if isinstance(fact, CheckIssued):
            row = CheckRow(learner_id=learner_id, lesson_id=fact.lesson_id, number=fact.number, kind=str(fact.kind))
            self._forget_checks(learner_id, fact.check_id)
            self.checks.setdefault(fact.check_id, row).way = str(fact.way)
        elif isinstance(fact, CheckTried | CheckDecided | CheckUndecided):
            known = self.checks.get(fact.check_id)
            if known is not None:
                _told(known, fact)
        elif isinstance(fact, Completed):
            self.completed.add((learner_id, fact.lesson_id))
        call = case_of(fact)
        if call is not None:
            self._case(learner_id, fact.lesson_id, call)

    def _forget_checks(self, learner_id: int, known: str) -> None:
        """One check at a time: any other was forgotten with the store or the gateway that knew it."""
        for check_id, other in self.checks.items():
            if other.learner_id == learner_id and other.outcome == "pending" and check_id != known:
                other.outcome, other.detail = "cancelled", "forgotten"

    def _case(self, learner_id: int, lesson_id: int, call: CaseCall) -> None:
        """One open case per learner, lesson and kind: more of the same joins it and moves its version."""
        for case in self.cases:
            same = (case.learner_id, case.lesson_id, case.kind) == (learner_id, lesson_id, call.kind)
            if same and case.status != "closed":
                case.version += 1
                case.causes.append(call.cause)
                return
        self.cases.append(
            CaseRow(
                id=len(self.cases) + 1, learner_id=learner_id, lesson_id=lesson_id, kind=call.kind,
                severity=call.severity, causes=[call.cause],
            )
        )  # fmt: skip

    # Decisions of people, and instructions.

    def decide(self, learner_id: int, lesson_id: int, action: Action, spans: Spans, decision_id: int, now_ms: int):
        """Ledger, rollups, fact and instruction of one decision, as one transaction; returns the instruction."""
        cause = f"decision:{decision_id}"
        rows = self.ledger.get(learner_id, [])
        self.ledger[learner_id], days = decide(rows, lesson_id, action, spans, settled_by=cause)
        fact = Decided(
            lesson_id=lesson_id, at_ms=now_ms, cause=cause, action=action, spans=spans, decision_id=decision_id
        )
        self.facts.append((learner_id, 0, fact))
        self._recompute((learner_id, lesson_id, day) for day in days)
        return self.instruct(learner_id, action, lesson_id, spans, decision_id)

    def instruct(
        self, learner_id: int, action: Action, lesson_id: int = 0, spans: Spans = (), decision_id: int = 0
    ) -> Instruction:
        """The next instruction of this learner; version 0 (and nothing stored) for one who never studied."""
        seat = self.seats.get(learner_id)
        if seat is None:
            return Instruction(version=0, action=action, lesson_id=lesson_id, spans=spans, decision_id=decision_id)
        seat.instruction_version += 1
        instruction = Instruction(
            version=seat.instruction_version, action=action, lesson_id=lesson_id, spans=spans,
            decision_id=decision_id,
        )  # fmt: skip
        self._instructions.setdefault(learner_id, []).append(instruction)
        return instruction

    async def instructions(self, learner_id: int, after_version: int) -> list[Instruction]:
        found = [one for one in self._instructions.get(learner_id, []) if one.version > after_version]
        return found[:INSTRUCTIONS_MAX]

    # Reading.

    async def coverage(self, learner_id: int, lesson_id: int) -> tuple[Spans, Spans, Totals]:
        return self._coverage(learner_id, lesson_id)

    def _coverage(self, learner_id: int, lesson_id: int) -> tuple[Spans, Spans, Totals]:
        spans: dict[Status, list[tuple[int, int]]] = {status: [] for status in Status}
        for row in self.ledger.get(learner_id, []):
            if row.lesson_id == lesson_id:
                spans[row.status].append((row.from_ms, row.to_ms))
        covered = normalise(span for status in COVERED for span in spans[status])
        sums = {f"{status}_ms": total(found) for status, found in spans.items()}
        return covered, normalise(spans[Status.PROVISIONAL]), Totals(**sums)


def _told(row: CheckRow, fact: CheckTried | CheckDecided | CheckUndecided) -> None:
    if isinstance(fact, CheckTried):
        row.tries, row.detail = fact.try_number, fact.detail[:64]
    elif isinstance(fact, CheckDecided):
        row.outcome, row.detail, row.tries = str(fact.outcome), fact.detail[:64], fact.tries
        row.way = str(fact.way)
    else:
        row.outcome, row.detail = "our_fault" if fact.why == "our_fault" else "cancelled", fact.why[:64]
