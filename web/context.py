"""What a handler asks about its request: dependencies, the signed-in person, device, language, address."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from aiohttp import web

from proctor.errors import Refused
from proctor.settings import networks

if TYPE_CHECKING:
    from proctor.compose import WebDeps
    from proctor.modules.accounts.service import Accounts, Signed
    from web.limits import RateLimit
    from web.render import Renderer
    from web.route import Route
    from web.vendor import Vendor


@dataclass(frozen=True, slots=True)
class Site:
    """What every handler of this process shares. Built once by `app.make_app`."""

    deps: WebDeps
    accounts: Accounts
    renderer: Renderer
    vendor: Vendor
    login_limit: RateLimit
    ready: list[bool]  # one cell: False while the process drains


SITE: web.AppKey[Site] = web.AppKey("site", Site)

SIGNED: web.RequestKey[Signed | None] = web.RequestKey("signed")
DEVICE = web.RequestKey("device_id", str)
LANG = web.RequestKey("lang", str)
REQUEST_ID = web.RequestKey("request_id", str)
ROUTE: web.RequestKey[Route | None] = web.RequestKey("route")


def site(request: web.Request) -> Site:
    return request.app[SITE]


def deps(request: web.Request) -> WebDeps:
    """The wired ports: db, vault, evidence, checks, jobs, inbox, leases, nodes, clock, tickets, settings."""
    return request.app[SITE].deps


def signed(request: web.Request) -> Signed:
    """The signed-in person. Only for routes whose role needs one: the middleware saw to it."""
    person = request.get(SIGNED)
    if person is None:
        raise Refused("sign_in_first")
    return person


def signed_or_none(request: web.Request) -> Signed | None:
    return request.get(SIGNED)


def device_id(request: web.Request) -> str:
    """32 hex digits of this browser's device cookie (a fresh one when it had none)."""
    return request[DEVICE]


def lang(request: web.Request) -> str:
    """`zh-CN` or `en`."""
    return request.get(LANG, "zh-CN")


def request_id(request: web.Request) -> str:
    return request.get(REQUEST_ID, "")


def address(request: web.Request) -> str:
    """The client's address: of the socket, or as a proxy that the setting `trusted_proxies` names forwards it."""
    lines = request.headers.getall("X-Forwarded-For", [])
    hops = [hop.strip() for line in lines for hop in line.split(",")]
    return client_of(request.remote or "", hops, deps(request).settings.trusted_proxies)[:64]


def client_of(remote: str, hops: list[str], trusted: str) -> str:
    """`hops` as the proxies appended them. They are read from the end and only as far as trusted proxies wrote them:
    what stands before is the client's own word."""
    found = remote
    for hop in reversed(hops):
        if not _is_trusted(found, trusted):
            break
        try:
            found = str(ip_address(hop))
        except ValueError:
            break
    return found


def _is_trusted(address: str, trusted: str) -> bool:
    try:
        return any(ip_address(address) in network for network in _networks(trusted))
    except ValueError:
        return False


_networks = cache(networks)


def device_kind(request: web.Request) -> str:
    """phone, pc or webview, by the user agent: a label for people, never a proof."""
    agent = request.headers.get("User-Agent", "")
    if "; wv)" in agent or "MicroMessenger" in agent or "ArkWeb" in agent:
        return "webview"
    if "Mobile" in agent or "Android" in agent or "iPhone" in agent:
        return "phone"
    return "pc"


def is_secure(request: web.Request) -> bool:
    """Whether browsers reach this site over HTTPS (directly, or by the configured public address)."""
    return request.secure or deps(request).settings.public_url.startswith("https://")


def now_ms() -> int:
    """Wall-clock epoch milliseconds: labels of records and ends of login sessions."""
    return time.time_ns() // 1_000_000


def path_id(request: web.Request, name: str) -> int:
    """A numeric part of the path; the route's pattern allows at most 18 digits, so it fits 64 bits."""
    return int(request.match_info[name])
