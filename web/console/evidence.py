"""Pictures for reviewers: one frame at a time, each opening an audit row, never cached."""

from __future__ import annotations

import time

import msgspec
from aiohttp import web

from proctor.errors import Refused
from proctor.modules.audit.service import append_audit
from proctor.modules.reviews.queries import evidence_row
from web import context
from web.console.minors import may_look

FRAMES_MAX = 8
JPEG = b"\xff\xd8"


async def evidence_image(request: web.Request) -> web.StreamResponse:
    """GET /console/evidence/{evidence_id}?frame=0 — the audit row is written before the picture is read."""
    person, deps = context.signed(request), context.deps(request)
    evidence_id = request.match_info["evidence_id"]
    frame = request.query.get("frame", "0")
    if not (len(frame) == 1 and frame.isascii() and frame.isdigit() and int(frame) < FRAMES_MAX):
        raise Refused("not_found")
    async with deps.db.write() as conn:
        row = await evidence_row(conn, person.institution_id, evidence_id)
        if row is None:
            raise Refused("not_found")
        if not (await may_look(request, conn, row.learner_id)).open:
            raise Refused("minor_access")
        await append_audit(
            conn,
            at_ms=time.time_ns() // 1_000_000,
            institution_id=person.institution_id,
            account_id=person.account_id,
            action="console:evidence:opened",
            object=f"evidence:{evidence_id[:32]}",
            detail={"frame": int(frame), "kind": row.kind, "learner": row.learner_id},
            address=context.address(request),
        )
    picture = _frame(await deps.evidence.get(evidence_id), int(frame))
    return web.Response(body=picture, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _frame(data: bytes, index: int) -> bytes:
    """An enrolment photo is one JPEG; a burst is a msgpack list of them."""
    frames = [data] if data.startswith(JPEG) else msgspec.msgpack.decode(data, type=list[bytes])
    if index >= len(frames):
        raise Refused("not_found")
    return frames[index]
