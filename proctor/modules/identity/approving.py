"""What happens to an enrolment inside a transaction: handed in, approved, rejected, replaced, withdrawn.

Whoever calls has locked the learner's seat, as whoever withdraws a consent does: what is looked at here holds.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, literal, select, update

from proctor.errors import Refused
from proctor.modules.identity.rules import LIVING, State, gives_way, step
from proctor.modules.identity.tables import enrolment_history as history
from proctor.modules.privacy.tables import enrolments, evidence
from proctor.modules.reviews.opening import open_case
from proctor.modules.reviews.rules import SEVERITY, CaseCall
from proctor.modules.schema import upsert
from proctor.modules.study.tables import bursts, ledger


async def enter(
    conn, *, institution_id: int, learner_id: int, source: str, evidence_id: str, by: int, now_ms: int
) -> int:
    """A photo was handed in, or taken at the first check; returns its number in the history. What waited before and
    gives way to it is replaced; what is in use stays in use until somebody decides."""
    used = await in_use(conn, learner_id)
    for row in await living(conn, learner_id):
        of_staff, by_staff = row.submitted_by != learner_id, by != learner_id
        ends = gives_way(row.state, of_staff=of_staff, source=source, by_staff=by_staff)
        if ends and row.evidence_id not in (used, evidence_id):
            await _end(conn, row, "replace", now_ms)
            await _release(conn, row.evidence_id, now_ms)
    statement = insert(history).values(
        institution_id=institution_id, learner_id=learner_id, source=source, state=str(State.RECEIVED),
        evidence_id=evidence_id, submitted_by=by, submitted_ms=now_ms,
    )  # fmt: skip
    return (await conn.execute(statement)).inserted_primary_key[0]


async def in_use(conn, learner_id: int) -> str:
    """Evidence id of the photo that checks are compared with now; "" without one."""
    statement = select(enrolments.c.evidence_id).where(enrolments.c.learner_id == learner_id)
    return (await conn.execute(statement)).scalar_one_or_none() or ""


async def living(conn, learner_id: int) -> list[Any]:
    """Rows that are in use or wait, oldest first."""
    statement = select(history).where(history.c.learner_id == learner_id, history.c.state.in_(LIVING))
    return list((await conn.execute(statement.order_by(history.c.id))).all())


async def approve(conn, row, *, by: int, reason: str, now_ms: int) -> None:
    """From now on checks are compared with this photo. `by` 0: an authority. Raises Refused: enrolment_moved."""
    if step(row.state, "approve") is not State.APPROVED:
        raise Refused("enrolment_moved")
    used = await in_use(conn, row.learner_id)
    if used != row.evidence_id:
        for old in await living(conn, row.learner_id):
            if old.id != row.id and old.evidence_id == used:
                await _end(conn, old, "replace", now_ms)
        if used:
            await _release(conn, used, now_ms)
        values = {
            "learner_id": row.learner_id, "model": row.model, "template_sealed": row.template_sealed,
            "evidence_id": row.evidence_id, "source": row.source, "created_ms": now_ms,
        }  # fmt: skip
        names = [name for name in values if name != "learner_id"]
        await conn.execute(upsert(conn.dialect.name, enrolments, *names), [values])
    await _decided(conn, row, State.APPROVED, by, reason, now_ms)


async def reject(conn, row, *, by: int, reason: str, now_ms: int) -> bool:
    """This photo is not taken. Returns whether it was in use: then no check takes another by itself, and what it
    settled comes before people. Raises Refused: enrolment_moved.

    What was credited stays as it is: only people void, in a case."""
    if step(row.state, "reject") is not State.REJECTED:
        raise Refused("enrolment_moved")
    mine = (enrolments.c.learner_id == row.learner_id, enrolments.c.evidence_id == row.evidence_id)
    used_since_ms = (await conn.execute(select(enrolments.c.created_ms).where(*mine))).scalar_one_or_none()
    used = used_since_ms is not None
    if used:
        await conn.execute(delete(enrolments).where(*mine))
        await _question(conn, row.learner_id, used_since_ms, now_ms)
    await _release(conn, row.evidence_id, now_ms)
    await _decided(conn, row, State.REJECTED, by, reason, now_ms)
    if used:
        await conn.execute(update(history).where(history.c.id == row.id).values(ended_ms=now_ms))
    return used


def no_first_capture(learners: Any) -> Any:
    """Statement: those of `learners` of whom no check takes a photo by itself. One is in use, or people have rejected
    one that was: then a person must say which photo is the learner's, or whoever came first would just come again."""
    rejected = (history.c.state == State.REJECTED, history.c.ended_ms.is_not(None))
    return (
        select(enrolments.c.learner_id)
        .where(enrolments.c.learner_id.in_(learners))
        .union(select(history.c.learner_id).where(history.c.learner_id.in_(learners), *rejected))
    )


async def _question(conn, learner_id: int, since_ms: int, now_ms: int) -> None:
    """Whoever passed by a photo that is rejected now may have been somebody else: what those checks settled comes
    before people, one case a lesson. Nothing is taken away here."""
    passed = select(literal("check:") + bursts.c.check_id).where(
        bursts.c.learner_id == learner_id, bursts.c.outcome == "passed", bursts.c.way != "code",
        bursts.c.judged_ms >= since_ms,
    )  # fmt: skip
    settled = select(ledger.c.lesson_id, ledger.c.settled_by).distinct()
    settled = settled.where(ledger.c.learner_id == learner_id, ledger.c.settled_by.in_(passed))
    found = (await conn.execute(settled.order_by(ledger.c.lesson_id, ledger.c.settled_by))).all()
    for lesson_id, cause in found:
        await open_case(conn, learner_id, lesson_id, CaseCall("photo", SEVERITY["photo"], cause, ""), now_ms)


async def forget(conn, learner_id: int, now_ms: int, what: str) -> None:
    """Consent is gone (`withdraw`), or the classes are over (`expire`): no template stays anywhere, nothing waits."""
    for row in await living(conn, learner_id):
        await _end(conn, row, what, now_ms)


async def _decided(conn, row, state: State, by: int, reason: str, now_ms: int) -> None:
    values = {
        "state": str(state), "decided_by": by, "decided_ms": now_ms, "reason": reason[:500], "template_sealed": None,
    }  # fmt: skip
    await conn.execute(update(history).where(history.c.id == row.id).values(**values))


async def _end(conn, row, what: str, now_ms: int) -> None:
    state = step(row.state, what)
    assert state is not None, "only living rows end"
    values = {"state": str(state), "ended_ms": now_ms, "template_sealed": None}
    await conn.execute(update(history).where(history.c.id == row.id).values(**values))


async def _release(conn, evidence_id: str, now_ms: int) -> None:
    """The next sweep deletes the picture, unless a case holds it."""
    where = (evidence.c.id == evidence_id, evidence.c.held.is_(False), evidence.c.delete_after_ms > now_ms)
    await conn.execute(update(evidence).where(*where).values(delete_after_ms=now_ms))
