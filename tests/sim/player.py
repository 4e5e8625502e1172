"""The page's machine in Python, line by line what `player/src/core` does: outbox, playback, line and client.

Kept in the same order and under the same names as the JavaScript, so that the two can be read side by side.
`port` is the page around it (`tests.sim.page`): look, random, dial, send, hangup, fetch_ticket, play, pause, seek,
save, check, verdict. Times are integer milliseconds of the device's monotonic clock.
"""

from __future__ import annotations

from math import inf

JUMP_MS = 1_200
SPANS_MAX = 16
UNANSWERED_MAX = 6
BURST = 20
TOLD_MAX = 200
WELCOME_MS = 3_000
UNANSWERED_MS = 8_000
HANDED_MS = 3_000
REPLAY_REST_MS = 500
TICKETS_MAX = 3
PRESS_MS = 30_000
CLOSE_TICKET = 4006


def normalise(spans):
    """Sorted and disjoint; touching spans become one."""
    found: list[list[int]] = []
    for a, b in sorted((a, b) for a, b in spans if b > a):
        if found and a <= found[-1][1]:
            found[-1][1] = max(found[-1][1], b)
        else:
            found.append([a, b])
    return found


def longest(spans, count):
    merged = normalise(spans)
    if len(merged) <= count:
        return merged
    return normalise(sorted(merged, key=lambda span: span[0] - span[1])[:count])


def first_gap(covered, duration, least):
    at = 0
    for a, b in normalise(covered):
        if a - at >= least:
            return at, a
        at = max(at, b)
    return (at, duration) if duration - at >= least else None


class Collector:
    def __init__(self):
        self.running = False
        self.begin = self.last = self.last_at = 0
        self.done = []

    def open(self, pos, now):
        self.close()
        self.running = True
        self.begin = self.last = pos
        self.last_at = now

    def look(self, pos, now, rate):
        if not self.running:
            return False
        most = max(0, now - self.last_at) * max(rate, 1_000) / 1_000 + JUMP_MS
        jumped = pos < self.last or pos - self.last > most
        if jumped:
            self._push()
            self.begin = pos
        self.last, self.last_at = pos, now
        return jumped

    def close(self):
        if self.running:
            self._push()
        self.running = False
        self.begin = self.last

    def take(self):
        if self.running:
            self._push()
            self.begin = self.last
        spans, self.done = self.done, []
        return spans

    def _push(self):
        if self.last > self.begin:
            self.done.append((self.begin, self.last))


class Told:
    __slots__ = ("seq", "at", "span", "frames", "before")

    def __init__(self, seq, at, span, frames, before=False):
        self.seq, self.at, self.span, self.frames, self.before = seq, at, span, frames, before


class Outbox:
    def __init__(self):
        self.told, self.queue = [], []
        self.seq = self.ack = self.durable = self.stored = 0
        self.nonce = ""
        self.durable_sent_at = self.news_at = 0
        self.tokens, self.tokens_at = BURST, 0

    def welcome(self, now, nonce):
        spans, frames = self.unstored()
        self.seq = self.ack = self.durable = self.stored = 0
        self.nonce = nonce
        self.durable_sent_at = self.news_at = now
        self.tokens, self.tokens_at = BURST, now
        self.queue = []
        self.told = [Told(1, now, span, 0, True) for span in spans]
        if self.told:
            self.told[0].frames = frames

    def clear(self):
        self.told, self.queue = [], []

    def shelve(self, span, frames):
        self.told.append(Told(inf, 0, span, frames))
        if len(self.told) > TOLD_MAX:
            self._shrink()

    def flush(self, now):
        self.tokens = min(BURST, self.tokens + max(0, now - self.tokens_at) / 1_000)
        self.tokens_at = now
        frames = []
        while self.queue and self.tokens >= 1 and self.seq - self.ack < UNANSWERED_MAX:
            self.tokens -= 1
            frames.append(self._number(self.queue.pop(0), now))
        return frames

    def _number(self, draft, now):
        self.seq += 1
        self.told.append(Told(self.seq, now, draft["span"], draft["frames"]))
        if len(self.told) > TOLD_MAX:
            self._shrink()
        return {"t": "beat", "seq": self.seq, "ack": self.ack, "nonce": self.nonce, **draft}

    def _shrink(self):
        old, self.told = self.told[: TOLD_MAX // 2], self.told[TOLD_MAX // 2 :]
        spans = normalise(item.span for item in old if item.span)
        self.told = [Told(old[-1].seq, old[-1].at, span, 0) for span in spans] + self.told

    def acked(self, frame, now):
        seq = frame["seq"]
        beat = next((i for i in reversed(self.told) if i.seq == seq and not i.before), None)
        if seq >= self.ack:
            self.ack, self.nonce = seq, frame["nonce"]
        if frame["durable"] > self.durable:
            self.durable = frame["durable"]
            newest = next((i for i in reversed(self.told) if i.seq <= self.durable and not i.before), None)
            if newest:
                self.durable_sent_at = max(self.durable_sent_at, newest.at)
            self.news_at = now
        self.stored = max(self.stored, frame["stored"])
        self.told = [i for i in self.told if i.seq > self.stored]
        return beat.span if beat else None

    def unanswered_since(self):
        return next((i.at for i in self.told if self.ack < i.seq <= self.seq and not i.before), 0)

    def unstored(self):
        held = [(i.span, i.frames) for i in self.told] + [(d["span"], d["frames"]) for d in self.queue]
        spans = [span for span, _frames in held if span]
        return longest(spans, SPANS_MAX), sum(max(0, frames) for _span, frames in held)


class Presence:
    def __init__(self):
        self.visible = self.focused = True
        self.prompts = 0
        self.was_visible = self.was_focused = True

    @property
    def why(self):
        if not self.visible:
            return "hidden"
        return "blurred" if not self.focused and not self.prompts else ""

    def change(self, visible=None, focused=None):
        before = self.why
        self.visible = self.visible if visible is None else visible
        self.focused = self.focused if focused is None else focused
        why = self.why
        return "" if why == before else {"hidden": "hide", "blurred": "blur", "": "show"}[why]

    def take(self):
        told = {"visible": self.was_visible, "focused": self.was_focused, "pip": False}
        self.was_visible, self.was_focused = self.visible, self.focused or self.prompts > 0
        return told

    def remember(self):
        self.was_visible = self.was_visible and self.visible
        self.was_focused = self.was_focused and (self.focused or self.prompts > 0)


class Line:
    """How the socket comes and goes."""

    def __init__(self, port):
        self.port = port
        self.state = "idle"
        self.seat = self.restored = self.first = self.lost = None
        self.pressed_at = -inf
        self.attempt = self.tickets = 0
        self.due_at = self.drain_at = self.handed_at = 0
        self.trouble = ""
        self.close_code = 0

    def begin(self):
        self.handed_at = 0
        self.lost = None
        self.trouble = ""
        self.attempt = self.tickets = 0
        self._ask_ticket()

    def _ask_ticket(self):
        self.state = "ticket"
        self.seat = self.restored = None
        self.forget()
        self.tickets += 1
        self.port.fetch_ticket()

    def ticket(self, now, ticket):
        if self.state == "ticket":
            self.first = {"t": "start", "v": 1, "ticket": ticket}
            self._dial(now)

    def ticket_failed(self, now, why):
        if self.state != "ticket":
            return
        if why == "offline":
            self.wait(now)
        elif why == "login":
            self.park(now, "login_ended")
        else:
            self.finish(now, why)

    def _dial(self, now):
        self.state = "dialing"
        self.due_at = now + min(WELCOME_MS + 1_500 * self.attempt, 12_000)
        self.port.dial()

    def redial(self, now):
        if not self.seat:
            self._ask_ticket()
            return
        self.first = None
        self._dial(now)

    def socket_opened(self, now):
        if self.state == "dialing":
            self.state = "opening"
            self.port.send(self.first or self.resume_frame(now))

    def socket_closed(self, now, code):
        if self.state not in ("dialing", "opening", "live"):
            return
        self.cut(now)
        self.close_code = code
        kind = "user" if self.handed_at or 4400 <= code < 4500 else "final" if code >= 4500 else "reconnect"
        if kind == "final":
            self.finish(now, "")
        elif kind == "user":
            if now - self.pressed_at < PRESS_MS and not self.first:
                self._ask_ticket()
            else:
                self.park(now, "")
        elif code == CLOSE_TICKET:
            if not self.first:
                self.park(now, "resume_expired")
            elif self.tickets < TICKETS_MAX:
                self._ask_ticket()
            else:
                self.wait(now)
        else:
            self.wait(now)

    def wait(self, now):
        self.state = "waiting"
        most = min(10_000, 400 * 2 ** min(self.attempt, 8))
        self.due_at = now + (
            max(0, self.drain_at - now) if self.drain_at else round(50 + self.port.random() * most)
        )
        self.drain_at = 0
        self.attempt += 1

    def park(self, now, why):
        self.state = "parked"
        self._end(now, why)

    def finish(self, now, why):
        self.state = "over"
        self._end(now, why)

    def _end(self, now, why):
        self.trouble = why
        self.handed_at = 0
        self.stop(now)
        self.forget()
        self.seat = None
        self.port.save(None)

    def waited(self, now):
        if self.state == "waiting" and now >= self.due_at:
            self.redial(now)
        elif self.state in ("dialing", "opening") and now >= self.due_at:
            self.port.hangup()
            self.first = None
            self.wait(now)
        return self.state != "live"

    def drop_line(self, now):
        self.port.hangup()
        self.cut(now)
        self.wait(now)


class Playback(Line):
    """When the element plays, what was played, and how it is told."""

    def __init__(self, port):
        super().__init__(port)
        self.collector, self.outbox, self.presence = Collector(), Outbox(), Presence()
        self.want = self.playing = self.ended = False
        self.check = None
        self.must = False
        self.check_id = ""
        self.hold = None
        self.durable_late = False
        self.frames_told = 0
        self.resumed_at = -1
        self.tail = None

    def press(self, now):
        if self.state == "over":
            return
        self.want = True
        if self.state in ("idle", "parked"):
            self.begin()
        elif self.state == "waiting":
            self.redial(now)
        if self.ended:
            self.ended = False
            self.port.seek(0)
            if self.state == "live":
                self.tell(now, "seek", 0)
        if self.state == "live" and self.must:
            self.sheet(self.check_id, "open")
        if self.check:
            self.port.check(self.check)
        self.sync(now, "play")

    def pause(self, now):
        self.want = False
        self.sync(now, "pause")

    def seeked(self, now, pos):
        running = self.collector.running
        self.resumed_at = -1
        self.ended = False
        self.collector.close()
        if self.state == "live":
            self.tell(now, "seek", pos)
        if running:
            self.collector.open(pos, now)

    def reached_end(self, now):
        self.observe(now)
        self.ended = True
        self.want = False
        self.sync(now, "end")

    def progressed(self, now):
        if self.observe(now) and self.state == "live":
            self.tell(now, "seek")

    def presence_changed(self, now, **change):
        kind = self.presence.change(**change)
        before = self.playing
        self.sync(now, kind)
        if kind and self.state == "live" and before == self.playing:
            self.tell(now, kind)
        self.presence.remember()

    def leave(self, now):
        playing = self.playing
        if playing:
            self.observe(now)
            if self.state == "live":
                self.tell(now, "hide", None, False)
        self.keep(playing)

    def bye(self, now, why):
        if self.state == "over":
            return
        self.want = False
        self.sync(now, "pause")
        if self.state == "live":
            self.port.send({"t": "bye"})
        self.port.hangup()
        self.park(now, why)

    def blocked(self):
        if self.presence.why:
            return self.presence.why
        for name, stands in (("check", self.check), ("check_missed", self.must), ("hold", self.hold)):
            if stands:
                return name
        return "durable" if self.durable_late else ""

    def sync(self, now, kind):
        seated = bool(self.seat) and (self.state == "live" or self.playing)
        should = self.want and seated and not self.blocked()
        if should == self.playing:
            return
        self.playing = should
        if should:
            self.ended = False
            self.collector.open(self.port.look()[0], now)
            self.tell(now, "show" if kind == "show" else "play")
            self.port.play()
        else:
            self.port.pause()
            self.observe(now)
            self.collector.close()
            if self.state == "live":
                self.tell(now, "pause" if kind in ("", "play", "show") else kind)
            else:
                self.shelve()

    def observe(self, now):
        pos, _frames, rate = self.port.look()
        return self.collector.look(pos, now, rate)

    def tell(self, now, kind, pos=None, playing=None):
        at, shown, rate = self.port.look()
        spans = self.collector.take()
        if self.tail and spans:
            if spans[0][0] == self.tail[1]:
                spans[0] = (self.tail[0], spans[0][1])
            self.tail = None
        head = {"rate": rate, "signals": [], **self.presence.take()}
        frames = self._frames_since(shown)
        last = max(0, len(spans) - 1)
        for index in range(last + 1):
            span = spans[index] if index < len(spans) else None
            final = index == last
            end = at if pos is None else pos
            self.outbox.queue.append({
                **head, "kind": kind if final else "seek", "pos": end if final or not span else span[1], "span": span,
                "frames": frames if final else -1, "playing": self.playing if playing is None else playing,
            })  # fmt: skip
        self.flush(now)

    def _frames_since(self, shown):
        frames = max(0, shown - self.frames_told)
        self.frames_told = shown
        return frames

    def shelve(self):
        frames = self._frames_since(self.port.look()[1])
        for index, span in enumerate(self.collector.take()):
            self.outbox.shelve(span, 0 if index else frames)

    def flush(self, now):
        if self.state == "live":
            for frame in self.outbox.flush(now):
                self.port.send(frame)

    def sheet(self, check, state, why=""):
        if self.state == "live":
            self.port.send({"t": "sheet", "check": check, "state": state, "why": why})

    def resume_frame(self, now):
        self.observe(now)
        self.shelve()
        spans, frames = self.outbox.unstored()
        pos = self.restored["pos"] if self.restored and not self.playing else self.port.look()[0]
        self.resumed_at = pos if self.playing else -1
        return {
            "t": "resume", "v": 1, "token": self.seat["token"], "fence": self.seat["fence"], "pos": pos,
            "spans": spans, "frames": frames,
        }  # fmt: skip

    def cut(self, now):
        self.observe(now)
        self.shelve()
        self.keep(self.playing)

    def stop(self, now):
        self.want = False
        if self.check:
            self.port.check(None)
        self.check = self.hold = None
        self.must = self.durable_late = False
        self.sync(now, "")

    def forget(self):
        self.tail = None
        self.collector.take()
        self.outbox.clear()

    def keep(self, playing):
        if not self.seat or not self.seat.get("token") or self.restored:
            return
        spans, frames = self.outbox.unstored()
        run = self.collector
        if run.running and run.last > run.begin:
            spans = [*spans, (run.begin, run.last)]
        self.port.save({
            "token": self.seat["token"], "fence": self.seat["fence"], "pos": self.port.look()[0],
            "spans": normalise(spans), "frames": frames, "playing": playing,
        })  # fmt: skip
