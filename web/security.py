"""Who may do what: cookies, CSRF, roles, headers, bounds of bodies. All of it as middlewares of every route."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlsplit

from aiohttp import web
from multidict import MultiDictProxy

from proctor.errors import Refused
from web import context
from web.route import Route

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SESSION_COOKIE = "zx_session"
DEVICE_COOKIE = "zx_device"
LANG_COOKIE = "zx_lang"
DEVICE_LIFE_S = 365 * 86_400
FORM_BYTES_MAX = 65_536
FIELDS_MAX = 60

STAFF = ("reviewer", "administrator")
ALLOWED: dict[str, tuple[str, ...]] = {
    "learner": ("learner",),
    "staff": STAFF,
    "administrator": ("administrator",),
    "signed": ("learner", *STAFF),
}


def csrf_of(request: web.Request) -> str:
    """The token of every form on this page: of the login session, or, before sign-in, of the device cookie."""
    person = context.signed_or_none(request)
    if person is not None:
        return person.csrf
    return hmac.new(context.device_id(request).encode(), b"form", hashlib.sha256).hexdigest()


async def read_form(request: web.Request) -> MultiDictProxy:
    """The fields of a urlencoded form, read once, bounded. Raises Refused: form_wrong, too_large."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refused("form_wrong")
    try:
        fields = await request.post()
    except web.HTTPRequestEntityTooLarge:
        raise Refused("too_large") from None
    except (ValueError, LookupError):
        raise Refused("form_wrong") from None
    if len(fields) > FIELDS_MAX or any("\0" in name or "\0" in str(value) for name, value in fields.items()):
        raise Refused("form_wrong")
    return fields


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Puts route, device, language and login session on the request; checks role and CSRF before the handler."""
    route = _route(request)
    request[context.ROUTE] = route
    device = request.cookies.get(DEVICE_COOKIE, "")
    fresh = not _is_device(device)
    request[context.DEVICE] = secrets.token_hex(16) if fresh else device
    request[context.LANG] = _lang(request)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        # Browsers send bodies as they are; a packed one may unfold to a thousand times what our bounds look at.
        raise Refused("form_wrong")
    # A ticket says by itself who comes: the pictures of a thousand checks are not a thousand look-ups of a cookie.
    if route is not None and route.role not in ("files", "ticket"):
        cookie = request.cookies.get(SESSION_COOKIE, "")
        request[context.SIGNED] = await context.site(request).accounts.session(cookie) if cookie else None
        _check_role(request, route)
        if request.method == "POST" and route.csrf:
            await _check_csrf(request)
    response = await handler(request)
    if fresh and route is not None and route.page and not response.prepared:
        set_cookie(request, response, DEVICE_COOKIE, request[context.DEVICE], DEVICE_LIFE_S)
    return response


def _route(request: web.Request) -> Route | None:
    resource = request.match_info.route.resource
    table: dict[tuple[str, str], Route] = request.app[ROUTES]
    if resource is None:
        return None
    method = "GET" if request.method == "HEAD" else request.method
    return table.get((method, resource.canonical))


ROUTES: web.AppKey[dict[tuple[str, str], Route]] = web.AppKey("routes", dict)


def _is_device(text: str) -> bool:
    return len(text) == 32 and all(letter in "0123456789abcdef" for letter in text)


def _lang(request: web.Request) -> str:
    chosen = request.cookies.get(LANG_COOKIE, "")
    if chosen in ("zh-CN", "en"):
        return chosen
    for part in request.headers.get("Accept-Language", "").lower().split(",")[:8]:
        wanted = part.split(";")[0].strip()
        if wanted.startswith("zh"):
            return "zh-CN"
        if wanted.startswith("en"):
            return "en"
    return "zh-CN"


def _check_role(request: web.Request, route: Route) -> None:
    """Raises Refused or a redirect to the sign-in page. host, ticket and anyone prove themselves otherwise."""
    if route.role == "loopback":
        # Behind a proxy on this machine every peer is 127.0.0.1: only a forwarded header tells them apart.
        forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"))
        if request.remote not in ("127.0.0.1", "::1", None) or forwarded:
            raise Refused("not_found")
        return
    allowed = ALLOWED.get(route.role)
    if allowed is None:
        return
    person = context.signed_or_none(request)
    if person is None:
        if route.page and request.method in ("GET", "HEAD"):
            raise web.HTTPSeeOther(f"/login?next={quote(request.path_qs, safe='')}")
        raise Refused("sign_in_first")
    if person.role not in allowed:
        raise Refused("not_your_room")


async def _check_csrf(request: web.Request) -> None:
    """The token in the form or in X-CSRF; a browser that says the request is cross-site is believed."""
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise Refused("csrf")
    given = request.headers.get("X-CSRF")
    if given is None and request.content_type == "application/x-www-form-urlencoded":
        given = str((await read_form(request)).get("csrf", ""))
    if not given or not hmac.compare_digest(given.encode(), csrf_of(request).encode()):
        raise Refused("csrf")


def set_cookie(request: web.Request, response: web.StreamResponse, name: str, value: str, life_s: int) -> None:
    response.set_cookie(
        name, value, max_age=life_s, path="/", httponly=True, samesite="Lax",
        secure=context.is_secure(request),
    )  # fmt: skip


def clear_cookie(request: web.Request, response: web.StreamResponse, name: str) -> None:
    response.del_cookie(name, path="/", httponly=True, samesite="Lax", secure=context.is_secure(request))


def safe_next(target: str) -> str:
    """A path of this site, or "": nobody is sent elsewhere by a link to the sign-in page."""
    plain = target.startswith("/") and not target.startswith("//") and "\\" not in target
    return target if plain and len(target) <= 500 and target.isprintable() else ""


def came_from(request: web.Request) -> str:
    """The page of ours that led here, where an error page or a choice of language leads back to; "" when unknown."""
    referer = request.headers.get("Referer", "")
    origin = f"{'https' if context.is_secure(request) else 'http'}://{request.host}"
    path = safe_next(referer.removeprefix(origin)) if referer.startswith(f"{origin}/") else ""
    return "" if request.method == "GET" and path == request.path_qs else path


def ws_origin(request: web.Request) -> str:
    """The scheme and host of the gateway as this browser reaches it."""
    settings = context.deps(request).settings
    if settings.public_ws_url:
        parts = urlsplit(settings.public_ws_url)
        return f"{parts.scheme}://{parts.netloc}"
    scheme = "wss" if context.is_secure(request) else "ws"
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    # The Host header is the browser's own word; only characters of a host name may reach a header of ours.
    if not host or not all(letter.isalnum() or letter in ".-[]:_" for letter in host) or len(host) > 255:
        host = "localhost"
    return f"{scheme}://{host}:{settings.ws_port}"


def _policy(request: web.Request) -> str:
    route = request.get(context.ROUTE)
    frames = "*" if route is not None and route.embed else "'none'"
    return (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self' {ws_origin(request)}; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        f"frame-ancestors {frames}"
    )


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal `on_response_prepare`: every answer carries these, errors and files included."""
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(self), microphone=(), geolocation=(), payment=()")
    if response.content_type == "text/html":
        headers.setdefault("Content-Security-Policy", _policy(request))
        headers.setdefault("Cache-Control", "no-store")
    elif response.content_type == "application/json":
        headers.setdefault("Cache-Control", "no-store")
    if context.is_secure(request):
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    headers["Server"] = "zhenxue"
