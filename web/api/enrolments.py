"""Upload of one photo to enrol with: by the learner, or by staff for a learner of their institution."""

from __future__ import annotations

from aiohttp import BodyPartReader, web
from aiohttp.http import HttpProcessingError

from proctor.errors import Refused
from proctor.modules.identity.service import PHOTO_BYTES_MAX, SOURCES, Enrolling
from web import context

OVERHEAD_BYTES_MAX = 4_096
SOURCE_BYTES_MAX = 32


async def own(request: web.Request) -> web.StreamResponse:
    """POST /api/v1/enrolments — multipart: source (id_photo or capture), photo (JPEG)."""
    return await _submit(request, context.signed(request).account_id)


async def of_learner(request: web.Request) -> web.StreamResponse:
    """POST /api/v1/enrolments/{id} — the same, by staff."""
    return await _submit(request, context.path_id(request, "id"))


async def _submit(request: web.Request, learner_id: int) -> web.StreamResponse:
    person, deps = context.signed(request), context.deps(request)
    source, photo = await _read(request)
    number = await Enrolling(deps.db, deps.evidence, deps.vault).submit(
        institution_id=person.institution_id, learner_id=learner_id, photo=photo, source=source,
        by=person.account_id, address=context.address(request),
    )  # fmt: skip
    return web.json_response({"id": number, "state": "received"}, status=202)


async def _read(request: web.Request) -> tuple[str, bytes]:
    """Source and photo, bounded. Raises Refused: upload_wrong, too_large, no_frames."""
    if (request.content_length or 0) > PHOTO_BYTES_MAX + OVERHEAD_BYTES_MAX:
        raise Refused("too_large")
    if not request.headers.get("Content-Type", "").lower().startswith("multipart/"):
        raise Refused("upload_wrong")
    source, photo = "capture", b""
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name not in ("source", "photo"):
                raise Refused("upload_wrong")
            if part.name == "source":
                source = (await _bytes(part, SOURCE_BYTES_MAX)).decode("utf-8")
            else:
                photo = await _bytes(part, PHOTO_BYTES_MAX)
    except (ValueError, LookupError, AssertionError, HttpProcessingError, web.HTTPBadRequest):
        # As with bursts: aiohttp asserts on some malformed bodies; to the sender they all mean the same.
        raise Refused("upload_wrong") from None
    if source not in SOURCES:
        raise Refused("upload_wrong")
    if not photo:
        raise Refused("no_frames")
    return source, photo


async def _bytes(part: BodyPartReader, bytes_max: int) -> bytes:
    found = bytearray()
    while chunk := await part.read_chunk(65_536):
        found += chunk
        if len(found) > bytes_max:
            raise Refused("too_large")
    return bytes(found)
