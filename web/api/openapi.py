"""OpenAPI 3.1 by hand: operations come from the route table, bodies and answers from the table below."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

from aiohttp import web

from proctor import __version__ as VERSION
from web.route import Route

_PART = re.compile(r"\{(\w+):([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")

_INT: dict[str, Any] = {"type": "integer", "minimum": 0}
_TEXT: dict[str, Any] = {"type": "string"}
_SPANS: dict[str, Any] = {
    "type": "array",
    "description": "Half-open [from_ms, to_ms) pairs, sorted and disjoint.",
    "items": {"type": "array", "prefixItems": [_INT, _INT], "minItems": 2, "maxItems": 2},
}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


_MEDIA = {"media": _TEXT, "poster": _TEXT, "ws": _TEXT, "ticket": _TEXT}
_PAGE_ID = {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,32}$"}

_ENROL: dict[str, Any] = {
    "body": (
        "multipart/form-data",
        {
            "type": "object",
            "properties": {
                "source": {"type": "string", "enum": ["id_photo", "capture"]},
                "photo": {"type": "string", "contentMediaType": "image/jpeg"},
            },
            "required": ["photo"],
        },
    ),
    "good": (202, _object({"id": _INT, "state": _TEXT})),
    "bad": (400, 401, 403, 404, 413, 503),
}

# name -> summary, request body (content type, schema), good answer (status, schema), refusals
OPERATIONS: dict[str, dict[str, Any]] = {
    "ticket": {
        "summary": "A start ticket: somebody is about to press play.",
        "body": ("application/json", _object({"page_id": _PAGE_ID})),
        "good": (200, _object(_MEDIA)),
        "bad": (400, 401, 403, 404, 410, 413, 503),
    },
    "state": {
        "summary": "What the record says about one lesson now.",
        "good": (
            200,
            _object(
                {
                    "lesson_id": _INT, "duration_ms": _INT, "complete": {"type": "boolean"},
                    "earns": {"type": "boolean"}, "why": _TEXT, "covered": _SPANS, "total_ms": _INT,
                    "final_ms": _INT, "withheld_ms": _INT, "void_ms": _INT,
                    "studying": {
                        "oneOf": [
                            {"type": "null"},
                            _object({"device": _TEXT, "this_device": {"type": "boolean"}}),
                        ]
                    },
                }
            ),
        ),
        "bad": (401, 403, 404, 503),
    },  # fmt: skip
    "frames": {
        "summary": "Upload of one burst of face pictures. The field `ticket` (or the header X-Upload-Ticket) "
        "comes before the pictures. The same bytes again are answered as before.",
        "body": (
            "multipart/form-data",
            {
                "type": "object",
                "properties": {
                    "ticket": _TEXT,
                    "source": {"type": "string", "enum": ["camera", "file"]},
                    **{f"frame{n}": {"type": "string", "contentMediaType": "image/jpeg"} for n in range(8)},
                },
                "required": ["frame0"],
            },
        ),
        "headers": ("X-Upload-Ticket",),
        "good": (202, _object({"accepted": {"type": "boolean"}, "try_number": _INT})),
        "bad": (400, 403, 409, 410, 413, 503),
    },
    "code": {
        "summary": "What a check by code asks: the masked phone, a question with its choices, when another text may "
        "go out. Only for tickets whose way is `code`.",
        "headers": ("X-Upload-Ticket",),
        "good": (
            200,
            _object(
                {
                    "phone": _TEXT, "question": _TEXT, "choices": {"type": "array", "items": _TEXT},
                    "resend_after_s": _INT, "sent": {"type": "boolean"},
                }
            ),
        ),
        "bad": (403, 409, 410, 503),
    },
    "code_post": {
        "summary": "Send the one-time code (`send`), or answer with `code` and `answer`, the index of the choice. "
        "The verdict comes over the socket.",
        "headers": ("X-Upload-Ticket",),
        "body": (
            "application/json",
            _object({}, send={"type": "boolean"}, code=_TEXT, answer={**_INT, "maximum": 15}),
        ),
        "good": (202, _object({"accepted": {"type": "boolean"}}, resend_after_s=_INT)),
        "bad": (400, 403, 409, 410, 413, 422, 429, 503),
    },
    "enrol": {**_ENROL, "summary": "The learner hands in a photo to enrol with; a person or an authority decides."},
    "enrol_learner": {**_ENROL, "summary": "Staff hand in a photo of one of their learners."},
    "host_tickets": {
        "summary": "A WebView host starts a lesson for one of its learners.",
        "body": ("application/json", _object({"login": _TEXT, "lesson_id": _INT})),
        "good": (200, _object({"url": _TEXT})),
        "bad": (400, 401, 404, 410, 413, 503),
    },
    "embed_start": {
        "summary": "What an embedded page shows and plays; the ticket is read and not used up.",
        "body": ("application/json", _object({"ticket": _TEXT})),
        "good": (200, _object({**_MEDIA, "title": _TEXT, "duration_ms": _INT, "page_id": _TEXT})),
        "bad": (400, 403, 404, 410, 413, 503),
    },
    "livez": {"summary": "This process lives.", "good": (200, _object({"live": {"type": "boolean"}})), "bad": ()},
    "readyz": {
        "summary": "SQL, Redis and a gateway answer.",
        "good": (200, {"$ref": "#/components/schemas/Ready"}),
        "bad": (),
        "more": {503: {"$ref": "#/components/schemas/Ready"}},
    },
    "openapi": {"summary": "This document.", "good": (200, {"type": "object"}), "bad": ()},
}

_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "learner": [{"session": []}],
    "staff": [{"session": []}],
    "ticket": [{"uploadTicket": []}, {}],
    "host": [{"hostKey": []}],
}


@functools.cache
def build() -> dict[str, Any]:
    """The whole document. Raises KeyError when a route below /api has no words here: a test looks."""
    from web.routes import TABLE

    paths: dict[str, dict[str, Any]] = {}
    for route in TABLE:
        if route.path.startswith("/api/") or route.name in OPERATIONS:
            path = _PART.sub(r"{\1}", route.path)
            paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    problem = _object({"code": _TEXT, "words": _TEXT, "request_id": _TEXT})
    ready = _object(
        {
            "ready": {"type": "boolean"},
            "problems": {"type": "array", "items": _TEXT},
            "nodes": {"type": "object", "additionalProperties": _INT},
        }
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Zhenxue",
            "version": VERSION,
            "description": "Times are integer milliseconds. `code` of an error never changes; `words` are for "
            "people. POST requests that carry the session cookie need the header X-CSRF.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": _object({"error": problem}), "Ready": ready},
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "zx_session"},
                "uploadTicket": {"type": "apiKey", "in": "header", "name": "X-Upload-Ticket"},
                "hostKey": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    about = OPERATIONS[route.name]
    status, schema = about["good"]
    answers = {str(status): _answer("Done.", schema)}
    for code in about["bad"]:
        answers[str(code)] = _answer("Refused.", {"$ref": "#/components/schemas/Error"})
    for code, more in about.get("more", {}).items():
        answers[str(code)] = _answer("Not now.", more)
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": about["summary"],
        "parameters": [*_parameters(route), *(_header(name) for name in about.get("headers", ()))],
        "responses": answers,
    }
    if "body" in about:
        kind, body = about["body"]
        operation["requestBody"] = {"required": True, "content": {kind: {"schema": body}}}
    if route.role in _SECURITY:
        operation["security"] = _SECURITY[route.role]
    if route.method == "POST" and route.csrf:
        operation["parameters"].append({**_header("X-CSRF"), "required": True})
    return operation


def _answer(words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _header(name: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}


def _parameters(route: Route) -> list[dict[str, Any]]:
    found = []
    for name, pattern in _PART.findall(route.path):
        digits = pattern.startswith(r"\d")
        schema = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1} if digits else {
            "type": "string", "pattern": f"^{pattern}$"
        }  # fmt: skip
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    return found


async def document(request: web.Request) -> web.StreamResponse:
    """GET /openapi.json"""
    return web.Response(text=json.dumps(build(), ensure_ascii=False), content_type="application/json")
