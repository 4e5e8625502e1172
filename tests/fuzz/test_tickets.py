"""Tickets: what was not minted here for this very purpose is refused, with one of two words."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import msgspec
from hypothesis import strategies as st

from proctor.errors import Refused
from proctor.gateway.tickets import MediaToken, ResumeToken, StartTicket, Tickets
from proctor.ports import CheckTicket
from tests.fuzz.budget import damaged, fuzz, json_values

NOW_MS = 1_790_000_000_000
TICKETS = Tickets(b"k" * 32)
SEAT = {
    "learner_id": 1, "lesson_id": 2, "class_id": 3, "institution_id": 4, "login_id": "login", "account_version": 1,
    "device_id": "d" * 32, "page_id": "p" * 32, "device_kind": "pc", "host": False, "expires_ms": NOW_MS + 60_000,
}  # fmt: skip
START = StartTicket(jti="j" * 32, **SEAT)  # type: ignore[arg-type]
RESUME = ResumeToken(fence=7, **SEAT)  # type: ignore[arg-type]
MEDIA = MediaToken(lesson_id=2, learner_id=1, expires_ms=NOW_MS + 60_000)
UPLOAD = CheckTicket(
    check_id="c1", try_number=1, learner_id=1, institution_id=4, lesson_id=2, device_id="d" * 32, page_id="p" * 32,
    nonce="n", expires_redis_ms=NOW_MS,
)  # fmt: skip
READERS = {
    "start": (lambda text: TICKETS.read_start(text, now_ms=NOW_MS), START, TICKETS.mint_start(START)),
    "resume": (lambda text: TICKETS.read_resume(text, now_ms=NOW_MS), RESUME, TICKETS.mint_resume(RESUME)),
    "media": (lambda text: TICKETS.read_media(text, now_ms=NOW_MS), MEDIA, TICKETS.mint_media(MEDIA)),
    "upload": (TICKETS.read_upload, UPLOAD, TICKETS.mint_upload(UPLOAD)),
}
MINTED = {text: purpose for purpose, (_read, _value, text) in READERS.items()}


def signed(purpose: str, body: bytes) -> str:
    """What another version of this program might have minted with the same key."""
    parts = (body, TICKETS._sign(purpose, body))
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def packed(value) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, UnicodeEncodeError):
        return b"\xc0"


bodies = st.binary(max_size=60) | json_values.map(packed) | damaged(st.just(msgspec.msgpack.encode(START)))
others = st.builds(signed, st.sampled_from(sorted(READERS)), bodies)
near = damaged(st.sampled_from(sorted(MINTED)).map(str.encode)).map(lambda data: data.decode("utf-8", "replace"))
texts = st.one_of(near, others, st.text(max_size=60), st.text(alphabet="Aa0-_.=", max_size=1_100))


def check(given: tuple[str, str]) -> str:
    purpose, text = given
    read, value, minted = READERS[purpose]
    try:
        found = read(text)
    except Refused as refused:
        assert refused.code in ("ticket_invalid", "ticket_expired"), refused.code
        assert text != minted
        return refused.code
    if found != value:
        # Signed with our key: another version of this program minted it, and every field has its type.
        assert type(found) is type(value)
        return "another version"
    return "read"


def test_a_ticket_is_what_was_minted_for_this_purpose_or_it_is_refused() -> None:
    seen = fuzz("tickets", st.tuples(st.sampled_from(sorted(READERS)), texts), check)
    assert seen["read"] and seen["ticket_invalid"]
