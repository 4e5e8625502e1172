"""Tickets and tokens: bound to a purpose, to their bytes and to a time; always short enough for a frame."""

from __future__ import annotations

import msgspec
import pytest

from proctor.core import wire
from proctor.errors import Refused
from proctor.gateway.server import _claim, resume_token_of
from proctor.gateway.tickets import TICKET_CHARS_MAX, Tickets
from tests.fuzz.test_tickets import MEDIA, NOW_MS, READERS, RESUME, START, TICKETS, UPLOAD


@pytest.mark.parametrize("purpose", sorted(READERS))
def test_what_was_minted_is_read_back_and_for_no_other_purpose(purpose: str) -> None:
    read, value, text = READERS[purpose]
    assert read(text) == value
    for other, (reader, _value, _text) in READERS.items():
        if other != purpose:
            with pytest.raises(Refused, match="ticket_invalid"):
                reader(text)


@pytest.mark.parametrize("purpose", sorted(READERS))
def test_every_changed_letter_is_refused_or_says_the_same(purpose: str) -> None:
    read, value, text = READERS[purpose]
    for at in range(len(text)):
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        try:
            assert read(changed) == value, "the spare bits of the last letter mean nothing"
        except Refused as refused:
            assert refused.code == "ticket_invalid"


def test_a_ticket_of_another_installation_is_refused() -> None:
    with pytest.raises(Refused, match="ticket_invalid"):
        Tickets(b"x" * 32).read_start(TICKETS.mint_start(START), now_ms=NOW_MS)


def test_a_ticket_expires_at_its_time_and_not_before() -> None:
    text = TICKETS.mint_start(START)
    assert TICKETS.read_start(text, now_ms=START.expires_ms - 1) == START
    for read, minted in (
        (TICKETS.read_start, text), (TICKETS.read_resume, TICKETS.mint_resume(RESUME)),
        (TICKETS.read_media, TICKETS.mint_media(MEDIA)),
    ):  # fmt: skip
        with pytest.raises(Refused, match="ticket_expired"):
            read(minted, now_ms=START.expires_ms)
    assert TICKETS.read_upload(TICKETS.mint_upload(UPLOAD)) == UPLOAD, "its time is Redis' to judge"


def test_the_largest_ticket_fits_into_a_frame() -> None:
    large = msgspec.structs.replace(
        START, learner_id=10**18, lesson_id=10**18, class_id=10**18, institution_id=10**18, login_id="l" * 64,
        account_version=2**31, device_kind="webview", expires_ms=2**53, lease_ms=2**31,
    )  # fmt: skip
    text = TICKETS.mint_start(large)
    assert len(text) <= TICKET_CHARS_MAX
    frame = msgspec.json.encode(wire.Start(v=1, ticket=text))
    assert isinstance(wire.decode(frame), wire.Start)


def test_a_short_key_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        Tickets(b"k" * 16)


def test_a_resume_token_says_what_the_start_ticket_said() -> None:
    token = resume_token_of(_claim(START), 9, 7, 5)
    same = {
        name: getattr(START, name)
        for name in START.__struct_fields__
        if name not in ("jti", "expires_ms", "class_id")
    }
    assert {name: getattr(token, name) for name in same} == same
    assert (token.class_id, token.fence, token.expires_ms) == (9, 7, 5)
