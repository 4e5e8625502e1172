"""What each stored fact does to checks, cases and lesson states; one journal transaction calls it in order."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, insert, select, update

from proctor.core.facts import CheckDecided, CheckIssued, CheckTried, CheckUndecided, Completed, Fact, Outcome
from proctor.modules.privacy.tables import evidence
from proctor.modules.reviews.opening import open_case
from proctor.modules.reviews.rules import case_of
from proctor.modules.schema import upsert
from proctor.modules.study.tables import checks, lesson_states
from proctor.ports import SeatWrite


async def apply_fact(conn, learner_id: int, fact: Fact) -> None:
    """Side tables of one fact. Ledger and rollups are not touched here."""
    if isinstance(fact, CheckIssued):
        await _check_issued(conn, learner_id, fact)
    elif isinstance(fact, CheckTried):
        where = checks.c.id == fact.check_id
        await conn.execute(update(checks).where(where).values(tries=fact.try_number, detail=fact.detail[:64]))
    elif isinstance(fact, CheckDecided):
        values = {
            "outcome": str(fact.outcome), "detail": fact.detail[:64], "tries": fact.tries, "decided_ms": fact.at_ms,
            "way": str(fact.way),
        }  # fmt: skip
        await conn.execute(update(checks).where(checks.c.id == fact.check_id).values(**values))
        case = fact.review or fact.outcome is Outcome.MISMATCH
        # A case needs the pictures of all tries; without one they go with the next sweep. A photo that this check
        # enrolled has a life of its own: it stays while it is in use, however the case ends.
        pictures = (evidence.c.check_id == fact.check_id, evidence.c.kind == "burst")
        if case:
            await conn.execute(update(evidence).where(*pictures).values(held=True))
        else:
            free = (*pictures, evidence.c.held.is_(False))
            await conn.execute(update(evidence).where(*free).values(delete_after_ms=fact.at_ms))
    elif isinstance(fact, CheckUndecided):
        outcome = "our_fault" if fact.why == "our_fault" else "cancelled"
        values = {"outcome": outcome, "detail": fact.why[:64], "decided_ms": fact.at_ms}
        await conn.execute(update(checks).where(checks.c.id == fact.check_id).values(**values))
    elif isinstance(fact, Completed):
        await _completed(conn, learner_id, fact.lesson_id, fact.at_ms)
    call = case_of(fact)
    if call is not None:
        await open_case(conn, learner_id, fact.lesson_id, call, fact.at_ms)


async def _check_issued(conn, learner_id: int, fact: CheckIssued) -> None:
    await forget_checks(conn, [learner_id], [fact.check_id], fact.at_ms)
    known = (await conn.execute(select(checks.c.id).where(checks.c.id == fact.check_id))).first()
    if known is None:
        row = {
            "id": fact.check_id, "learner_id": learner_id, "lesson_id": fact.lesson_id, "number": fact.number,
            "kind": str(fact.kind), "issued_ms": fact.at_ms, "way": str(fact.way),
        }  # fmt: skip
        await conn.execute(insert(checks).values(**row))
    elif fact.reissued:
        await conn.execute(update(checks).where(checks.c.id == fact.check_id).values(way=str(fact.way)))


_FORGET = (
    update(checks)
    .where(
        checks.c.learner_id.in_(bindparam("learners", expanding=True)),
        checks.c.outcome == "pending",
        checks.c.id.not_in(bindparam("known", expanding=True)),
    )
    .values(outcome="cancelled", detail="forgotten", decided_ms=bindparam("at_ms"))
)


async def forget_checks(conn, learner_ids: Sequence[int], known: Sequence[str], at_ms: int) -> None:
    """One check at a time: whatever is still pending but the `known` ones was forgotten with the store or the
    gateway that knew it."""
    await conn.execute(_FORGET, {"learners": list(learner_ids), "known": list(known), "at_ms": at_ms})


async def touch_lessons(conn, items: Sequence[SeatWrite]) -> None:
    """Where learners are, for "continue": one statement for all of them. A state alone does not move it: the seat
    row has the position of an open stretch, and something happens in every lesson that is opened or left."""
    # Two items of one learner and lesson in one group: the later one says where the learner is.
    rows = {
        (item.learner_id, item.lesson_id): {
            "learner_id": item.learner_id, "lesson_id": item.lesson_id, "first_ms": item.facts[-1].at_ms,
            "last_ms": item.facts[-1].at_ms, "position_ms": item.position_ms,
        }
        for item in items
        if item.position_ms is not None
    }  # fmt: skip
    if rows:
        statement = upsert(conn.dialect.name, lesson_states, "last_ms", "position_ms")
        await conn.execute(statement, [rows[key] for key in sorted(rows)])


async def _completed(conn, learner_id: int, lesson_id: int, at_ms: int) -> None:
    row = {"learner_id": learner_id, "lesson_id": lesson_id, "first_ms": at_ms, "last_ms": at_ms, "completed": True}
    await conn.execute(upsert(conn.dialect.name, lesson_states, "last_ms", "completed"), [row])
