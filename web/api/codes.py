"""The way without a face: a one-time code to the registered phone and a question, for exactly one check."""

from __future__ import annotations

from typing import Annotated

import msgspec
import structlog
from aiohttp import web

from proctor.core.facts import CheckWay, Outcome
from proctor.errors import Refused, Unavailable
from proctor.modules.catalog.queries import policy_of_lesson
from proctor.modules.codeway import service
from proctor.modules.codeway.rules import normal_code
from proctor.ports import Accepted, CheckTicket, NotAccepted
from web import context
from web.api.lessons import read_json
from web.render import translator

log = structlog.get_logger("web")

TICKET_CHARS_MAX = 2_048
LATE_MS = 2_000  # the clocks of two processes may differ; Redis decides on the answer itself


def _n(text: str) -> str:
    """Marks a sentence for extraction; it is translated where it is shown."""
    return text


TEXT = _n("【真学】验证码 %(code)s，5 分钟内有效，只用于本次学习核验。工作人员不会向您索要。")
WHICH_LESSON = _n("您正在学习的是哪一节课？")
WHICH_COURSE = _n("这节课属于哪一门课程？")
FILLERS = (_n("消防设施操作"), _n("养老护理基础"), _n("电子商务运营"), _n("叉车驾驶安全"), _n("母婴护理入门"))


class CodeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Either `send`, or `code` with `answer` (index of the choice)."""

    send: bool = False
    code: Annotated[str, msgspec.Meta(max_length=32)] = ""
    answer: Annotated[int, msgspec.Meta(ge=0, le=15)] = 0


async def offer(request: web.Request) -> web.StreamResponse:
    """GET /api/v1/checks/{check_id}/code → {phone, question, choices, resend_after_s, sent}."""
    ticket = await _ticket(request)
    found = await _way(request).offer(ticket, _words(request))
    return web.json_response(msgspec.to_builtins(found))


async def answer(request: web.Request) -> web.StreamResponse:
    """POST /api/v1/checks/{check_id}/code {send: true} or {code, answer} → 202, or why not."""
    ticket = await _ticket(request)
    wanted = await read_json(request, CodeRequest)
    if wanted.send:
        await _send(request, ticket)
        return web.json_response({"accepted": True, "resend_after_s": service.rules.RESEND_MS // 1_000}, status=202)
    code = normal_code(wanted.code)
    if code is None:
        raise Refused("code_format")
    way, deps = _way(request), context.deps(request)
    if not (await way.offer(ticket, _words(request))).sent:
        raise Refused("code_not_sent")
    accepted = await _accept(request, ticket, way.digest(ticket, code, wanted.answer))
    if accepted.fresh:
        try:
            policy = await deps.db.read_in_one(
                lambda conn: policy_of_lesson(
                    conn, ticket.institution_id, ticket.learner_id, ticket.lesson_id, context.now_ms(),
                    deps.settings.policy,
                )  # fmt: skip
            )
            verdict = await way.answer(
                ticket, code, wanted.answer, _words(request), accepted_ms=accepted.redis_ms,
                spot_one_in=policy.code_spot_one_in,
            )  # fmt: skip
        except Unavailable as gone:
            # What cannot be judged because of us must cost the learner nothing, and at once.
            log.warning("code_not_judged", port=gone.port, check=ticket.check_id)
            verdict = service.verdict(ticket, Outcome.OUR_FAULT, "code_not_judged")
        await deps.checks.judge(verdict)
    return web.json_response({"accepted": True}, status=202)


async def _ticket(request: web.Request) -> CheckTicket:
    """The upload ticket of a check by code that still waits. Raises Refused: ticket_invalid, late, judged."""
    text, deps = request.headers.get("X-Upload-Ticket", ""), context.deps(request)
    if not text or len(text) > TICKET_CHARS_MAX:
        raise Refused("ticket_invalid")
    ticket = deps.tickets.read_upload(text)
    if ticket.check_id != request.match_info["check_id"] or ticket.way is not CheckWay.CODE:
        raise Refused("ticket_invalid")
    if deps.clock.redis_ms(deps.clock.now_ms()) > ticket.expires_redis_ms + LATE_MS:
        raise Refused("late")
    if await deps.checks.verdict(ticket.check_id, ticket.try_number) is not None:
        raise Refused("judged")
    return ticket


async def _accept(request: web.Request, ticket: CheckTicket, digest: str) -> Accepted:
    accepted = await context.deps(request).checks.accept(ticket, digest)
    if isinstance(accepted, NotAccepted):
        raise Refused(accepted.why)
    return accepted


async def _send(request: web.Request, ticket: CheckTicket) -> None:
    """A text on its way. What keeps it from going out is ours, and then the check is undecided; without a phone a
    person sees to it."""
    way, checks = _way(request), context.deps(request).checks
    try:
        await way.send(ticket, _words(request))
    except Refused as refused:
        if refused.code == "no_phone":
            accepted = await _accept(request, ticket, "no_phone")
            await checks.judge(await way.no_phone(ticket, accepted_ms=accepted.redis_ms))
        elif refused.code == "texts_busy":
            log.error("texts_busy", institution=ticket.institution_id)
            await checks.judge(service.verdict(ticket, Outcome.OUR_FAULT, "text_not_sent"))
        raise
    except Unavailable as gone:
        log.error("text_not_sent", port=gone.port, check=ticket.check_id)
        await checks.judge(service.verdict(ticket, Outcome.OUR_FAULT, "text_not_sent"))
        raise Refused("texts_busy") from None


def _way(request: web.Request) -> service.CodeWay:
    deps = context.deps(request)
    return service.CodeWay(
        deps.db, deps.vault, deps.messages, texts_per_hour=deps.settings.texts_per_hour,
        texts_per_minute=deps.settings.texts_per_minute,
    )  # fmt: skip


def _words(request: web.Request) -> service.Words:
    _ = translator(request)
    return service.Words(
        text=_(TEXT), which_lesson=_(WHICH_LESSON), which_course=_(WHICH_COURSE),
        fillers=tuple(_(title) for title in FILLERS),
    )  # fmt: skip
