"""What happened: the single vocabulary that the player is told, SQL stores, statistics fold and people read.

A fact is frozen. Times are engine milliseconds (see `ports.Clock`), media positions are milliseconds from the
start of the lesson, spans are half-open `(from_ms, to_ms)` pairs, sorted and disjoint. `cause` names what made
it: `beat:17`, `check:<id>`, `instruction:<version>`, `decision:<id>`, `tick`, `open`, `resume`, `handover`.

Two laws are tested: replaying the emitted facts gives the state; `ledger(coalesce(facts)) == ledger(facts)`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Union

import msgspec

Span = tuple[int, int]
Spans = tuple[Span, ...]


class Status(StrEnum):
    """What became of granted milliseconds. `UNCOUNTED` never reaches the ledger: see `Refused`."""

    PROVISIONAL = "provisional"  # no decided check since
    WAITING = "waiting"  # a person must look; still covered
    WITHHELD = "withheld"  # a check was missed or did not match; not covered, may be watched again
    FINAL = "final"
    VOID = "void"  # removed by named people; not covered


COVERED = (Status.PROVISIONAL, Status.WAITING, Status.FINAL)


class Reason(StrEnum):
    """Why milliseconds were not counted (or playback stands). Each has words in the UI."""

    HIDDEN = "hidden"
    BLURRED = "blurred"
    PICTURE_IN_PICTURE = "picture_in_picture"
    NOT_PLAYING = "not_playing"
    NO_FRAMES = "no_frames"  # visible and playing, but nothing was presented
    REPEATED = "repeated"  # already covered: seeing it again is free and earns nothing
    TOO_FAST = "too_fast"  # more media than server time
    GAP = "gap"  # longer than gap_ms_max without a beat
    SEEK_AHEAD = "seek_ahead"
    DAILY_CAP = "daily_cap"
    UNFILED = "unfiled"  # the lesson has no filing number (备案), so it earns nothing
    CLASS_CLOSED = "class_closed"
    CHECK_OPEN = "check_open"  # a check must be taken first
    STALE = "stale"  # replayed, out of order, or not answering our newest word
    TOO_OFTEN = "too_often"
    HOLD = "hold"  # the journal is full: our fault, playback pauses
    BEYOND_END = "beyond_end"
    STOPPED = "stopped"  # two mismatches stopped this lesson


class CheckKind(StrEnum):
    START = "start"
    RANDOM = "random"
    END = "end"


class CheckWay(StrEnum):
    """How a check is answered. The ways are of equal standing; `code` shows no face at all."""

    ROUTINE = "routine"  # one to three stills
    ACTIVE = "active"  # frames while ordered actions are done
    CODE = "code"  # a one-time code to the registered phone and a question about the lesson


class Outcome(StrEnum):
    """How one try or a whole check ended."""

    PASSED = "passed"
    UNCLEAR = "unclear"
    MISSED = "missed"
    MISMATCH = "mismatch"
    OUR_FAULT = "our_fault"  # not decided: the next decided check spans it


class FlagKind(StrEnum):
    """Contradictions for people; a flag is never a verdict."""

    TAKEOVERS = "takeovers"
    NO_FRAMES = "no_frames"
    STALE_BEATS = "stale_beats"
    TOO_FAST = "too_fast"
    TOO_OFTEN = "too_often"
    UNTRUSTED_CAPTURE = "untrusted_capture"
    VIRTUAL_CAMERA = "virtual_camera"


class _Fact(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="fact"):
    lesson_id: int
    at_ms: int
    cause: str


class Opened(_Fact, tag="opened", frozen=True, kw_only=True, gc=False):
    """A seat was opened by a start or a resume. `taken_over`: a live holder on another device lost it."""

    fence: int
    device_id: str
    page_id: str
    resumed: bool
    taken_over: bool


class BeatSummary(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the beats of one stretch looked like, for the reviewer's timeline."""

    beats: int
    gap_ms_max: int
    frames: int
    early: int = 0
    signals: tuple[str, ...] = ()


class Credited(_Fact, tag="credited", frozen=True, kw_only=True, gc=False):
    """A stretch closed. `spans` were newly covered; their total is the credit, granted on local day `day`.

    `stretch` counts per learner across fences and never repeats: storing it twice is recognised by it.
    `from_at_ms` is when the stretch began, `at_ms` when it closed.
    """

    stretch: int
    spans: Spans
    day: str
    from_at_ms: int
    rule_version: str
    summary: BeatSummary


class Refused(_Fact, tag="refused", frozen=True, kw_only=True, gc=False):
    """A run of media that was not counted, for one reason. `ms` of media between `from_ms` and `to_ms`."""

    from_ms: int
    to_ms: int
    ms: int
    reason: Reason
    from_at_ms: int
    beats: int


class Presence(_Fact, tag="presence", frozen=True, kw_only=True, gc=False):
    """The playback state changed: `state` is playing, paused, hidden, blurred, picture_in_picture, seeking, ended."""

    state: str
    position_ms: int


class CheckIssued(_Fact, tag="check_issued", frozen=True, kw_only=True, gc=False):
    check_id: str
    number: int  # counts per learner across fences
    kind: CheckKind
    nonce: str
    window_ms: int  # that is left
    reissued: bool = False  # the same check goes on in another way, in the same window
    way: CheckWay = CheckWay.ROUTINE


class CheckTried(_Fact, tag="check_tried", frozen=True, kw_only=True, gc=False):
    """One burst was judged, and the check is not decided by it (see `CheckDecided`)."""

    check_id: str
    try_number: int
    outcome: Outcome
    detail: str  # words key: dark, blurred, no_face, many_faces, small, turned, no_camera, mismatch …
    way: CheckWay = CheckWay.ROUTINE


class CheckDecided(_Fact, tag="check_decided", frozen=True, kw_only=True, gc=False):
    """Settles everything since the previous decided check: passed -> final, unclear -> waiting,
    missed and mismatch -> withheld. Waiting stretches stay waiting whatever is decided later."""

    check_id: str
    number: int
    kind: CheckKind
    outcome: Outcome
    detail: str
    tries: int
    review: bool  # a case must be opened
    way: CheckWay = CheckWay.ROUTINE  # of the newest try


class CheckUndecided(_Fact, tag="check_undecided", frozen=True, kw_only=True, gc=False):
    """The check ended without being decided: `why` is our_fault, taken_over or away."""

    check_id: str
    number: int
    kind: CheckKind
    why: str


class Flagged(_Fact, tag="flagged", frozen=True, kw_only=True, gc=False):
    flag: FlagKind
    score: int
    detail: str
    from_ms: int = 0
    to_ms: int = 0


class Completed(_Fact, tag="completed", frozen=True, kw_only=True, gc=False):
    """At most `complete_rest_ms` of the lesson is uncovered."""


class CapReached(_Fact, tag="cap_reached", frozen=True, kw_only=True, gc=False):
    day: str
    cap_ms: int


class Held(_Fact, tag="held", frozen=True, kw_only=True, gc=False):
    """Playback stands because of us (`why`: journal_full, redis_down); `over` when it goes on."""

    why: str
    over: bool = False


class Stopped(_Fact, tag="stopped", frozen=True, kw_only=True, gc=False):
    """Two mismatches running stopped this lesson for this seat."""


class Closed(_Fact, tag="closed", frozen=True, kw_only=True, gc=False):
    """The seat was left: `why` is left, disconnected, taken_over, drained, login_ended, stopped, blocked."""

    fence: int
    why: str


class Decided(_Fact, tag="decided", frozen=True, kw_only=True, gc=False):
    """A decision of people changed the ledger: `action` is accept, void or restore. Written by the record
    half in the decision's transaction; the live half emits `Instructed` when it learns of it."""

    action: str
    spans: Spans
    decision_id: int


class Instructed(_Fact, tag="instructed", frozen=True, kw_only=True, gc=False):
    """A live session applied the instruction of this version."""

    version: int
    action: str


Fact = Union[
    Opened, Credited, Refused, Presence, CheckIssued, CheckTried, CheckDecided, CheckUndecided,
    Flagged, Completed, CapReached, Held, Stopped, Closed, Decided, Instructed,
]  # fmt: skip

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Fact).decode
