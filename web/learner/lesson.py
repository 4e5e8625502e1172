"""The lesson page, its embedded form for hosts, and the pre-flight: the frame in which the player works."""

from __future__ import annotations

import json

from aiohttp import web

from proctor.core.facts import COVERED
from proctor.core.intervals import normalise, total
from proctor.errors import Refused
from proctor.modules.privacy import service as privacy
from proctor.modules.study import queries as study
from web import context
from web.api.lessons import media_base, playable
from web.learner.consent import must_ask
from web.render import render
from web.security import csrf_of


def _vendor(request: web.Request) -> dict[str, str]:
    vendor = context.site(request).vendor
    return {"hls": vendor.base("hls.js"), "mediaChrome": vendor.base("media-chrome")}


async def page(request: web.Request) -> web.StreamResponse:
    """GET /lessons/{id} — before the first lesson the choice about face checks is asked, once."""
    person, deps = context.signed(request), context.deps(request)
    lesson = await playable(request, person.institution_id, person.account_id, context.path_id(request, "id"))
    async with deps.db.read() as conn:
        ask, choice = await must_ask(request, conn), await privacy.newest_choice(conn, person.account_id)
        record = await study.lesson_record(conn, person.account_id, lesson.id)
    if ask:
        raise web.HTTPSeeOther(f"/consent?next=/lessons/{lesson.id}")
    covered = normalise((row.from_ms, row.to_ms) for row in record.ledger if row.status in COVERED)
    config = {
        "lesson_id": lesson.id,
        "title": lesson.title,
        "duration_ms": lesson.duration_ms,
        "poster": f"{media_base(request, person.account_id, lesson.id)}/poster.jpg",
        "csrf": csrf_of(request),
        "ticket_url": f"/api/v1/lessons/{lesson.id}/ticket",
        "host": False,
        "consent": choice == "given",
        "covered": covered,
        "total_ms": total(covered),
        "lang": context.lang(request),
        "vendor": _vendor(request),
        "record_url": f"/records/lessons/{lesson.id}",
        "back_url": f"/courses/{lesson.course_id}",
    }
    return render(
        request, "learner/lesson.html", room="learn", config=_spelled(config), host=False, title=lesson.title,
        lesson_id=lesson.id, course_id=lesson.course_id, course_title=lesson.course_title,
        reason=lesson.standing.reason, face=choice == "given",
    )  # fmt: skip


async def embed(request: web.Request) -> web.StreamResponse:
    """GET /embed/{id}#ticket=… — the page of a WebView host. It says nothing about the lesson: who may know
    is in the ticket, which stands behind the # and reaches the server only with the script's first call."""
    lesson_id = context.path_id(request, "id")
    config = {
        "lesson_id": lesson_id,
        "title": "",
        "duration_ms": 0,
        "poster": "",
        "csrf": "",
        "ticket_url": f"/api/v1/embed/{lesson_id}",
        "host": True,
        "consent": True,
        "covered": [],
        "total_ms": 0,
        "lang": context.lang(request),
        "vendor": _vendor(request),
        "record_url": "",
        "back_url": "",
    }
    return render(
        request, "learner/lesson.html", config=_spelled(config), host=True, title="", lesson_id=lesson_id,
        course_id=0, course_title="", reason="", face=True,
    )  # fmt: skip


async def preflight(request: web.Request) -> web.StreamResponse:
    """GET /preflight"""
    config = {
        "lang": context.lang(request),
        "vendor": _vendor(request),
        "secure": context.is_secure(request),
        "tls_url": "/tls",
        "now_ms": context.now_ms(),
        "next": "/learn",
        "state_url": "/livez",
    }
    return render(request, "learner/preflight.html", room="learn", config=_spelled(config))


def _spelled(config: dict[str, object]) -> str:
    text = json.dumps(config, ensure_ascii=False, separators=(",", ":"))
    if len(text) > 200_000:
        raise Refused("too_large")
    return text
