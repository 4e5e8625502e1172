"""Upload of one burst of face pictures: bounded, checked, accepted by Redis TIME, encrypted, queued."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import structlog
from aiohttp import BodyPartReader, web
from aiohttp.http import HttpProcessingError

from proctor.core.facts import CheckWay, Outcome
from proctor.core.flags import HINTS
from proctor.core.inputs import Verdict
from proctor.errors import Refused, Unavailable
from proctor.modules.privacy import service as privacy
from proctor.ports import Accepted, CheckTicket, FaceJob, NotAccepted, Shot
from web import context

log = structlog.get_logger("web")

JPEG_MAGIC = b"\xff\xd8\xff"
FIELD_BYTES_MAX = 2_048
PARTS_MAX = 16
SOURCES = ("camera", "file")
# The form around the pictures may add so much to them.
OVERHEAD_BYTES_MAX = 16_384
SHOT_MS_MAX = 600_000  # no window lasts longer, standing still included
_shots = msgspec.json.Decoder(tuple[Shot, ...])


@dataclass(slots=True)
class Burst:
    """What arrived. `frames` stand in the order of their field names; `shots` says of each when it was taken."""

    ticket: str = ""
    source: str = "camera"
    shots: str = ""
    hints: str = ""
    frames: dict[str, bytes] = field(default_factory=dict)

    def pictures(self) -> list[bytes]:
        return [self.frames[name] for name in sorted(self.frames)]

    def digest(self) -> str:
        """SHA-256 over pictures, their lengths and what was said of them: the same burst again gives the same. Not of
        hints: they are looked up by the page while it sends, and may be missing one time."""
        found = hashlib.sha256(f"{self.source}{self.shots}".encode())
        for picture in self.pictures():
            found.update(len(picture).to_bytes(8, "big"))
            found.update(picture)
        return found.hexdigest()


async def frames(request: web.Request) -> web.StreamResponse:
    """POST /api/v1/checks/{check_id}/frames: 202, or why not (409 cancelled, 410 late, 413, 400, 403)."""
    limits = context.deps(request).settings
    if (request.content_length or 0) > limits.upload_bytes_max + OVERHEAD_BYTES_MAX:
        raise Refused("too_large")
    given = request.headers.get("X-Upload-Ticket", "")
    ticket = _ticket(request, given) if given else None
    burst = await _read(request, limits.upload_bytes_max, limits.upload_frames_max, has_ticket=bool(given))
    if ticket is None:
        ticket = _ticket(request, burst.ticket)
    if not burst.frames:
        raise Refused("no_frames")
    return await _take(request, ticket, burst, shots_of(burst.shots, len(burst.frames), ticket.actions))


def shots_of(text: str, frames: int, actions: Sequence[str]) -> tuple[Shot, ...]:
    """What the page says of each frame: one entry a frame, times that never go back, actions that were asked.

    Nothing said is no error, for a page may know no times; it is then for the judge. Raises Refused: upload_wrong.
    """
    if not text:
        return ()
    try:
        found = _shots.decode(text)
    except msgspec.MsgspecError:
        raise Refused("upload_wrong") from None
    times = [shot.at_ms for shot in found]
    in_time = all(0 <= at_ms <= SHOT_MS_MAX for at_ms in times) and times == sorted(times)
    if len(found) != frames or not in_time or any(not -1 <= shot.action < len(actions) for shot in found):
        raise Refused("upload_wrong")
    return found


def _ticket(request: web.Request, text: str) -> CheckTicket:
    """The upload ticket, for exactly this check. Raises Refused: ticket_invalid."""
    if not text or len(text) > FIELD_BYTES_MAX:
        raise Refused("ticket_invalid")
    ticket = context.deps(request).tickets.read_upload(text)
    if ticket.check_id != request.match_info["check_id"] or ticket.way is CheckWay.CODE:
        raise Refused("ticket_invalid")
    return ticket


async def _read(request: web.Request, bytes_max: int, frames_max: int, *, has_ticket: bool) -> Burst:
    """Stream the parts with bounds; a picture before any ticket is not even read."""
    # The header as it came: its boundary is new each time, and the library parses it as if it were a letter's.
    if not request.headers.get("Content-Type", "").lower().startswith("multipart/"):
        raise Refused("upload_wrong")
    burst, total, parts = Burst(), 0, 0
    try:
        reader = await request.multipart()
        async for part in reader:
            parts += 1
            if parts > PARTS_MAX or not isinstance(part, BodyPartReader):
                raise Refused("upload_wrong")
            name = part.name or ""
            if name in ("ticket", "source", "shots", "hints"):
                text = (await _bytes(part, FIELD_BYTES_MAX)).decode("utf-8")
                setattr(burst, name, text)
            elif len(name) == 6 and name.startswith("frame") and name[5] in "01234567":
                if not has_ticket and not burst.ticket:
                    raise Refused("ticket_invalid")
                if len(burst.frames) >= frames_max:
                    raise Refused("too_many_frames")
                data = await _bytes(part, bytes_max - total)
                if not data.startswith(JPEG_MAGIC):
                    raise Refused("not_jpeg")
                burst.frames[name] = data
                total += len(data)
            else:
                raise Refused("upload_wrong")
    except (ValueError, LookupError, AssertionError, HttpProcessingError, web.HTTPBadRequest):
        # aiohttp asserts on some malformed bodies and has an exception of its own for a part's headers; to the
        # sender they all mean the same.
        raise Refused("upload_wrong") from None
    if burst.source not in SOURCES or not set(burst.hints.split()) <= HINTS.keys():
        raise Refused("upload_wrong")
    return burst


async def _bytes(part: BodyPartReader, bytes_max: int) -> bytes:
    found = bytearray()
    while chunk := await part.read_chunk(65_536):
        found += chunk
        if len(found) > bytes_max:
            raise Refused("too_large")
    return bytes(found)


async def _take(
    request: web.Request, ticket: CheckTicket, burst: Burst, shots: tuple[Shot, ...]
) -> web.StreamResponse:
    deps = context.deps(request)
    if not await deps.db.read_in_one(lambda conn: privacy.face_consent(conn, ticket.learner_id)):
        raise Refused("no_consent")
    accepted = await deps.checks.accept(ticket, burst.digest())
    if isinstance(accepted, NotAccepted):
        raise Refused(accepted.why)
    if accepted.fresh:
        try:
            queued = await _queue(request, ticket, burst, shots, accepted)
        except Refused:
            # Withdrawn between our look and the register: the same word as the worker would give.
            await deps.checks.judge(_word(ticket, burst, Outcome.UNCLEAR, "no_consent"))
            raise
        except Unavailable as gone:
            log.warning("burst_not_queued", port=gone.port, check=ticket.check_id)
            queued = False
        if not queued:
            # Whatever is not judged because of us must cost the learner nothing, and at once.
            await deps.checks.judge(_word(ticket, burst, Outcome.OUR_FAULT, "queue_full"))
    body = {"accepted": True, "try_number": ticket.try_number}
    return web.json_response(body, status=202)


def _word(ticket: CheckTicket, burst: Burst, outcome: Outcome, detail: str) -> Verdict:
    return Verdict(
        check_id=ticket.check_id, try_number=ticket.try_number, outcome=outcome, detail=detail,
        frames=len(burst.frames), source=burst.source,
    )  # fmt: skip


async def _queue(
    request: web.Request, ticket: CheckTicket, burst: Burst, shots: tuple[Shot, ...], accepted: Accepted
) -> bool:
    """Encrypt, register with its deletion timer, queue. False when the queue is full. Raises Refused: no_consent."""
    deps = context.deps(request)
    blob = msgspec.msgpack.encode(burst.pictures())
    evidence_id = await deps.evidence.put(
        blob, kind="burst", institution_id=ticket.institution_id, learner_id=ticket.learner_id
    )
    now_ms = context.now_ms()

    async def work(conn) -> None:
        # Whoever takes consent back commits before this row, which is then not written, or after it, and lets it go.
        if not await privacy.face_consent(conn, ticket.learner_id):
            raise Refused("no_consent")
        await privacy.register_evidence(
            conn, evidence_id=evidence_id, institution_id=ticket.institution_id,
            learner_id=ticket.learner_id, kind="burst", check_id=ticket.check_id,
            sha256=hashlib.sha256(blob).hexdigest(), now_ms=now_ms,
            delete_after_ms=now_ms + deps.settings.evidence_keep_ms,
        )  # fmt: skip

    queued = False
    try:
        await deps.db.in_group(work)
        queued = await deps.jobs.put(
            FaceJob(
                check_id=ticket.check_id, try_number=ticket.try_number, learner_id=ticket.learner_id,
                institution_id=ticket.institution_id, lesson_id=ticket.lesson_id, evidence_id=evidence_id,
                enrol=ticket.enrol, source=burst.source, accepted_redis_ms=accepted.redis_ms, way=ticket.way,
                actions=ticket.actions, shots=shots, hints=tuple(sorted(set(burst.hints.split()))),
                open_ms=accepted.open_ms,
            )
        )  # fmt: skip
    finally:
        if not queued:
            # The pictures go now, also when the register does not know them: nothing else would ever delete them.
            # A row that it has is ended by its timer.
            await deps.evidence.delete(evidence_id)
    return queued
