"""Deciding cases: one transaction for decision, case, ledger, rollups, fact and instruction.

Only people decide. Who may do what in which state is the table of `core.review`; this module loads the state,
asks the table, and carries the answer out. Nothing here is called for a learner.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable

import msgspec
from sqlalchemy import insert, select, update

from proctor.core import review
from proctor.core.facts import Decided, Spans
from proctor.core.inputs import Action, Instruction
from proctor.core.intervals import normalise, subtract, total
from proctor.errors import Refused, Unavailable
from proctor.modules.audit.service import append_audit
from proctor.modules.catalog.queries import policy_of_lesson
from proctor.modules.reviews.queries import CaseDecision, case_spans, decisions_of
from proctor.modules.reviews.tables import cases, decisions
from proctor.modules.study import ledger
from proctor.modules.study.tables import ledger as study_ledger
from proctor.ports import Database, Inbox, InstructionReady

REASON_CHARS_MIN = 4
REASON_CHARS_MAX = 500
SPANS_MAX = 50


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What one reviewer asks for. `version` is the case's version that the reviewer was looking at.

    `spans` are media milliseconds of the case's lesson to void; only `propose` carries them. `confirm` takes
    the spans of the proposal: nobody confirms something else than what was proposed.
    """

    case_id: int
    action: str
    reason: str
    version: int
    spans: Spans = ()


class DecisionResult(msgspec.Struct, frozen=True, kw_only=True):
    """`done` is False when somebody else was faster: then `history` shows what they decided."""

    done: bool
    status: str
    outcome: str
    version: int
    voided_ms: int = 0
    history: tuple[CaseDecision, ...] = ()


class Reviews:
    """Use cases of reviewers of one institution at a time."""

    def __init__(
        self, db: Database, inbox: Inbox, now_ms: Callable[[], int] | None = None, *, policy: str = ""
    ) -> None:
        """`policy`: the JSON of the setting, which lies below institution and class."""
        self._db = db
        self._inbox = inbox
        self._policy = policy
        self._now_ms = now_ms or (lambda: time.time_ns() // 1_000_000)

    async def decide(
        self, *, institution_id: int, account_id: int, decision: Decision, address: str = ""
    ) -> DecisionResult:
        """Carry one decision out, or say who was faster.

        Raises Refused: no_case (unknown, or another institution's), reason_short, reason_long, spans_missing,
        spans_wrong, same_person (the proposer cannot confirm), not_proposer (only the proposer withdraws),
        not_possible (the table has no such step), appeal_later (appeals are only queued for now).
        """
        _check_words(decision)
        async with self._db.write() as conn:
            case = await _queued(conn, institution_id, decision.case_id)
            if case.kind == "appeal":
                raise Refused("appeal_later")
            if case.version != decision.version:
                history = await decisions_of(conn, case.id)
                return DecisionResult(
                    done=False, status=case.status, outcome=case.outcome, version=case.version, history=history
                )
            result, instructions = await self._carry_out(conn, case, account_id, decision)
            await append_audit(
                conn,
                at_ms=self._now_ms(),
                institution_id=institution_id,
                account_id=account_id,
                action=f"console:case:{decision.action}",
                object=f"case:{case.id}",
                detail={"voided_ms": result.voided_ms, "status": result.status},
                address=address,
            )
        # The push only makes it quick: a live session finds the version at its next seat update anyway.
        with contextlib.suppress(Unavailable):
            for instruction in instructions:
                message = InstructionReady(learner_id=case.learner_id, instruction=instruction)
                await self._inbox.send_to_learner(case.learner_id, message)
        return result

    async def _carry_out(
        self, conn, case, account_id: int, decision: Decision
    ) -> tuple[DecisionResult, list[Instruction]]:
        now_ms = self._now_ms()
        past = await decisions_of(conn, case.id)
        proposal = next((d for d in reversed(past) if d.action == "propose"), None)
        rules = await policy_of_lesson(
            conn, case.institution_id, case.learner_id, case.lesson_id, now_ms, self._policy
        )
        step = _step(case, account_id, decision, proposal, rules.review_persons)
        spans = normalise(decision.spans)
        concerned = await case_spans(conn, case.id)
        if decision.action == "propose":
            await _check_spans(conn, case, spans)
        elif decision.action == "confirm":
            assert proposal is not None, "the table lets nobody confirm without a proposal"
            spans = proposal.spans
        row = insert(decisions).values(
            case_id=case.id,
            action=decision.action,
            by_account_id=account_id,
            reason=decision.reason.strip(),
            spans=json.dumps(spans),
            at_ms=now_ms,
        )
        decision_id = (await conn.execute(row)).inserted_primary_key[0]
        instructions: list[Instruction] = []
        if step.outcome == "upheld":
            instructions = await self._settle(conn, case, decision_id, spans, concerned, now_ms)
        elif step.outcome == "dismissed":
            instructions = await self._settle(conn, case, decision_id, (), concerned, now_ms)
        changed = await conn.execute(
            update(cases)
            .where(cases.c.id == case.id, cases.c.version == case.version)
            .values(status=str(step.status), outcome=step.outcome, version=case.version + 1, updated_ms=now_ms)
        )
        assert changed.rowcount == 1, "the case row was read in this very write transaction"
        voided_ms = total(spans) if step.outcome == "upheld" else 0
        return (
            DecisionResult(
                done=True, status=step.status, outcome=step.outcome, version=case.version + 1,
                voided_ms=voided_ms,
            ),
            instructions,
        )  # fmt: skip

    async def _settle(
        self, conn, case, decision_id: int, void: Spans, concerned: dict[int, Spans], now_ms: int
    ) -> list[Instruction]:
        """Void the chosen spans of the case's lesson; what else the case kept waiting becomes final.

        A closed case must not leave anything waiting: people have looked at all of it.
        """
        instructions = []
        if void:
            instructions.append(await self._change(conn, case, case.lesson_id, "void", void, decision_id, now_ms))
        for lesson_id, spans in concerned.items():
            rest = subtract(spans, void) if lesson_id == case.lesson_id else spans
            if rest:
                instructions.append(await self._change(conn, case, lesson_id, "accept", rest, decision_id, now_ms))
        return instructions

    async def _change(
        self, conn, case, lesson_id: int, action: Action, spans: Spans, decision_id: int, now_ms: int
    ) -> Instruction:
        await ledger.change_status(
            conn,
            learner_id=case.learner_id,
            lesson_id=lesson_id,
            spans=spans,
            action=action,
            decision_id=decision_id,
            now_ms=now_ms,
        )
        fact = Decided(
            lesson_id=lesson_id,
            at_ms=now_ms,
            cause=f"decision:{decision_id}",
            action=action,
            spans=spans,
            decision_id=decision_id,
        )
        await ledger.insert_fact(conn, learner_id=case.learner_id, fence=0, fact=fact)
        return await ledger.next_instruction(
            conn,
            learner_id=case.learner_id,
            action=action,
            lesson_id=lesson_id,
            spans=spans,
            decision_id=decision_id,
            now_ms=now_ms,
        )


async def _queued(conn, institution_id: int, case_id: int):
    """The case as it is when it is this writer's turn: another reviewer or the journal may have moved it meanwhile.

    The seat first, as the journal does, so that nobody waits in a circle.
    """
    case = await _load(conn, institution_id, case_id)
    await ledger.lock_seat(conn, case.learner_id)
    return await _load(conn, institution_id, case_id)


async def _load(conn, institution_id: int, case_id: int):
    statement = select(cases).where(cases.c.id == case_id, cases.c.institution_id == institution_id)
    case = (await conn.execute(statement)).one_or_none()
    if case is None:
        raise Refused("no_case")
    return case


def _step(case, account_id: int, decision: Decision, proposal: CaseDecision | None, persons: int) -> review.Step:
    """The table's answer; a refusal becomes an exception with words."""
    standing = proposal.by_account_id if proposal is not None and case.status == "proposed" else 0
    found = review.step(case.status, decision.action, by_account_id=account_id, proposer_id=standing, persons=persons)
    if isinstance(found, review.NotPossible) or decision.action == review.CaseInput.CAUSE:
        raise Refused(found.why if isinstance(found, review.NotPossible) else "not_possible")
    return found


def _check_words(decision: Decision) -> None:
    words = decision.reason.strip()
    if decision.action != "withdraw" and len(words) < REASON_CHARS_MIN:
        raise Refused("reason_short", chars=REASON_CHARS_MIN)
    if len(words) > REASON_CHARS_MAX:
        raise Refused("reason_long", chars=REASON_CHARS_MAX)


async def _check_spans(conn, case, spans: Spans) -> None:
    """A proposal names at least one stretch that was granted in this lesson and is not void already."""
    if not spans:
        raise Refused("spans_missing")
    if len(spans) > SPANS_MAX:
        raise Refused("spans_wrong")
    granted = select(study_ledger.c.from_ms, study_ledger.c.to_ms).where(
        study_ledger.c.learner_id == case.learner_id,
        study_ledger.c.lesson_id == case.lesson_id,
        study_ledger.c.status != "void",
    )
    rows = normalise((a, b) for a, b in (await conn.execute(granted)).all())
    if subtract(spans, rows):
        raise Refused("spans_wrong")
