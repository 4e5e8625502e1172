"""What happens to an enrolment inside a transaction: handed in, approved, rejected, replaced, withdrawn.

Whoever calls has locked the learner's seat, as whoever withdraws a consent does: what is looked at here holds.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, select, update

from proctor.errors import Refused
from proctor.modules.identity.rules import LIVING, State, step
from proctor.modules.identity.tables import enrolment_history as history
from proctor.modules.privacy.tables import enrolments, evidence
from proctor.modules.schema import upsert


async def enter(
    conn, *, institution_id: int, learner_id: int, source: str, evidence_id: str, by: int, now_ms: int
) -> int:
    """A photo was handed in, or taken at the first check; returns its number in the history. What waited before is
    replaced; what is in use stays in use until somebody decides."""
    used = await in_use(conn, learner_id)
    for row in await living(conn, learner_id):
        if row.evidence_id not in (used, evidence_id):
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
    """This photo is not taken; the next check asks anew when it was in use. Returns whether it was.

    Raises Refused: enrolment_moved. What was credited stays as it is: only people void, in a case."""
    if step(row.state, "reject") is not State.REJECTED:
        raise Refused("enrolment_moved")
    used = await in_use(conn, row.learner_id) == row.evidence_id
    if used:
        await conn.execute(delete(enrolments).where(enrolments.c.learner_id == row.learner_id))
    await _release(conn, row.evidence_id, now_ms)
    await _decided(conn, row, State.REJECTED, by, reason, now_ms)
    return used


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
