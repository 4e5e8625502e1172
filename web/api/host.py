"""A WebView host starts a lesson for one of its learners by ticket, without a cookie."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated

import msgspec
from aiohttp import web

from proctor.errors import Refused
from proctor.gateway.tickets import StartTicket
from proctor.modules.accounts import queries as accounts
from proctor.modules.accounts.rules import normal_login
from proctor.modules.audit.service import append_audit
from web import context
from web.api.lessons import media_base, playable, read_json, startable, ws_url

KEY_CHARS_MAX = 200


class HostTicketRequest(msgspec.Struct, frozen=True, kw_only=True):
    login: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    lesson_id: Annotated[int, msgspec.Meta(ge=1, le=10**18 - 1)]


async def tickets(request: web.Request) -> web.StreamResponse:
    """POST /api/v1/host/tickets {login, lesson_id} → {url}; the key of the institution is the bearer token."""
    institution = await _institution(request)
    wanted = await read_json(request, HostTicketRequest)
    deps = context.deps(request)
    login = normal_login(wanted.login)
    async with deps.db.read() as conn:
        learner = await accounts.learner_of_institution(conn, institution.id, login) if login else None
    if learner is None:
        raise Refused("no_lesson")
    lesson, policy = await startable(request, institution.id, learner.id, wanted.lesson_id)
    now_ms = context.now_ms()
    minted = deps.tickets.mint_start(
        StartTicket(
            learner_id=learner.id, lesson_id=lesson.id, class_id=lesson.class_id,
            institution_id=institution.id, login_id="", account_version=learner.version,
            device_id=secrets.token_hex(16), page_id=secrets.token_hex(16), device_kind="webview", host=True,
            jti=secrets.token_hex(16), expires_ms=now_ms + deps.settings.start_ticket_ms,
            lease_ms=policy.gap_ms_max, first_keeps=policy.second_device == "first",
        )
    )  # fmt: skip
    async with deps.db.write() as conn:
        await append_audit(
            conn, at_ms=now_ms, institution_id=institution.id, account_id=0, action="host:ticket:minted",
            object=f"account:{learner.id}", detail={"lesson": lesson.id}, address=context.address(request),
        )  # fmt: skip
    origin = deps.settings.public_url.rstrip("/") or f"{request.scheme}://{request.host}"
    return web.json_response({"url": f"{origin}/embed/{lesson.id}#ticket={minted}"})


async def _institution(request: web.Request):
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 16 <= len(key) <= KEY_CHARS_MAX:
        raise Refused("host_key")
    async with context.deps(request).db.read() as conn:
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        found = await accounts.institution_by_host_key(conn, digest)
    if found is None:
        raise Refused("host_key")
    return found


class EmbedRequest(msgspec.Struct, frozen=True, kw_only=True):
    ticket: Annotated[str, msgspec.Meta(min_length=1, max_length=1_024)]


async def embed(request: web.Request) -> web.StreamResponse:
    """POST /api/v1/embed/{id} {ticket} → what an embedded page shows and plays.

    The ticket is read, not used: the gateway uses it up. Whoever holds it may see this lesson's media.
    """
    wanted = await read_json(request, EmbedRequest)
    deps = context.deps(request)
    start = deps.tickets.read_start(wanted.ticket, now_ms=context.now_ms())
    if start.lesson_id != context.path_id(request, "id"):
        raise Refused("ticket_invalid")
    lesson = await playable(request, start.institution_id, start.learner_id, start.lesson_id)
    base = media_base(request, start.learner_id, lesson.id)
    return web.json_response(
        {
            "ticket": wanted.ticket, "ws": ws_url(request), "media": f"{base}/index.m3u8",
            "poster": f"{base}/poster.jpg", "title": lesson.title, "duration_ms": lesson.duration_ms,
            "page_id": start.page_id,
        }
    )  # fmt: skip
