"""The one route table: OpenAPI, the list of pages for axe and pictures, and the role tests come from it."""

from __future__ import annotations

from web import files, health
from web.api import checks, codes, enrolments, host, lessons, openapi, state
from web.console import audit as console_audit
from web.console import cases as console_cases
from web.console import enrolments as console_enrolments
from web.console import evidence as console_evidence
from web.console import keeping, minors
from web.console import privacy as console_privacy
from web.learner import certificates, consent, courses, door, enrolment, lesson, me, records
from web.route import Role, Route

# At most 18 digits: fits 64 bits, so no database ever sees a number that it cannot hold.
_ID = r"{id:\d{1,18}}"
_SHA = r"{sha256:[0-9a-f]{64}}"


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
    _post("/consent/guardian", consent.state_guardian, "learner", "guardian_post"),
    _post("/consent/guardian/code", consent.guardian_code, "learner", "guardian_code_post"),
    _page(f"/consent/texts/{_SHA}", consent.text, "learner", "consent_text", f"/consent/texts/{'0' * 64}"),
    _page(f"/consent/certificates/{_ID}", certificates.page, "learner", "certificate", "/consent/certificates/1"),
    _api(
        "GET", f"/consent/certificates/{_ID}.json", certificates.file, "learner", "certificate_file",
        "/consent/certificates/1.json",
    ),
    _api("GET", "/keys/certificates.pem", certificates.public_key, "anyone", "certificates_key"),
    _page("/learn", courses.learn, "learner", "learn"),
    _page(f"/courses/{_ID}", courses.course, "learner", "course", "/courses/1"),
    _page("/preflight", lesson.preflight, "learner", "preflight"),
    _page(f"/lessons/{_ID}", lesson.page, "learner", "lesson", "/lessons/1"),
    _page(f"/embed/{_ID}", lesson.embed, "anyone", "embed", "/embed/1", embed=True),
    _page("/records", records.days, "learner", "records"),
    _page(f"/records/lessons/{_ID}", records.lesson, "learner", "record", "/records/lessons/1"),
    _post("/appeals", records.appeal, "learner", "appeal_post"),
    _page("/me", me.page, "learner", "me"),
    _page("/enrolment", enrolment.page, "learner", "enrolment"),
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
    _page("/console/privacy", console_privacy.page, "administrator", "privacy"),
    _post(
        f"/console/privacy/filings/{_ID}", console_privacy.file, "administrator", "filing_post",
        "/console/privacy/filings/1",
    ),
    _api(
        "GET", "/console/privacy/register.{kind:html|md|json}", console_privacy.register_file, "administrator",
        "register", "/console/privacy/register.html",
    ),
    _api(
        "GET", "/console/privacy/assessment.{kind:html|md}", console_privacy.assessment_file, "administrator",
        "assessment", "/console/privacy/assessment.html",
    ),
    _page("/console/privacy/keeping", keeping.page, "administrator", "keeping"),
    _post("/console/privacy/duties", keeping.name_duty, "administrator", "duty_post"),
    _post(
        f"/console/privacy/duties/{_ID}/end", keeping.end_duty, "administrator", "duty_end_post",
        "/console/privacy/duties/1/end",
    ),
    _page(
        f"/console/privacy/certificates/{_ID}", keeping.certificate, "administrator", "console_certificate",
        "/console/privacy/certificates/1",
    ),
    _api(
        "GET", f"/console/privacy/certificates/{_ID}.json", keeping.certificate_file, "administrator",
        "console_certificate_file", "/console/privacy/certificates/1.json",
    ),
    _page("/console/privacy/minors", minors.page, "staff", "minors"),
    _post(
        f"/console/privacy/guardians/{_ID}", minors.decide_guardian, "staff", "guardian_decision_post",
        "/console/privacy/guardians/1",
    ),
    _post(
        f"/console/privacy/guardians/{_ID}/phone", minors.guardian_phone, "staff", "guardian_phone_post",
        "/console/privacy/guardians/1/phone",
    ),
    _post("/console/privacy/access", minors.ask, "staff", "access_post"),
    _post(
        f"/console/privacy/access/{_ID}", minors.decide_access, "staff", "access_decision_post",
        "/console/privacy/access/1",
    ),
    _page("/console/audit", console_audit.audit_page, "administrator", "audit"),
    _page("/console/enrolments", console_enrolments.enrolments_page, "staff", "enrolments"),
    _page(f"/console/learners/{_ID}", console_enrolments.learner_page, "staff", "learner", "/console/learners/1"),
    _post(f"/console/learners/{_ID}", console_enrolments.change, "staff", "learner_post", "/console/learners/1"),
    _post(
        f"/console/learners/{_ID}/phone", console_enrolments.phone, "staff", "phone_post", "/console/learners/1/phone"
    ),
    _post(
        f"/console/enrolments/{_ID}/decisions", console_enrolments.decide, "staff", "enrolment_decision",
        "/console/enrolments/1/decisions",
    ),
    _post(
        f"/console/duplicates/{_ID}", console_enrolments.settle, "staff", "duplicate_post", "/console/duplicates/1"
    ),
    # The API.
    _api("POST", f"/api/v1/lessons/{_ID}/ticket", lessons.ticket, "learner", "ticket", "/api/v1/lessons/1/ticket"),
    _api("GET", f"/api/v1/lessons/{_ID}/state", state.lesson_state, "learner", "state", "/api/v1/lessons/1/state"),
    _api(
        "POST", r"/api/v1/checks/{check_id:[A-Za-z0-9_-]{1,32}}/frames", checks.frames, "ticket", "frames",
        "/api/v1/checks/none/frames", csrf=False,
    ),
    _api(
        "GET", r"/api/v1/checks/{check_id:[A-Za-z0-9_-]{1,32}}/code", codes.offer, "ticket", "code",
        "/api/v1/checks/none/code",
    ),
    _api(
        "POST", r"/api/v1/checks/{check_id:[A-Za-z0-9_-]{1,32}}/code", codes.answer, "ticket", "code_post",
        "/api/v1/checks/none/code", csrf=False,
    ),
    _api("POST", "/api/v1/enrolments", enrolments.own, "learner", "enrol"),
    _api(
        "POST", f"/api/v1/enrolments/{_ID}", enrolments.of_learner, "staff", "enrol_learner", "/api/v1/enrolments/1"
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
