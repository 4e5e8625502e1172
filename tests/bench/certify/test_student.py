"""The simulated learner says what the protocol allows and claims each millisecond once."""

from __future__ import annotations

from bench.certify.student import LIVE, OVER, WAITING, Ack, Student, Welcome, close_code_of
from proctor.core import wire
from tests.bench.test_frames import unmasked


def welcome(covered: list[tuple[int, int]], fence: int = 7) -> Welcome:
    total_ms = sum(b - a for a, b in covered)
    return Welcome(
        fence=fence, nonce="n0", token="token", covered=covered, total_ms=total_ms, first_beat_ms=0, earns=True
    )


def ack(seq: int, durable: int, total_ms: int, short_ms: int = 0) -> Ack:
    return Ack(seq=seq, nonce=f"n{seq}", durable=durable, total_ms=total_ms, counting=True, short_ms=short_ms)


def said(frame: bytes):
    """What the gateway reads in a frame."""
    return wire.decode(unmasked(frame))


def playing(at_s: float = 100.0) -> Student:
    """A learner who has just been welcomed at the beginning of a lesson."""
    one = Student(3)
    play = said(one.welcome(welcome([]), at_s))
    assert (play.kind, play.seq, play.span, play.playing, play.nonce) == ("play", 1, None, True, "n0")
    return one


def test_beats_claim_the_time_that_passed_and_answer_the_newest_ack() -> None:
    one = playing()
    assert one.acked_by(ack(1, 0, 0), 100.1) == 100.0
    beat = said(one.beat("beat", 110.0, 110.0019))
    assert (beat.seq, beat.span, beat.pos, beat.ack, beat.nonce) == (2, (0, 10_001), 10_001, 1, "n1")
    one.acked_by(ack(2, 1, 10_001), 110.1)
    # Whole milliseconds: what was left over is told by the next beat, and none is told twice.
    assert said(one.beat("beat", 120.0, 120.0025)).span == (10_001, 20_002)


def test_the_tail_of_a_short_grant_is_claimed_again() -> None:
    one = playing()
    one.beat("beat", 110.0, 110.0)
    one.acked_by(ack(2, 1, 9_990, short_ms=10), 110.1)
    assert said(one.beat("beat", 120.0, 120.0)).span == (9_990, 20_000)


def test_a_late_answer_counts_from_the_time_at_which_the_beat_was_due() -> None:
    one = playing()
    one.beat("beat", 110.0, 110.003)
    one.beat("beat", 120.0, 120.0)
    assert one.acked_by(ack(2, 0, 10_003), 120.5) == 110.0
    assert one.acked_by(ack(3, 0, 20_000), 120.6) == 120.0
    assert one.acked_by(ack(9, 0, 20_000), 120.7) == 0.0


def test_a_reconnect_claims_since_the_newest_durable_beat_and_plays_on_from_there() -> None:
    one = playing()
    one.beat("beat", 110.0, 110.0)
    one.beat("beat", 120.0, 120.0)
    one.acked_by(ack(3, 2, 20_000), 120.1)
    again_s = one.cut(close_code_of(b""), 123.0, 0.5)
    assert one.state == WAITING and 123.0 < again_s <= 123.5
    hello = said(one.resume(124.0))
    assert (hello.fence, hello.pos, hello.spans) == (7, 24_000, [(10_000, 24_000)])
    play = said(one.welcome(welcome([(0, 23_990)], fence=8), 124.5))
    assert (play.kind, play.span, one.state) == ("play", (23_990, 24_000), LIVE)
    assert said(one.beat("beat", 130.0, 130.0)).span == (24_000, 29_500)
    assert one.broken_ms == 0 and one.resumes == 1


def test_a_player_without_a_line_plays_no_longer_than_the_rules_let_it() -> None:
    """After a long restart it claimed a minute, was granted 30 s, and was too fast for the rest of the day."""
    one = playing()
    one.beat("beat", 110.0, 110.0)
    one.acked_by(ack(2, 2, 10_000), 110.1)
    one.cut(1_006, 112.0, 0.0)
    hello = said(one.resume(170.0))
    assert hello.spans == [(10_000, 35_000)], "25 s after the newest durable beat it paused itself"
    assert said(one.welcome(welcome([(0, 35_000)]), 171.0)).playing
    assert said(one.beat("beat", 181.0, 181.0)).span == (35_000, 45_000)


def test_durable_media_that_a_welcome_does_not_cover_is_seen() -> None:
    one = playing()
    one.beat("beat", 110.0, 110.0)
    one.acked_by(ack(2, 2, 10_000), 110.1)
    one.cut(1_006, 111.0, 0.0)
    one.resume(111.5)
    one.welcome(welcome([(0, 9_000)]), 112.0)
    assert one.broken_ms == 1_000


def test_an_answer_earns_when_it_counts_and_raises_the_total() -> None:
    one = playing()
    one.acked_by(ack(1, 0, 0), 100.1)
    assert one.earned_s == 0.0, "the answer to play"
    one.beat("beat", 110.0, 110.0)
    one.acked_by(ack(2, 1, 10_000), 110.1)
    one.beat("beat", 120.0, 120.0)
    one.acked_by(ack(3, 2, 10_000), 120.1)
    assert one.earned_s == 110.0, "online and answered is not enough"


def test_who_was_given_a_new_seat_is_taken_over_no_more() -> None:
    one = playing()
    one.taken_s = 105.0
    one.cut(1_006, 106.0, 0.0)
    one.resume(107.0)
    one.welcome(welcome([]), 107.5)
    assert one.taken_s == 0.0


def test_what_a_close_code_means() -> None:
    cut, busy, elsewhere = playing(), playing(), playing()
    assert cut.cut(1_006, 101.0, 0.0) > 101.0 and busy.cut(4_002, 101.0, 0.0) > 101.0
    assert elsewhere.cut(close_code_of((4_400).to_bytes(2, "big")), 101.0, 0.0) == 0.0 and elsewhere.state == OVER


def test_playback_that_stood_claims_nothing_of_that_time() -> None:
    one = playing()
    paused = said(one.halt("hold", 103.0))
    assert (paused.kind, paused.span, paused.playing, one.halted) == ("pause", (0, 3_000), False, "hold")
    assert one.halt("durable", 104.0) == b""
    idle = said(one.beat("beat", 110.0, 110.0))
    assert (idle.span, idle.playing) == (None, False)
    play = said(one.go_on(120.0))
    assert (play.kind, play.span, play.playing) == ("play", None, True)
    assert one.play_seq == play.seq  # an answer to an earlier beat may still say that playback stands
    assert said(one.beat("beat", 125.0, 125.0)).span == (3_000, 8_000)


def test_the_last_beat_says_that_playback_stands() -> None:
    one = playing()
    last = said(one.beat("pause", 104.0, 104.0))
    assert (last.kind, last.span, last.playing) == ("pause", (0, 4_000), False)
