"""One simulated learner: what the player says on its socket, without any I/O. Bytes in, bytes out.

It follows docs/protocol.md as the player does: `play` at once after the welcome, a beat each period in the phase that
the welcome gave, the tail of a claim that was granted short is claimed again, and a reconnect sends one merged span
since the newest durable beat and plays on from where it sent that. Times are seconds of the machine's monotonic
clock, which all processes of the machine share; media is whole milliseconds.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from bench.frames import masked

IDLE, DIALING, GREETING, OPENING, LIVE, WAITING, OVER = range(7)
# As the player's own back-off and patience are.
BACKOFF_LEAST_S, BACKOFF_FIRST_S, BACKOFF_MOST_S = 0.05, 0.4, 10.0
PATIENCE_S, PATIENCE_MORE_S, PATIENCE_MOST_S = 3.0, 1.5, 12.0
PAUSE_S = 25.0  # as the default rules are: durable_pause_ms
USER_CODE, LAST_CODE = 4_400, 5_000


class Ack(msgspec.Struct, tag_field="t", tag="ack", gc=False):
    """What a student needs of an ack."""

    seq: int
    nonce: str
    durable: int
    total_ms: int
    counting: bool
    why: str = ""
    short_ms: int = 0


class CheckPush(msgspec.Struct, gc=False):
    """What a student needs of a check that is asked."""

    id: str
    kind: str
    way: str
    left_ms: int
    ticket: str
    upload: str
    actions: list[str] = []
    judging: bool = False


class Welcome(msgspec.Struct, tag_field="t", tag="welcome", gc=False):
    fence: int
    nonce: str
    token: str
    covered: list[tuple[int, int]]
    total_ms: int
    first_beat_ms: int
    earns: bool
    check: CheckPush | None = None


read_ack = msgspec.json.Decoder(Ack).decode
read_welcome = msgspec.json.Decoder(Welcome).decode


class Student:
    """State of one learner over all its connections."""

    __slots__ = (
        "number", "state", "sock", "reader", "seq", "acked", "nonce", "pos", "from_ms", "at_s", "playing",
        "told", "durable_seq", "durable_ms", "start_ms", "began_s", "heard_s", "total_ms", "short_ms", "token",
        "fence", "resumed_ms", "moved", "lost_s", "attempts", "dialled_s", "slot", "broken_ms", "closing", "resumes",
        "halted", "durable_at_s", "taken_s", "place", "due_s", "play_seq", "first_s", "earned_s", "closed",
    )  # fmt: skip

    def __init__(self, number: int) -> None:
        self.number = number  # learner n of the prepared world
        self.state = IDLE
        self.sock: Any = None
        self.reader: Any = None
        self.seq = self.acked = self.durable_seq = 0
        self.play_seq = 0  # the beat by which playback went on: answers to earlier ones may say that it stood
        self.nonce = ""
        self.pos = self.from_ms = self.start_ms = self.durable_ms = self.resumed_ms = -1
        self.at_s = self.began_s = self.heard_s = self.lost_s = self.dialled_s = 0.0
        self.playing = False
        self.told: dict[int, tuple[float, int]] = {}  # by beat: when it was due, where its claim ends
        self.total_ms = self.short_ms = self.fence = 0
        self.token = ""
        self.moved = False  # its gateway is the one that is killed: fixed before, by the mark
        self.attempts = self.slot = self.resumes = 0
        self.place = number  # which host is dialled: the next one when that one fails
        self.broken_ms = 0  # durable media that a welcome did not cover: must stay 0
        self.closing = False
        self.closed = 0  # 1: the answer to the closing beat came, so the total that it told is the last
        self.halted = ""  # why playback stands: durable, hold, handover, check, rest
        self.due_s = 0.0  # when a check fell due; -1.0: it was asked, and no more is known
        self.durable_at_s = 0.0  # when the newest durable beat was due
        self.taken_s = 0.0  # when it was told that another device studies; a new seat begins anew
        self.first_s = 0.0  # when it dialled first
        self.earned_s = 0.0  # when the newest beat was due whose answer counted and raised the total

    # First frames.

    def start(self, ticket: str) -> bytes:
        """Somebody pressed play."""
        self.resumed_ms = -1
        return masked(json.dumps({"t": "start", "v": 1, "ticket": ticket}).encode())

    def resume(self, now_s: float) -> bytes:
        """The same page again, with everything that was played since the newest durable beat.

        A player without a line pauses itself, too, when nothing became durable for so long: it claims no more.
        """
        self.resumed_ms = self.pos + self._played_ms(min(now_s, max(self.at_s, self.durable_at_s + PAUSE_S)))
        spans = [[self.durable_ms, self.resumed_ms]] if self.resumed_ms > self.durable_ms else []
        return masked(json.dumps({
            "t": "resume", "v": 1, "token": self.token, "fence": self.fence, "pos": self.resumed_ms, "spans": spans,
            "frames": (self.resumed_ms - self.durable_ms) // 40,
        }).encode())  # fmt: skip

    def welcome(self, frame: Welcome, now_s: float, standing: str = "") -> bytes:
        """The seat is open; playback runs from now. Returns the `play` beat. `standing`: why it does not run yet."""
        covered_ms = frame.covered[-1][1] if frame.covered else 0
        if self.resumed_ms < 0:
            self.pos = self.from_ms = self.durable_ms = covered_ms
            if self.start_ms < 0:
                self.start_ms, self.began_s = covered_ms, now_s
        else:
            # What was played between the resume frame and now has no elapsed time: it is played once more.
            self.broken_ms = max(self.broken_ms, self.durable_ms - covered_ms)
            self.pos = self.resumed_ms
            self.from_ms = min(self.pos, max(covered_ms, self.start_ms))
            self.resumes += 1
        self.seq = self.acked = self.durable_seq = self.play_seq = 0
        self.nonce, self.token, self.fence = frame.nonce, frame.token, frame.fence
        self.total_ms = frame.total_ms
        self.told.clear()
        self.attempts = 0
        self.state, self.at_s, self.playing = LIVE, now_s, not standing
        self.halted, self.durable_at_s, self.taken_s = standing, now_s, 0.0
        return self.beat("pause" if standing else "play", now_s, now_s)

    # Beats.

    def _played_ms(self, now_s: float) -> int:
        return int((now_s - self.at_s) * 1_000) if self.playing else 0

    def beat(self, kind: str, due_s: float, now_s: float) -> bytes:
        """What was played since the last beat. `due_s`: when it should have been sent."""
        played_ms = self._played_ms(now_s)
        from_ms = self.from_ms
        self.seq += 1
        # Whole milliseconds only: the rest is told by the next beat.
        self.at_s += played_ms / 1_000
        self.pos += played_ms
        span = b"[%d,%d]" % (from_ms, self.pos) if self.pos > from_ms else b"null"
        if kind == "pause":
            self.playing = False
        self.told[self.seq] = (due_s, self.pos)
        self.from_ms = self.pos
        return masked(
            b'{"t":"beat","seq":%d,"ack":%d,"nonce":"%b","kind":"%b","pos":%d,"span":%b,"playing":%b,'
            b'"visible":true,"focused":true,"pip":false,"frames":%d,"rate":1000,"signals":[]}'
            % (
                self.seq, self.acked, self.nonce.encode(), kind.encode(), self.pos, span,
                b"true" if self.playing else b"false", (self.pos - from_ms) // 40 + 1,
            )
        )  # fmt: skip

    def acked_by(self, frame: Ack, now_s: float) -> float:
        """Take an ack. Returns when its beat was due, or 0.0 when it answers none of ours."""
        found = self.told.get(frame.seq)
        if found is None:
            return 0.0
        due_s, end_ms = found
        if frame.counting and frame.total_ms > self.total_ms:
            self.earned_s = due_s
        self.acked, self.nonce, self.total_ms, self.heard_s = frame.seq, frame.nonce, frame.total_ms, now_s
        self.short_ms = frame.short_ms
        if frame.short_ms:
            end_ms -= frame.short_ms
            self.told[frame.seq] = (due_s, end_ms)
            self.from_ms = min(self.from_ms, end_ms)
        while self.durable_seq < frame.durable:
            self.durable_seq += 1
            safe = self.told.pop(self.durable_seq, None)
            if safe is not None:
                self.durable_ms = max(self.durable_ms, safe[1])
                self.durable_at_s = safe[0]
        return due_s

    def halt(self, why: str, now_s: float) -> bytes:
        """Playback stands because of the server. Returns the beat that says so; empty when it stood already."""
        if self.halted or not self.playing:
            return b""
        self.halted = why
        return self.beat("pause", now_s, now_s)

    def go_on(self, now_s: float) -> bytes:
        """Playback runs again."""
        self.halted, self.playing, self.at_s = "", True, now_s
        self.play_seq = self.seq + 1
        return self.beat("play", now_s, now_s)

    # Losing the line.

    def cut(self, close_code: int, now_s: float, dice: float) -> float:
        """The socket is gone. Returns when to dial again, 0.0 for never. `dice` in [0, 1)."""
        if self.state == LIVE:
            self.lost_s = now_s
        if self.closing or close_code in range(USER_CODE, LAST_CODE):
            # Only a press of play would come back, and nobody presses: the crowd counts it as an error.
            self.state = OVER
            return 0.0
        self.state = WAITING
        self.place += 1
        most_s = min(BACKOFF_FIRST_S * 2 ** min(self.attempts, 8), BACKOFF_MOST_S)
        self.attempts += 1
        return now_s + BACKOFF_LEAST_S + dice * most_s

    @property
    def patience_s(self) -> float:
        """How long to wait for the welcome."""
        return min(PATIENCE_S + PATIENCE_MORE_S * self.attempts, PATIENCE_MOST_S)


def close_code_of(closed: bytes) -> int:
    """The code of a close frame's payload; 1006 when there was none."""
    return int.from_bytes(closed[:2], "big") if len(closed) >= 2 else 1_006
