"""Traces of captures: how long they are kept. Consent and erasure end them earlier."""

from __future__ import annotations

from sqlalchemy import delete

from proctor.modules.privacy.tables import face_traces


async def forget_traces(conn, before_ms: int) -> None:
    """What was judged before then is gone."""
    await conn.execute(delete(face_traces).where(face_traces.c.at_ms < before_ms))
