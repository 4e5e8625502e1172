"""Reviewers and administrators: cases are proposed, confirmed, dismissed; stretches restored; instructions sent.

Who may do what is the real table of `core.review`. Each deed is one SQL transaction; the push that follows may be
lost like any message.
"""

from __future__ import annotations

import asyncio

from proctor.core import review
from proctor.errors import Unavailable
from proctor.ports import InstructionReady
from tests.sim.losses import FOR_EVER_MS, GAP_MS, TRAVEL_MS
from tests.sim.stores import RedisDoor

EVERY_S = 12.0
RARE = ("consent_withdrawn", "blocked", "login_ended", "take_down")


class Office:
    """Two reviewers and an administrator of one institution."""

    def __init__(self, world, rare: list[str]) -> None:
        self.world = world
        self.random = world.random
        self.rare = rare
        self.proposals: dict[int, tuple[int, tuple]] = {}  # case: who, spans
        self.decisions = 0
        self.voided: list[tuple[int, int, tuple]] = []
        self.done: set[tuple[int, str]] = set()
        self.closed = False
        self.door = RedisDoor(world.redis)

    async def run(self) -> None:
        while not self.closed:
            await asyncio.sleep(EVERY_S * (0.5 + self.random.random()))
            if self.closed:
                return
            try:
                await self._step()
            except Unavailable:
                self.world.count("office_waits")

    async def _step(self) -> None:
        roll = self.random.random()
        if roll < 0.6:
            await self._review()
        elif roll < 0.75:
            await self._void_or_restore()
        elif self.rare and roll < 0.85:
            await self._rare(self.random.choice(self.rare))

    async def _tell(self, learner_id: int, instruction) -> None:
        if instruction is not None and instruction.version:
            message = InstructionReady(learner_id=learner_id, instruction=instruction)
            await self.door.send_to_learner(learner_id, message)

    # Cases.

    async def _review(self) -> None:
        records = self.world.sql.records
        waiting = [case for case in records.cases if case.status != "closed"]
        if not waiting:
            return
        case = self.random.choice(waiting)
        who = self.random.choice([901, 902])
        proposed, fresh = ["confirm", "withdraw", "dismiss"], ["propose", "propose", "dismiss"]
        given = self.random.choice(proposed if case.id in self.proposals else fresh)
        told: list = []

        async def deed():
            proposer, spans = self.proposals.get(case.id, (0, ()))
            step = review.step(case.status, given, by_account_id=who, proposer_id=proposer, persons=2)
            if isinstance(step, review.NotPossible):
                self.world.count(f"review_{step.why}")
                return
            settled = self._settled_by(case)
            if given == "propose":
                if not settled:
                    return
                self.proposals[case.id] = (who, settled)
            case.status, case.outcome, case.version = str(step.status), step.outcome, case.version + 1
            self.world.count(f"case_{given}")
            if step.outcome == "upheld":
                self.world.auditor.two_people(proposer, who)
                told.append(self._decide(case.learner_id, case.lesson_id, "void", spans))
                self.voided.append((case.learner_id, case.lesson_id, spans))
            elif step.outcome == "dismissed" and settled:
                told.append(self._decide(case.learner_id, case.lesson_id, "accept", settled))

        await self.world.sql.call(deed)
        for instruction in told:
            await self._tell(case.learner_id, instruction)

    def _settled_by(self, case) -> tuple:
        """What the checks of this case keep from being final."""
        rows = self.world.sql.records.ledger.get(case.learner_id, [])
        spans = sorted(
            (row.from_ms, row.to_ms)
            for row in rows
            if row.lesson_id == case.lesson_id and row.settled_by in case.causes
            and str(row.status) in ("waiting", "withheld")
        )  # fmt: skip
        merged: list[tuple[int, int]] = []
        for a, b in spans:
            if merged and a <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
            else:
                merged.append((a, b))
        return tuple(merged)

    def _decide(self, learner_id: int, lesson_id: int, action, spans):
        self.decisions += 1
        world = self.world
        world.count(f"decision_{action}")
        world.trace("decision", learner_id, lesson_id, action, spans)
        instruction = world.sql.records.decide(
            learner_id, lesson_id, action, spans, self.decisions, world.redis.time_ms()
        )
        world.auditor.decided(learner_id, lesson_id, action, spans)
        return instruction

    async def _void_or_restore(self) -> None:
        """A stretch of somebody who studies now is voided by two people; or an earlier void is taken back."""
        world = self.world
        told: list = []
        learner = self.random.choice(sorted(world.sql.records.ledger) or [0])

        async def deed():
            if self.voided and self.random.random() < 0.5:
                who, lesson_id, spans = self.random.choice(self.voided)
                told.append((who, self._decide(who, lesson_id, "restore", spans)))
                return
            rows = [row for row in world.sql.records.ledger.get(learner, []) if str(row.status) != "void"]
            if not rows:
                return
            row = self.random.choice(rows)
            from_ms = row.from_ms + int(self.random.random() * (row.to_ms - row.from_ms))
            spans = ((from_ms, min(row.to_ms, from_ms + 7_000)),) if from_ms < row.to_ms else ()
            self.voided.append((learner, row.lesson_id, spans))
            told.append((learner, self._decide(learner, row.lesson_id, "void", spans)))

        await world.sql.call(deed)
        for who, instruction in told:
            await self._tell(who, instruction)

    # What happens seldom.

    async def _rare(self, action: str) -> None:
        world = self.world
        learner = self.random.choice(world.people).learner_id
        if (learner, action) in self.done:
            return
        told: list = []

        async def deed():
            self.done.add((learner, action))
            world.count(f"instructed_{action}")
            world.trace("instructed", learner, action)
            directory = world.sql.records.directory
            lesson_id = 0
            if action in ("blocked", "login_ended"):
                world.losses.stood("ended", learner, world.loop.now_ms - GAP_MS, FOR_EVER_MS)
            elif action == "take_down":
                world.losses.stood("ended", 0, world.loop.now_ms - TRAVEL_MS, FOR_EVER_MS)
            if action == "consent_withdrawn":
                world.auditor.refused(learner)
                directory.accounts[learner].face_consent = False
            elif action == "blocked":
                directory.accounts[learner].status = "blocked"
            elif action == "login_ended":
                login_id = world.person(learner).login_id
                directory.logins[login_id] = (learner, 0)
            else:
                lesson_id = max(world.lessons)
                lesson = directory.lessons[lesson_id]
                lesson.taken_down_ms = lesson.taken_down_ms or world.redis.time_ms()  # once: later words move nothing
                world.auditor.taken_down.setdefault(lesson_id, world.loop.now_ms)
            if action != "consent_withdrawn":  # who shows no face goes on as before
                world.stopped.setdefault(learner, action)
            told.append(world.sql.records.instruct(learner, action, lesson_id))

        await world.sql.call(deed)
        await self._tell(learner, told[0])
