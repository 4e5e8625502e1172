"""Templates to pages: autoescaped jinja2, two languages, one set of words about time for people."""

from __future__ import annotations

import dataclasses
import gettext
import io
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from web import context
from web.security import came_from, csrf_of

HERE = Path(__file__).parent
LANGS = ("zh-CN", "en")


@cache
def _translations(lang: str) -> gettext.NullTranslations:
    return _catalogue(HERE / "locale/en/LC_MESSAGES/messages.po") if lang == "en" else gettext.NullTranslations()


@cache
def _environment(lang: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(_translations(lang), newstyle=True)  # type: ignore[attr-defined]
    translate = _translations(lang).gettext
    environment.filters["hours"] = lambda ms: hours(ms, translate)
    environment.filters["clock"] = clock
    environment.filters["at"] = at
    # Compiled now and not by the first reader, whose request would stop the loop for all others.
    for template in environment.list_templates(extensions=["html"]):
        environment.get_template(template)
    return environment


class Renderer:
    """One jinja2 environment per language and process. Chinese is the source; English comes from its catalogue."""

    def __init__(self) -> None:
        self._environments = {lang: _environment(lang) for lang in LANGS}

    def translator(self, lang: str) -> Callable[[str], str]:
        return _translations(lang).gettext

    def html(self, lang: str, template: str, values: dict[str, object]) -> str:
        return self._environments[lang].get_template(template).render(values)


def _catalogue(path: Path) -> gettext.NullTranslations:
    """Compiled in memory, so that a checkout needs no build step and no compiled file can be stale."""
    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale="en"))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def translator(request: web.Request) -> Callable[[str], str]:
    """The `_` of this request, for words made in Python."""
    return context.site(request).renderer.translator(context.lang(request))


def render(
    request: web.Request, template: str, page: object | None = None, *, status: int = 200, **values: object
) -> web.Response:
    """A page from its context dataclass (its fields become the names of the template) and further values.

    Every template also sees: lang, role, csrf, display_name, room, path, request_id. `path` is where this page can be
    opened again: the answer to a form has the address of the form, which shows nothing.
    """
    person = context.signed_or_none(request)
    names: dict[str, object] = {
        "lang": context.lang(request),
        "role": person.role if person else "",
        "display_name": person.name if person else "",
        "csrf": csrf_of(request),
        "room": "",
        "path": came_from(request) if request.method == "POST" else request.path_qs,
        "zone": person.zone if person else "Asia/Shanghai",
        "request_id": context.request_id(request),
    }
    if page is not None:
        assert dataclasses.is_dataclass(page)
        names |= {item.name: getattr(page, item.name) for item in dataclasses.fields(page)}
    names |= values
    html = context.site(request).renderer.html(context.lang(request), template, names)
    return web.Response(text=html, status=status, content_type="text/html", charset="utf-8")


def clock(ms: int) -> str:
    """A position in a lesson: 03:20, or 1:03:20."""
    seconds = max(0, ms) // 1_000
    hour, rest = divmod(seconds, 3_600)
    minute, second = divmod(rest, 60)
    return f"{hour}:{minute:02d}:{second:02d}" if hour else f"{minute:02d}:{second:02d}"


def hours(ms: int, translate: Callable[[str], str]) -> str:
    """A length of time in a sentence: 6 小时, 1 小时 05 分, 12 分 40 秒. Rounds down: nobody is promised more than
    stands. The player says the same words; `tests/vectors/length.json` holds both to it."""
    seconds = max(0, ms) // 1_000
    hour, rest = divmod(seconds, 3_600)
    minute, second = divmod(rest, 60)
    if hour:
        form = "%(hours)d 小时 %(minutes)02d 分" if minute else "%(hours)d 小时"
    elif minute:
        form = "%(minutes)d 分 %(seconds)02d 秒" if second else "%(minutes)d 分钟"
    else:
        form = "%(seconds)d 秒"
    return translate(form) % {"hours": hour, "minutes": minute, "seconds": second}


def at(ms: int, zone: str, form: str = "%Y-%m-%d %H:%M") -> str:
    """An epoch time in the institution's zone: 2026-11-23 14:32."""
    return datetime.fromtimestamp(ms / 1_000, UTC).astimezone(ZoneInfo(zone)).strftime(form)
