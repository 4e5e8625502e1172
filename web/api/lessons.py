"""Start tickets: somebody is about to press play."""

from __future__ import annotations

import secrets
from typing import Annotated

import msgspec
from aiohttp import web

from proctor.core.policy import Policy
from proctor.errors import Refused
from proctor.gateway.tickets import MediaToken, StartTicket
from proctor.modules.catalog import queries as catalog
from proctor.modules.catalog.queries import LessonRow
from proctor.modules.study.rules import policy_of
from web import context
from web.security import ws_origin

JSON_BYTES_MAX = 4_096


class TicketRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`page_id`: random, made by the page and kept for its life."""

    page_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{8,32}$")]


async def read_json(request: web.Request, kind: type):
    """The body as `kind`. Raises Refused: form_wrong, too_large."""
    if request.content_type != "application/json":
        raise Refused("form_wrong")
    data = await request.content.read(JSON_BYTES_MAX + 1)
    if len(data) > JSON_BYTES_MAX:
        raise Refused("too_large")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("form_wrong") from None


async def startable(
    request: web.Request, institution_id: int, learner_id: int, lesson_id: int
) -> tuple[LessonRow, Policy]:
    """A lesson that this learner may start now, with its class's rules: the gateway must know some of them before it
    may look into SQL. Raises Refused: no_lesson, taken_down."""
    now_ms, below = context.now_ms(), context.deps(request).settings.policy

    async def work(conn) -> tuple[LessonRow, Policy]:
        lesson = _playable(await catalog.lesson_of_learner(conn, institution_id, learner_id, lesson_id, now_ms))
        return lesson, policy_of(below, *await catalog.policy_packs(conn, lesson.class_id))

    return await context.deps(request).db.read_in_one(work)


async def playable(request: web.Request, institution_id: int, learner_id: int, lesson_id: int) -> LessonRow:
    """A lesson that this learner may start now. Raises Refused: no_lesson, taken_down."""
    now_ms = context.now_ms()
    return _playable(
        await context.deps(request).db.read_in_one(
            lambda conn: catalog.lesson_of_learner(conn, institution_id, learner_id, lesson_id, now_ms)
        )
    )


def _playable(found: LessonRow | None) -> LessonRow:
    if found is None:
        raise Refused("no_lesson")
    if not found.standing.playable:
        raise Refused("taken_down")
    return found


def media_base(request: web.Request, learner_id: int, lesson_id: int) -> str:
    """The folder of a lesson's media as this learner may fetch it for some hours."""
    deps = context.deps(request)
    expires = context.now_ms() + deps.settings.resume_token_ms
    token = deps.tickets.mint_media(
        MediaToken(lesson_id=lesson_id, learner_id=learner_id, expires_ms=expires)
    )
    return f"/media/{token}/{lesson_id}"


def ws_url(request: web.Request) -> str:
    return context.deps(request).settings.public_ws_url or f"{ws_origin(request)}/"


async def ticket(request: web.Request) -> web.StreamResponse:
    """POST /api/v1/lessons/{id}/ticket {page_id} → {ticket, ws, media, poster}."""
    wanted = await read_json(request, TicketRequest)
    person, deps = context.signed(request), context.deps(request)
    lesson, policy = await startable(
        request, person.institution_id, person.account_id, context.path_id(request, "id")
    )
    minted = deps.tickets.mint_start(
        StartTicket(
            learner_id=person.account_id, lesson_id=lesson.id, class_id=lesson.class_id,
            institution_id=person.institution_id, login_id=person.login_id,
            account_version=person.account_version, device_id=person.device_id, page_id=wanted.page_id,
            device_kind=context.device_kind(request), host=False, jti=secrets.token_hex(16),
            expires_ms=context.now_ms() + deps.settings.start_ticket_ms, lease_ms=policy.gap_ms_max,
            first_keeps=policy.second_device == "first",
        )
    )  # fmt: skip
    base = media_base(request, person.account_id, lesson.id)
    return web.json_response(
        {
            "ticket": minted,
            "ws": ws_url(request),
            "media": f"{base}/index.m3u8",
            "poster": f"{base}/poster.jpg",
        }
    )
