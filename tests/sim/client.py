"""The rest of the page's machine: `player/src/core/client.js` and `check.js`, under the same names."""

from __future__ import annotations

from math import inf

from tests.sim.player import HANDED_MS, REPLAY_REST_MS, UNANSWERED_MS, Playback, normalise

FRAMES = 3
SETTLE_MS = 1_500
FRAME_GAP_MS = 350
RETRY_MS = (500, 1_000, 2_000, 4_000)
BUSY = ("camera", "ready", "shooting", "sending", "judging")


class Client(Playback):
    """What the server says, and time."""

    def __init__(self, port):
        super().__init__(port)
        self.next_beat_at = 0
        self.nudged_for = -1
        self.total = self.day = 0
        self.counting = self.complete = False
        self.why = ""
        self.covered = []

    def restore(self, now, saved, want, pressed):
        self.want, self.pressed_at = want, now if pressed else -inf
        self.forget()
        for index, span in enumerate(saved["spans"]):
            self.outbox.shelve(tuple(span), 0 if index else saved["frames"])
        self.seat = {"token": saved["token"], "fence": saved["fence"]}
        self.restored = saved
        self.redial(now)

    def frame(self, now, frame):
        kind = frame["t"]
        if kind == "lost":
            self.lost = frame
        elif kind == "welcome":
            self._welcome(now, frame)
        elif self.state == "live":
            self._live(now, frame)

    def _live(self, now, frame):
        kind = frame["t"]
        if kind == "ack":
            self._ack(now, frame)
        elif kind == "check":
            self._check(now, frame["check"])
        elif kind == "verdict":
            self._verdict(now, frame)
        elif kind == "ledger":
            self.covered = normalise(frame["covered"])
            self.total = frame["total_ms"]
        elif kind == "hold":
            self.hold = None if frame["over"] else frame
            self.sync(now, "play" if frame["over"] else "pause")
        elif kind == "handover":
            self._handover(now)
        elif kind == "drain":
            self.drain_at = now + round(self.port.random() * frame["in_ms"])

    def _welcome(self, now, frame):
        if self.state != "opening":
            return
        started = bool(self.first)
        self.state = "live"
        self.seat = frame
        self.pressed_at = -inf
        self.attempt = self.tickets = 0
        self.drain_at = self.handed_at = 0
        self.trouble = ""
        self.lost = self.hold = None
        self.must = self.durable_late = False
        self.outbox.welcome(now, frame["nonce"])
        self.next_beat_at = now + frame["first_beat_ms"]
        self.nudged_for = -1
        self.total, self.day, self.complete = frame["total_ms"], frame["day_ms"], frame["complete"]
        self.counting = frame["earns"]
        self.covered = normalise(frame["covered"])
        self._place(now, frame, started)
        played = self.playing
        self._check(now, frame.get("check"))
        if played and self.playing:
            self.tell(now, "play")
        self.sync(now, "play")
        self.keep(self.playing)

    def _place(self, now, frame, started):
        restored, self.restored = self.restored, None
        if started:
            self._move_to(now, 0 if frame["pos"] >= frame["duration_ms"] - REPLAY_REST_MS else frame["pos"])
        elif restored:
            self._move_to(now, restored["pos"])
        elif self.resumed_at >= 0:
            self._move_to(now, self.resumed_at)
        self.resumed_at = -1

    def _move_to(self, now, pos):
        if self.collector.running:
            self.collector.take()
            self.collector.running = False
            self.collector.open(pos, now)
        self.port.seek(pos)

    def _ack(self, now, frame):
        span = self.outbox.acked(frame, now)
        if span:
            self._claimed(span, frame)
        self.total, self.day, self.complete = frame["total_ms"], frame["day_ms"], frame["complete"]
        self.counting, self.why = frame["counting"], frame["why"]
        self.flush(now)
        self._durability(now)
        self.keep(self.playing)

    def _claimed(self, span, frame):
        short = min(frame.get("short_ms") or 0, span[1] - span[0])
        reached = span[1] - short
        if frame["counting"] or frame["total_ms"] > self.total:
            self.covered = normalise([*self.covered, (span[0], reached)])
        self.tail = (reached, span[1]) if short and short < self.seat["beat_ms"] else None

    def _check(self, now, push):
        before, self.check = self.check, push
        if push:
            self.must = False
            self.check_id = push["id"]
        self.sync(now, "pause")
        if push or before:
            self.port.check(push)

    def _verdict(self, now, frame):
        if self.check and frame["check"] != self.check["id"]:
            return
        if frame["decided"]:
            self.check = None
            self.must = not frame["go_on"]
        elif frame.get("next"):
            self.check = frame["next"]
        self.port.verdict(frame)
        self.sync(now, "play")

    def _handover(self, now):
        self.want = False
        if self.playing:
            self.sync(now, "pause")
        else:
            self.tell(now, "pause")
        self.handed_at = now
        self.port.send({"t": "bye"})

    def tick(self, now):
        if not self.waited(now):
            self._pace(now)
        if self.playing:
            self.progressed(now)
            self._durability(now)

    def _pace(self, now):
        if self.handed_at:
            if now - self.handed_at >= HANDED_MS:
                self.port.hangup()
                self.park(now, "")
            return
        silent = self.outbox.unanswered_since()
        if (self.drain_at and now >= self.drain_at) or (silent and now - silent >= UNANSWERED_MS):
            self.drop_line(now)
            return
        if now >= self.next_beat_at:
            behind = (now - self.next_beat_at) // self.seat["beat_ms"]
            self.next_beat_at += (behind + 1) * self.seat["beat_ms"]
            self._beat(now)
        elif self.playing and self._nudge_due(now):
            self.nudged_for = self.outbox.news_at
            self._beat(now)
        self.flush(now)

    def _nudge_due(self, now):
        late = now - self.outbox.news_at >= self.seat["nudge_ms"]
        return late and self.nudged_for != self.outbox.news_at

    def _beat(self, now):
        if self.observe(now):
            self.tell(now, "seek")
        self.tell(now, "beat")

    def _durability(self, now):
        if not self.seat or not self.seat.get("pause_ms"):
            return
        late = now - self.outbox.durable_sent_at >= self.seat["pause_ms"]
        if late == self.durable_late or (late and not self.playing):
            return
        self.durable_late = late
        self.sync(now, "pause" if late else "play")


class Check:
    """One check as the learner meets it. `port`: open_camera, grab, upload, sheet. In stage `code` the form of the
    way without a face is open, which is no business of this class."""

    def __init__(self, port):
        self.port = port
        self.stage = "none"
        self.push = None
        self.why = self.outcome = ""
        self.frames = []
        self.accepted = False
        self.declined = ""
        self.next_at = self.sent_at = 0
        self.retries = 0
        self.camera_on = False
        self.go_on = True

    def pending(self, now, push):
        if not push:
            if self.stage != "result":
                self.close()
            return
        same = bool(self.push) and self.push["id"] == push["id"]
        same_try = same and all(self.push[name] == push[name] for name in ("try_number", "way"))
        self.push = push
        if push["judging"]:
            self._drop()
            self.accepted = True
            self.stage = "judging"
            return
        if same_try and self.stage not in ("none", "result"):
            self._again(now)
        else:
            self._begin(now, same)

    def _begin(self, now, same):
        eased = same and self.declined == "cannot_act" and self.push["way"] == "routine"
        self._drop()
        if not same:
            self.why = ""
            self.port.sheet(self.push["id"], "open")
        if self.push["way"] == "code":
            self.camera_on = False
            self.stage = "code"
            return
        self.stage = "again" if same else "ask"
        if eased:
            self.start(now)

    def _again(self, now):
        if self.stage == "sending":
            self._send(now)
        elif self.stage != "judging":
            return
        elif self.declined:
            self.decline(self.declined)
        elif self.push["way"] == "code" and not self.accepted:
            self.stage = "code"
        else:
            self._send(now)

    def _drop(self):
        self.frames = []
        self.declined = ""
        self.accepted = False
        self.retries = 0

    def start(self, now):
        if not self.push or self.stage in BUSY:
            return
        self._drop()
        if self.camera_on:
            self.camera_ready(now)
        else:
            self.stage = "camera"
            self.port.open_camera()

    def decline(self, why=""):
        if not self.push or self.accepted:
            return
        if why != "cannot_act":
            self.camera_on = False
        self._drop()
        self.declined = why or self.why or "other_way"
        if self.why:
            self.port.sheet(self.push["id"], "no_camera", self.why)
        self.port.sheet(self.push["id"], "declined", self.declined)
        self.stage = "judging"

    def answered(self, taken):
        if self.stage == "code":
            self.accepted = taken
            self.stage = "judging"

    def close(self):
        self.camera_on = False
        self._drop()
        self.stage = "none"
        self.push = None
        self.outcome = ""

    def camera_ready(self, now):
        if self.push:
            self.camera_on = True
            self.stage = "ready"
            self.next_at = now + SETTLE_MS

    def camera_failed(self, why):
        self.camera_on = False
        if self.push:
            self.why = why
            self.stage = "other"

    def grabbed(self, now, frame):
        if self.stage != "shooting":
            return
        self.frames.append(frame)
        self.next_at = now + FRAME_GAP_MS
        if len(self.frames) >= FRAMES:
            self.retries = 0
            self._send(now)

    def _send(self, now):
        self.stage = "judging" if self.accepted else "sending"
        self.sent_at = now
        self.next_at = None
        if not self.accepted and self.frames:
            self.port.upload(self.push, list(self.frames))

    def uploaded(self, now, status, code):
        if self.stage != "sending":
            return
        if status in (200, 202) or (status == 409 and code == "judged"):
            self.accepted = True
            self.stage = "judging"
        elif status in (403, 409, 410):
            self.stage = "judging"
        else:
            self.next_at = now + RETRY_MS[min(self.retries, len(RETRY_MS) - 1)]
            self.retries += 1

    def verdict(self, now, frame):
        if not self.push or frame["check"] != self.push["id"]:
            return
        self.outcome = frame["outcome"]
        self._drop()
        if frame["decided"]:
            self.camera_on = False
            self.stage = "result"
            self.sent_at = now
            self.go_on = frame["go_on"]
        elif frame.get("next"):
            self.push = frame["next"]
            self.stage = "code" if self.push["way"] == "code" else "again"

    def tick(self, now):
        if not self.push:
            return
        if self.stage == "ready" and now >= self.next_at:
            self.stage = "shooting"
            self.frames = []
            self.next_at = 0
        if self.stage == "shooting" and self.next_at is not None and now >= self.next_at:
            self.next_at = None
            self.port.grab()
        elif self.stage == "sending" and self.next_at is not None and now >= self.next_at:
            self._send(now)
