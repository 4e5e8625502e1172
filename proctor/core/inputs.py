"""What the live half tells the rules: frozen values, no behaviour.

Times ending in `_redis_ms` are Redis TIME (the only time that crosses processes); all others are engine
milliseconds of this process. The hub converts before it calls the core (see `ports.Clock`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from proctor.core.facts import CheckKind, CheckWay, Outcome, Spans


class PendingCheck(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """A check that was issued and is not decided. Part of the snapshot and of the seat's state."""

    check_id: str
    number: int
    kind: CheckKind
    nonce: str
    left_ms: int  # of the window at `at_redis_ms`
    at_redis_ms: int
    frozen: bool = False  # the window stands still: the socket is down
    freezes: int = 0  # it may stand still once
    tries: int = 0  # bursts judged so far, of those that count
    mismatches: int = 0  # running mismatches so far
    accepted_try: int = 0  # the newest burst that was accepted for judging (0: none)
    accepted_redis_ms: int = 0
    detail: str = ""  # of the last unclear try
    first_redis_ms: int = 0  # when an end check was first issued: its make-up window starts here
    way: CheckWay = CheckWay.ROUTINE
    roll: int = 0  # gives the actions of the awaited try
    first_try: int = 1  # number of the first try that counts
    aided: bool = False  # its actions cannot be done: a routine burst, and a person looks


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """All that a reconnect needs and SQL may not have yet; at most `snapshot_bytes_max` encoded.

    The same value, encoded the same way, is the `state` of the seat row in SQL; the newer of the two wins by
    (`fence`, `seq`). Stretches numbered above the seat's `stored_stretch` are settled when a seat opens.
    """

    version: int = 1
    learner_id: int
    lesson_id: int
    fence: int
    seq: int  # newest accepted beat
    at_redis_ms: int  # when that beat was accepted
    position_ms: int
    playing: bool
    day: str
    day_used_ms: int  # granted that day, whatever became of it
    slack_ms: int
    stretch: int  # number of the open stretch (the newest closed one if `open_spans` is empty, plus one)
    open_spans: Spans  # of the open stretch
    open_from_redis_ms: int
    closed: tuple[tuple[int, int, Spans, str], ...] = ()  # (stretch, lesson_id, spans, day), not stored yet
    check_number: int = 0  # newest issued
    decided_number: int = 0  # newest decided
    decided_passed: bool = False
    decided_redis_ms: int = 0
    credited_since_check_ms: int = 0
    next_check_ms: int = 0  # of credited time since the last check, drawn when that one was decided
    pending: PendingCheck | None = None
    checks_decided: int = 0
    checks_missed: int = 0
    score: int = 0
    instruction_version: int = 0
    must_check: bool = False  # a check was missed: playback stands until one is taken
    stopped: bool = False  # two mismatches running stopped this lesson
    due: CheckKind | None = None  # asked for and not issued yet (after a fault of ours)
    takeovers: tuple[int, ...] = ()  # Redis TIME of takeovers between devices within the last hour
    reach_ms: int = 0  # furthest position of this lesson that was reached by playing on, also where it earned nothing
    owes_active: bool = False  # the next check is an active one
    faults: int = 0  # of ours running, since a check was decided


Action = Literal["accept", "void", "restore", "take_down", "consent_withdrawn", "blocked", "login_ended"]


class Instruction(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The way back from the record half. `version` grows by one per learner.

    accept, void, restore carry a lesson and spans. take_down carries a lesson. consent_withdrawn, blocked
    and login_ended concern the learner.
    """

    version: int
    action: Action
    lesson_id: int = 0
    spans: Spans = ()
    decision_id: int = 0


class Licence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """May this content earn hours now? `reason` is "" or unfiled or class_closed.

    `until_redis_ms`: when it ceased to earn (taken down, the class ended); 0 when it earns, or never did.
    """

    earns: bool
    reason: str = ""
    until_redis_ms: int = 0


class Totals(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Milliseconds of one learner and lesson in the ledger, by status."""

    provisional_ms: int = 0
    waiting_ms: int = 0
    withheld_ms: int = 0
    final_ms: int = 0
    void_ms: int = 0


class Opening(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything a session starts from; the seat is open in SQL under `fence`."""

    learner_id: int
    lesson_id: int
    class_id: int
    fence: int
    device_id: str
    page_id: str
    resumed: bool  # a reconnect of this page to this lesson; else somebody pressed play
    taken_over: bool
    unknown: bool = False  # of the seat that is resumed nothing is known: also not whether its check was taken
    duration_ms: int
    covered: Spans  # provisional, waiting and final spans of this lesson, after settling
    provisional: Spans = ()  # the part of `covered` that the next decided check settles
    reached_ms: int = 0  # end of the furthest span ever granted in this lesson, whatever became of it
    totals: Totals
    base: Snapshot | None  # the newest known state (snapshot or seat), already settled into `covered`
    now_redis_ms: int
    day: str
    day_end_ms: int  # engine ms
    day_used_ms: int
    face_consent: bool
    enrolled: bool  # a template or an enrolment photo exists; else the first good capture enrols
    licence: Licence
    instruction_version: int
    seed: int  # 63 random bits: beat nonces derive from it


class Draw(msgspec.Struct, frozen=True, gc=False):
    """Dice for one tick: a fresh check id, a fresh nonce and 32 random bits."""

    check_id: str
    nonce: str
    roll: int

    @property
    def low(self) -> int:
        """The half that gives the actions of a try; the upper one says whether any are asked for."""
        return self.roll & 0xFFFF


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The word on one try, of a worker or of the code way. `outcome` is passed, unclear, mismatch or our_fault."""

    check_id: str
    try_number: int
    outcome: Outcome
    detail: str = ""
    score: float = 0.0
    threshold: float = 0.0
    model: str = ""
    frames: int = 0
    source: str = "camera"  # camera or file (file input: an untrusted capture)
    enrolled: bool = False  # this capture became the learner's enrolment
    active_next: bool = False  # grey, or a cue: the next try of this check is an active one
    cues: tuple[str, ...] = ()  # what spoke against a live person (words keys); for people, never for the page
    precision: str = ""  # of the model that judged: f32, bf16, int8
    version: str = ""  # of the model that judged: digest of its file, engine, version of the engine
    hints: tuple[str, ...] = ()  # what the page said of its own camera (`flags.HINTS`)
