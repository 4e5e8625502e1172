"""What the controller and a load process say to each other: JSON lines, msgspec on both sides."""

from __future__ import annotations

from typing import Literal

import msgspec

SECOND_KEPT_S = 1.5  # a second is told when its late answers are mostly in


class Shown(msgspec.Struct, kw_only=True):
    """What learners do about checks."""

    album: str  # file of the pictures that they show
    web_port: int
    rest: bool = False  # playback stands until a check is ordered to fall due
    due_ms: int = 0  # of playback by which it is


class CrowdPlan(msgspec.Struct, kw_only=True):
    """The first line to a load process. `key`: of the installation's tickets, for they are minted as one dials."""

    hosts: list[str]  # a student dials one, and the next when that one fails it, as a balancer would have it
    port: int
    key: str
    addresses: list[str]
    low: int  # learners low .. high - 1 of the prepared world
    high: int
    first: int
    institution: int
    class_id: int
    lessons: list[int]
    beat_s: float
    seed: int
    page: str  # end of all page ids: a page keeps its own over all its dials
    device: str  # kind of device: pc or phone
    dialing_max: int  # of this process at once
    shown: Shown | None = None


class Order(msgspec.Struct, kw_only=True):
    """dial: so many more, at this rate. fidget: everybody pauses and plays on.

    mark: those who hold these `ends` of connections are counted apart from now on; without any, nobody is.
    unearned: say how many have had no counted answer to a beat that was due since then.
    move: so many whose playback stands dial elsewhere, and their old sockets stay open without a word.
    due: so many who rest play on at this rate, until a check is due.
    finish: closing beats at this rate. tell: one line a learner into `path`, one a check beside it.
    """

    do: Literal["dial", "mark", "unearned", "fidget", "move", "due", "finish", "tell"]
    count: int = 0
    rate: float = 0.0
    path: str = ""
    ends: list[str] = []
    since_s: float = 0.0


class Second(msgspec.Struct, kw_only=True):
    """What happened in one second of the machine's clock. Beats count in the second in which they were due."""

    at: int
    sent: int = 0
    acked: int = 0
    latency: dict = {}
    moved: dict = {}  # latency of those whom the last mark named: they are not in `latency`
    lateness: dict = {}  # of the generator
    opened: int = 0  # welcomes of starts
    resumed: int = 0  # welcomes of reconnects
    opening: dict = {}  # from the dial to the welcome
    errors: dict[str, int] = {}


class Word(msgspec.Struct, kw_only=True):
    """A line from a load process, about once a second and after each order that ends."""

    seconds: list[Second] = []
    live: int = 0
    waiting: int = 0
    over: int = 0
    finished: int = 0
    halted: int = 0  # playback stands because of the server
    unearned: int = 0  # who earned nothing, when that was asked last
    asked: int = 0  # checks so far
    unanswered: int = 0  # of them without a last word yet
    cpu_s: float = 0.0
    resumed_s: float = 0.0  # when the newest reconnect was welcomed
    done: str = ""  # the order that is carried out


encode = msgspec.json.Encoder().encode
read_plan = msgspec.json.Decoder(CrowdPlan).decode
read_order = msgspec.json.Decoder(Order).decode
read_word = msgspec.json.Decoder(Word).decode
