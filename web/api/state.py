"""What the record says about one lesson now: for players that reload, and for hosts."""

from __future__ import annotations

from aiohttp import web

from proctor.core.facts import COVERED
from proctor.core.intervals import normalise
from proctor.errors import Refused
from proctor.modules.catalog import queries as catalog
from proctor.modules.study import queries as study
from web import context


async def lesson_state(request: web.Request) -> web.StreamResponse:
    """GET /api/v1/lessons/{id}/state → totals, covered spans, and which device studies now."""
    person, deps = context.signed(request), context.deps(request)
    async with deps.db.read() as conn:
        lesson = await catalog.lesson_of_learner(
            conn, person.institution_id, person.account_id, context.path_id(request, "id"), context.now_ms()
        )
        if lesson is None:
            raise Refused("no_lesson")
        record = await study.lesson_record(conn, person.account_id, lesson.id)
    holder = await deps.leases.holder(person.account_id)
    totals = record.totals
    return web.json_response(
        {
            "lesson_id": lesson.id,
            "duration_ms": lesson.duration_ms,
            "complete": record.completed,
            "earns": lesson.standing.earns,
            "why": lesson.standing.reason,
            "covered": normalise((row.from_ms, row.to_ms) for row in record.ledger if row.status in COVERED),
            "total_ms": totals.provisional_ms + totals.waiting_ms + totals.final_ms,
            "final_ms": totals.final_ms,
            "withheld_ms": totals.withheld_ms,
            "void_ms": totals.void_ms,
            "studying": None
            if holder is None
            else {
                "device": holder[0].device_kind,
                "this_device": holder[0].device_id == person.device_id,
            },
        }
    )
