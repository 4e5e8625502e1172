"""The one route table: OpenAPI, the list of pages for axe and pictures, and the role tests come from it."""

from __future__ import annotations

from web import files, health
from web.api import checks, host, lessons, openapi, state
from web.console import audit as console_audit
from web.console import cases as console_cases
from web.console import evidence as console_evidence
from web.learner import consent, courses, door, lesson, me, records
from web.route import Role, Route

# At most 18 digits: fits 64 bits, so no database ever sees a number that it cannot hold.
_ID = r"{id:\d{1,18}}"


def _page(path: str, handler, role: Role, name: str, example: str = "", **more) -> Route:
    return Route(
        method="GET", path=path, handler=handler, role=role, name=name, page=True,
        example=example or path, **more,
    )  # fmt: skip


def _post(path: str, handler, role: Role, name: str, example: str = "") -> Route:
    """A form of a page: CSRF is checked, errors are pages."""
    return Route(
        method="POST", path=path, handler=handler, role=role, name=name, page=True, example=example or path
    )


def _api(method: str, path: str, handler, role: Role, name: str, example: str = "", **more) -> Route:
    return Route(
        method=method, path=path, handler=handler, role=role, name=name, example=example or path, **more
    )


def _file(path: str, handler, name: str, example: str) -> Route:
    return Route(method="GET", path=path, handler=handler, role="files", name=name, example=example)


TABLE: tuple[Route, ...] = (
    # Doors.
    _page("/", door.home, "anyone", "home"),
    _page("/login", door.login_page, "anyone", "login"),
    _post("/login", door.login, "anyone", "login_post"),
    _post("/logout", door.logout, "signed", "logout"),
    _post("/language", door.language, "anyone", "language"),
    _page("/tls", door.tls_page, "anyone", "tls"),
    _api("GET", "/tls/ca.crt", door.tls_ca, "anyone", "tls_ca"),
    _page("/about", door.about, "anyone", "about"),
    # The learner.
    _page("/consent", consent.page, "learner", "consent"),
    _post("/consent", consent.choose, "learner", "consent_post"),
    _page("/learn", courses.learn, "learner", "learn"),
    _page(f"/courses/{_ID}", courses.course, "learner", "course", "/courses/1"),
    _page("/preflight", lesson.preflight, "learner", "preflight"),
    _page(f"/lessons/{_ID}", lesson.page, "learner", "lesson", "/lessons/1"),
    _page(f"/embed/{_ID}", lesson.embed, "anyone", "embed", "/embed/1", embed=True),
    _page("/records", records.days, "learner", "records"),
    _page(f"/records/lessons/{_ID}", records.lesson, "learner", "record", "/records/lessons/1"),
    _post("/appeals", records.appeal, "learner", "appeal_post"),
    _page("/me", me.page, "learner", "me"),
    # The console.
    _page("/console", console_cases.cases_page, "staff", "console"),
    _page("/console/cases", console_cases.cases_page, "staff", "cases"),
    _page(f"/console/cases/{_ID}", console_cases.case_page, "staff", "case", "/console/cases/1"),
    _post(
        f"/console/cases/{_ID}/decisions", console_cases.decide, "staff", "decision_post",
        "/console/cases/1/decisions",
    ),
    _api(
        "GET", r"/console/evidence/{evidence_id:[A-Za-z0-9_-]{1,64}}", console_evidence.evidence_image,
        "staff", "evidence", "/console/evidence/none",
    ),
    _page("/console/audit", console_audit.audit_page, "administrator", "audit"),
    # The API.
    _api("POST", f"/api/v1/lessons/{_ID}/ticket", lessons.ticket, "learner", "ticket", "/api/v1/lessons/1/ticket"),
    _api("GET", f"/api/v1/lessons/{_ID}/state", state.lesson_state, "learner", "state", "/api/v1/lessons/1/state"),
    _api(
        "POST", r"/api/v1/checks/{check_id:[A-Za-z0-9_-]{1,32}}/frames", checks.frames, "ticket", "frames",
        "/api/v1/checks/none/frames", csrf=False,
    ),
    _api("POST", "/api/v1/host/tickets", host.tickets, "host", "host_tickets", csrf=False),
    _api("POST", f"/api/v1/embed/{_ID}", host.embed, "ticket", "embed_start", "/api/v1/embed/1", csrf=False),
    _api("GET", "/openapi.json", openapi.document, "anyone", "openapi"),
    # Health.
    _api("GET", "/livez", health.livez, "files", "livez"),
    _api("GET", "/readyz", health.readyz, "files", "readyz"),
    _api("GET", "/metrics", health.metrics, "loopback", "metrics"),
    # Files.
    _file("/favicon.ico", files.favicon, "favicon", "/favicon.ico"),
    _file(r"/static/{path:[^?]{1,200}}", files.static, "static", "/static/tokens.css"),
    _file(r"/player/{path:[^?]{1,200}}", files.player, "player", "/player/main.js"),
    _file(
        r"/vendor/{name:[a-z0-9.-]{1,40}}@{version:[0-9A-Za-z.-]{1,40}}/{path:[^?]{1,200}}", files.vendor,
        "vendor", "/vendor/none@0/x.js",
    ),
    _file(
        r"/media/{token:[A-Za-z0-9_.-]{1,1024}}/{lesson_id:\d{1,18}}/{file:[^/?]{1,80}}", files.media, "media",
        "/media/none/1/index.m3u8",
    ),
)  # fmt: skip

PAGES: tuple[Route, ...] = tuple(route for route in TABLE if route.page and route.method == "GET")
