"""Files for browsers: our static ones, the player's modules, third-party scripts, the media of lessons."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from pathlib import Path

import brotli
from aiohttp import web

from proctor.errors import Refused
from proctor.modules.catalog import queries as catalog
from web import context

ROOT = Path(__file__).resolve().parents[1]
STATIC = ROOT / "web" / "static"
PLAYER = ROOT / "player" / "src"

_KINDS = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
_MEDIA_KINDS = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
    ".vtt": "text/vtt",
}
# One flat folder per lesson; a name never begins with a dot and never holds a separator.
_MEDIA_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*){0,5}")
_BLOCK = re.compile(r"^[ \t]*/\*(?:[^*]|\*(?!/))*\*/[ \t]*\n", re.M)
_LINE = re.compile(r"^[ \t]*//.*\n", re.M)
# A string ends on its own line, so what follows here up to the line's end cannot stand in one.
_TAIL = re.compile(r"[ \t]+// [^'\"`\n]*$", re.M)
_CAST = re.compile(r"/\*\* @type \{[^\n]*?\*/ ?")
_INDENT = re.compile(r"^[ \t]+", re.M)
_TEXT_BYTES_MAX = 1_000_000
_FOLDER_LIFE_S = 30.0

Packed = tuple[int, bytes, bytes, str]  # mtime_ns, plain, Brotli, ETag
PACKED: web.AppKey[dict[Path, Packed]] = web.AppKey("packed", dict)
FOLDERS: web.AppKey[dict[int, tuple[float, str]]] = web.AppKey("folders", dict)


async def static(request: web.Request) -> web.StreamResponse:
    return await _ours(request, STATIC)


async def player(request: web.Request) -> web.StreamResponse:
    return await _ours(request, PLAYER)


async def _ours(request: web.Request, root: Path) -> web.StreamResponse:
    """One of our own text files: revalidated by ETag at each load, Brotli where the browser takes it."""
    name = request.match_info["path"]
    kind = _KINDS.get(Path(name).suffix)
    if kind is None or len(name) > 200 or not _PATH.fullmatch(name) or name.endswith("_test.js"):
        raise Refused("not_found")
    packed = await asyncio.to_thread(_packed, request.app[PACKED], root / name)
    if packed is None:
        raise Refused("not_found")
    _, plain, small, tag = packed
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers=headers)
    return _body(request, plain, small, kind, headers)


def _packed(cache: dict[Path, Packed], file: Path) -> Packed | None:
    """From the cache while the file is unchanged. Runs in a thread: it reads and compresses."""
    try:
        stat = file.stat()
    except OSError:
        return None
    if not file.is_file() or stat.st_size > _TEXT_BYTES_MAX:
        return None
    known = cache.get(file)
    if known is None or known[0] != stat.st_mtime_ns:
        plain = file.read_bytes()
        if PLAYER in file.parents and file.suffix == ".js":
            plain = without_comments(plain.decode("utf-8")).encode()
        tag = f'"{hashlib.sha256(plain).hexdigest()[:20]}"'
        known = cache[file] = (stat.st_mtime_ns, plain, brotli.compress(plain, quality=11), tag)
    return known


def without_comments(script: str) -> str:
    """A module without its comments, types and indents: people read the source, phones pay for every byte.

    Line breaks stay, so that an error names the right line. A comment with a quote in it stays behind its code:
    telling it from a string needs a parser. No template of the player spans lines (its size test holds that).
    """
    script = _BLOCK.sub(lambda found: "\n" * found.group().count("\n"), script)
    return _INDENT.sub("", _CAST.sub("", _TAIL.sub("", _LINE.sub("\n", script))))


def _body(
    request: web.Request, plain: bytes, small: bytes, kind: str, headers: dict[str, str]
) -> web.Response:
    if "br" in request.headers.get("Accept-Encoding", "") and len(small) < len(plain):
        headers["Content-Encoding"] = "br"
        plain = small
    text = kind.startswith(("text/", "application/manifest", "image/svg"))
    content_type = f"{kind}; charset=utf-8" if text else kind
    return web.Response(body=plain, headers={**headers, "Content-Type": content_type})


async def vendor(request: web.Request) -> web.StreamResponse:
    """An allowed file of an installed package; its address names the version, so it may be kept for ever."""
    part = request.match_info
    plain, small, kind = await asyncio.to_thread(
        context.site(request).vendor.file, part["name"], part["version"], part["path"]
    )
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    return _body(request, plain, small, kind, headers)


async def media(request: web.Request) -> web.StreamResponse:
    """A playlist, segment or poster of a lesson, for whoever holds its media token. Ranges work.

    The token stands in the path so that the relative addresses in a playlist carry it on, and so that a
    WebView without cookies plays.
    """
    name = request.match_info["file"]
    kind = _MEDIA_KINDS.get(Path(name).suffix)
    if kind is None or not _MEDIA_NAME.fullmatch(name):
        raise Refused("not_found")
    lesson_id = context.path_id(request, "lesson_id")
    token = context.deps(request).tickets.read_media(request.match_info["token"], now_ms=context.now_ms())
    if token.lesson_id != lesson_id:
        raise Refused("ticket_invalid")
    folder = context.deps(request).settings.data_dir / "media" / await _folder(request, lesson_id)
    file = folder / name
    if not await asyncio.to_thread(file.is_file):
        raise Refused("not_found")
    # Segments never change under a lesson: a lesson row is one immutable version of its content.
    headers = {"Content-Type": kind, "Cache-Control": "private, max-age=3600"}
    return web.FileResponse(file, headers=headers, chunk_size=262_144)


async def _folder(request: web.Request, lesson_id: int) -> str:
    """The lesson's folder; asked of SQL again after 30 s, so a take-down reaches players that soon."""
    known = request.app[FOLDERS]
    found = known.get(lesson_id)
    now_s = time.monotonic()
    if found is None or now_s - found[0] > _FOLDER_LIFE_S:
        async with context.deps(request).db.read() as conn:
            folder = await catalog.media_folder(conn, lesson_id)
        if folder is None or not _MEDIA_NAME.fullmatch(folder):
            raise Refused("not_found")
        if len(known) > 10_000:
            known.clear()
        found = known[lesson_id] = (now_s, folder)
    return found[1]


async def favicon(request: web.Request) -> web.StreamResponse:
    """Browsers ask for this address whatever the page says."""
    raise web.HTTPMovedPermanently("/static/favicon.svg")
