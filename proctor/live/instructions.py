"""Instructions: the way back from the record half into a running session. Pushed, or found at a seat update."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from proctor import errors
from proctor.core import wire
from proctor.core.facts import Spans
from proctor.core.inputs import Instruction, Totals
from proctor.errors import Unavailable
from proctor.live.learner import Learner
from proctor.ports import Clock, Records

if TYPE_CHECKING:
    from proctor.live.hub import Hub

log = structlog.get_logger("instructions")

ENDS = {"blocked": errors.CLOSE_NOT_ALLOWED, "login_ended": errors.CLOSE_LOGIN_ENDED}


def _closings(learner: Learner) -> tuple[int, int]:
    """Changes with every stretch that is closed and every check that is decided."""
    return learner.session.stretch.number, learner.session.person.decided_number


class Instructions:
    """Applies instructions in the order of their versions; a gap is filled from SQL first."""

    def __init__(self, hub: Hub, records: Records, clock: Clock) -> None:
        self._hub = hub
        self._records = records
        self._clock = clock

    async def pushed(self, learner: Learner, instruction: Instruction) -> None:
        """A push may be lost, late or doubled: versions tell."""
        if instruction.version > learner.session.instruction_version:
            await self.fetch(learner)

    async def fetch(self, learner: Learner) -> None:
        """Read and apply what this session does not know yet. When SQL is gone the next seat update tells."""
        session = learner.session
        told, before = self._hub.journal.told(learner), _closings(learner)
        record = None
        try:
            found = await self._records.instructions(session.learner_id, session.instruction_version)
            if any(one.lesson_id == session.lesson_id for one in found):
                record = await self._records.coverage(session.learner_id, session.lesson_id)
        except Unavailable as gone:
            log.warning("instructions_wait", port=gone.port)
            return
        if record is not None and not (told and before == _closings(learner)):
            # Was a stretch on its way to SQL when people decided, or there? The update that stores it asks again.
            return
        for instruction in found:
            if not learner.over:
                self._apply(learner, instruction, record)

    def _apply(self, learner: Learner, instruction: Instruction, record: tuple[Spans, Spans, Totals] | None) -> None:
        session = learner.session
        facts = session.instruct(instruction, self._clock.now_ms(), record[:2] if record else None)
        if not facts:
            return
        self._hub.emit(learner, facts)
        code = ENDS.get(instruction.action)
        if code is not None:
            self._hub.end(learner, instruction.action, code)
        elif instruction.lesson_id == session.lesson_id:
            if record is not None:
                session.final_ms = record[2].final_ms
            self.tell(learner, instruction.action, instruction.spans)

    @staticmethod
    def tell(learner: Learner, action: str, spans: tuple = ()) -> None:
        """The record changed: coverage and totals as they are now."""
        session = learner.session
        learner.link.send(
            wire.Ledger(
                action=action, covered=session.credit.covered, total_ms=session.total_ms,
                final_ms=session.final_ms, spans=spans,
            )
        )  # fmt: skip
