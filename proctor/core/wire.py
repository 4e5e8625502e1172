"""Frames of the learner's socket: JSON text, one object a frame, `t` names the kind. See docs/protocol.md.

Decoding is strict where credit is at stake and lenient where the protocol grows: unknown fields are ignored,
unknown kinds and wrong types are a `BadFrame`. A frame is at most `frame_bytes_max` bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal, Union

import msgspec

from proctor.core.facts import Span

PROTOCOL_VERSION = 1
SPANS_MAX = 16  # of one resume frame: the player merges what it holds
FRAME_BYTES_MAX = 2_048

Ms = Annotated[int, msgspec.Meta(ge=0, le=86_400_000 * 7)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=1_024)]
# Words of a player are plain: they go into rows and pages, and PostgreSQL takes no NUL in a text.
Plain = Annotated[str, msgspec.Meta(max_length=24, pattern=r"^[ -~]*\Z")]
WireSpan = tuple[Ms, Ms]
Kind = Literal["beat", "play", "pause", "seek", "rate", "hide", "blur", "pip", "show", "end"]


class _Frame(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="t"):
    """Base of all frames."""


# From the player.


class Start(_Frame, tag="start", frozen=True, kw_only=True, gc=False):
    """First frame: somebody pressed play. The ticket names learner, lesson, device and page."""

    v: int
    ticket: Token


class Resume(_Frame, tag="resume", frozen=True, kw_only=True, gc=False):
    """First frame of a reconnect. `spans`: merged media played since the newest durable beat."""

    v: int
    token: Token
    fence: Count
    pos: Ms = 0
    spans: Annotated[list[WireSpan], msgspec.Meta(max_length=SPANS_MAX)] = []
    frames: Count = 0


class Beat(_Frame, tag="beat", frozen=True, kw_only=True, gc=False):
    """One heartbeat. `span` is the media played since the previous beat, one contiguous run.

    `kind` says why it was sent; `playing`, `visible`, `focused`, `pip` describe the stretch that ends here
    (false as soon as it was ever false in it); `frames` counts presented frames in it, -1 where the browser
    cannot tell. `ack` and `nonce` repeat the newest word of the server that the player has seen.
    """

    seq: Count
    kind: Kind
    pos: Ms
    span: WireSpan | None = None
    playing: bool = False  # is it playing from now on
    visible: bool = True
    focused: bool = True
    pip: bool = False
    frames: Annotated[int, msgspec.Meta(ge=-1, le=2**31 - 1)] = -1
    rate: Annotated[int, msgspec.Meta(ge=0, le=16_000)] = 1_000  # permille
    ack: Count = 0
    nonce: Annotated[str, msgspec.Meta(max_length=16)] = ""
    signals: Annotated[list[Plain], msgspec.Meta(max_length=8)] = []


class Sheet(_Frame, tag="sheet", frozen=True, kw_only=True, gc=False):
    """The check's sheet was opened or closed, or the camera cannot be used.

    `state`: open, closed, no_camera (`why`: denied, in_use, none, black, frozen, unsupported), declined.
    """

    check: Annotated[str, msgspec.Meta(max_length=32)]
    state: Literal["open", "closed", "no_camera", "declined"]
    why: Plain = ""


class Bye(_Frame, tag="bye", frozen=True, kw_only=True, gc=False):
    """The page is left on purpose, or it hands over; nothing more will come. Sent after a last beat."""


ClientFrame = Union[Start, Resume, Beat, Sheet, Bye]


# From the gateway.


class CheckPush(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A pending check as the player sees it; also inside the welcome."""

    id: str
    kind: str  # start, random, end
    way: str = "routine"  # routine, active, code
    nonce: str
    left_ms: int
    try_number: int  # the burst that `ticket` is for, from 1
    tries_left: int
    ticket: str  # one-time upload ticket for that burst
    upload: str  # address for the HTTP POST, relative to the page's origin
    actions: tuple[str, ...] = ()  # of an active check, to be done in this order (`core.actions`)
    enrol: bool = False  # this capture becomes the enrolment
    judging: bool = False  # that burst was taken and waits for its verdict: nothing to do but to wait


class Welcome(_Frame, tag="welcome", frozen=True, kw_only=True, gc=False):
    """The seat is open. Beat 0: elapsed starts here."""

    v: int
    fence: int
    nonce: str
    token: str  # resume token
    lesson: int
    duration_ms: int
    pos: int  # where to go on
    covered: tuple[Span, ...]
    total_ms: int  # counted of this lesson: provisional + waiting + final
    final_ms: int
    day_ms: int
    cap_ms: int
    beat_ms: int
    first_beat_ms: int  # jittered start phase
    nudge_ms: int
    pause_ms: int
    rate_max: int
    earns: bool
    why: str = ""  # why it does not earn: unfiled, class_closed, daily_cap
    settled_ms: int = 0  # earned by the spans of a resume frame or by an earlier seat's rest
    check: CheckPush | None = None
    face: bool = True  # the learner consented to face checks
    complete: bool = False


class Ack(_Frame, tag="ack", frozen=True, kw_only=True, gc=False):
    """Answer to one beat. `durable` and `stored` are the newest beats that are safe so."""

    seq: int
    nonce: str
    durable: int
    stored: int
    total_ms: int
    day_ms: int
    counting: bool
    why: str = ""  # a `facts.Reason` when not counting
    complete: bool = False
    short_ms: int = 0  # tail of the claim that elapsed did not cover yet: the next claim may begin there


class Check(_Frame, tag="check", frozen=True, kw_only=True, gc=False):
    """A check is due, or its next try."""

    check: CheckPush


class VerdictPush(_Frame, tag="verdict", frozen=True, kw_only=True, gc=False):
    """How a burst or the check ended. `decided`: the check is over and playback may follow `outcome`."""

    check: str
    outcome: str
    detail: str
    decided: bool
    go_on: bool  # playback may go on
    next: CheckPush | None = None  # the next try
    enrolled: bool = False


class Ledger(_Frame, tag="ledger", frozen=True, kw_only=True, gc=False):
    """The record changed (decision, settled check): new coverage and totals. `action` names the cause."""

    action: str
    covered: tuple[Span, ...]
    total_ms: int
    final_ms: int
    spans: tuple[Span, ...] = ()


class Hold(_Frame, tag="hold", frozen=True, kw_only=True, gc=False):
    """Playback must stand because of us; `over` when it may go on."""

    why: str
    over: bool = False


class Handover(_Frame, tag="handover", frozen=True, kw_only=True, gc=False):
    """Another device asks for the seat: pause, send a last beat and `bye` within `in_ms`."""

    in_ms: int


class Lost(_Frame, tag="lost", frozen=True, kw_only=True, gc=False):
    """Last word before a 44xx or 45xx close: what happened, for people."""

    why: str
    device: str = ""  # kind of the other device: phone, pc, webview
    at_ms: int = 0  # wall time, milliseconds since the epoch


class Drain(_Frame, tag="drain", frozen=True, kw_only=True, gc=False):
    """This gateway goes down in order: dial again after a random delay up to `in_ms`."""

    in_ms: int


ServerFrame = Union[Welcome, Ack, Check, VerdictPush, Ledger, Hold, Handover, Lost, Drain]


class BadFrame(Exception):
    """Bytes that are no frame of this protocol; the reason is for logs and tests, never for learners."""


_decoder = msgspec.json.Decoder(ClientFrame)
_encoder = msgspec.json.Encoder()


def decode(data: bytes | bytearray | memoryview) -> Start | Resume | Beat | Sheet | Bye:
    """Parse one client frame. Raises BadFrame, never anything else."""
    if len(data) > FRAME_BYTES_MAX:
        raise BadFrame("too large")
    try:
        frame = _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadFrame(str(error)) from None
    if type(frame) is Beat:
        backwards = frame.span is not None and frame.span[0] > frame.span[1]
    else:
        backwards = type(frame) is Resume and any(span[0] > span[1] for span in frame.spans)
    if backwards:
        raise BadFrame("a span ends before it begins")
    return frame


def encode(frame: ServerFrame) -> bytes:
    """One server frame as JSON bytes."""
    return _encoder.encode(frame)
