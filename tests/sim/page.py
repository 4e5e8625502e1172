"""One page on one device: the media element, the camera, the socket, and the honest machine on top of them.

`Film` knows what really happened: which milliseconds were played, and which of them in front.
"""

from __future__ import annotations

from tests.sim.client import Check, Client
from tests.sim.loop import MS
from tests.sim.network import Socket

TICK_MS = 500
HTTP_LOST_MS = 8_000


class Film:
    """A media element of `duration_ms`; plays at real time, in front or not."""

    def __init__(self, loop, duration_ms: int) -> None:
        self.loop = loop
        self.duration_ms = duration_ms
        self.position_ms = 0
        self.frames = 0
        self.playing = False
        self.stalled_until_ms = 0
        self.since_ms = 0
        self.played: list[tuple[int, int, int]] = []  # the truth: from, to, true time of the end

    def look(self) -> int:
        now_ms = self.loop.now_ms
        if self.playing:
            from_ms = max(self.since_ms, min(self.stalled_until_ms, now_ms))
            to_ms = min(self.position_ms + max(0, now_ms - from_ms), self.duration_ms)
            if to_ms > self.position_ms:
                self.played.append((self.position_ms, to_ms, from_ms + to_ms - self.position_ms))
                self.frames += (to_ms - self.position_ms) // 40 + 1
                self.position_ms = to_ms
        self.since_ms = now_ms
        return self.position_ms

    def play(self) -> None:
        self.look()
        self.playing = True

    def pause(self) -> None:
        self.look()
        self.playing = False

    def seek(self, ms: int) -> None:
        self.look()
        self.position_ms = min(max(0, ms), self.duration_ms)


class Page:
    """The honest page: `Client` and `Check` and what they need of the world (their port)."""

    def __init__(self, world, who, device_id: str, page_id: str, kind: str, wire, lesson_id: int) -> None:
        self.world = world
        self.who = who
        self.device_id, self.page_id, self.kind = device_id, page_id, kind
        self.wire = wire
        self.lesson_id = lesson_id
        self.film = Film(world.loop, world.lessons[lesson_id])
        self.client = Client(self)
        self.checking = Check(self)
        self.socket: Socket | None = None
        self.saved = None
        self.saved_ms = 0
        self.resumes: list[int] = []  # when each resume was sent that no welcome has answered
        self.gone = False
        self.asleep = False
        self._number = 0
        self._unread: list[tuple] = []
        self._tick()

    def now(self) -> int:
        return self.world.loop.now_ms

    def _tick(self) -> None:
        if self.gone:
            return
        self._later(TICK_MS, self._tick)
        if self.asleep:
            return
        now = self.now()
        self.client.tick(now)
        self.checking.tick(now)
        self.who.ticked(self)
        if self.film.playing and self.film.look() >= self.film.duration_ms and self.client.playing:
            self.client.reached_end(now)
        stage = self.checking.stage
        if stage == "result" and self.checking.go_on and now - self.checking.sent_at > 1_400:
            self.checking.close()

    def _later(self, wait_ms: float, what, *args) -> None:
        self.world.loop.call_later(wait_ms * MS, what, *args, context=self.world.outside)

    def wake(self) -> None:
        self.asleep = False
        if self.gone:
            return
        if self.client.playing:
            self.film.play()
        unread, self._unread = self._unread, []
        for heard in unread:
            self._heard(*heard)

    # The port of the client.

    def look(self):
        return self.film.look(), self.film.frames, 1_000

    def random(self) -> float:
        return self.world.random.random()

    def dial(self) -> None:
        self.hangup()
        gateway = self.world.some_gateway()
        if gateway is None:
            self._later(200, self.client.socket_closed, self.now() + 200, 1006)
            return
        self.socket = Socket(self.wire, gateway, self._heard)

    def _heard(self, socket, kind: str, value) -> None:
        if socket is not self.socket or self.gone:
            return
        if self.asleep:
            self._unread.append((socket, kind, value))  # the system keeps it until the page runs again
            return
        now = self.now()
        if kind == "opened":
            self.client.socket_opened(now)
        elif kind == "frame":
            if value["t"] == "welcome":
                self.welcomed()
            self.client.frame(now, value)
        else:
            self.world.count(f"closed_{value}")
            self.client.socket_closed(now, value)

    def send(self, frame: dict) -> None:
        if self.socket is not None:
            if frame["t"] in ("start", "resume"):
                self.world.count(f"sent_{frame['t']}")
                self.resumes.append(self.now())
            self.socket.send_up(frame)

    def hangup(self) -> None:
        if self.socket is not None:
            self.socket.hang_up()
            self.socket = None

    def request(self, work, answer) -> None:
        """HTTP: an answer, or none after a while."""
        done: list[bool] = []

        def once(result) -> None:
            if not done and not self.gone:
                done.append(True)
                answer(result)

        if self.wire.offline:
            work.close()
            self._later(300, once, None)
            return
        self._later(HTTP_LOST_MS, once, None)
        self.world.web.request(work, once)

    def fetch_ticket(self) -> None:
        who = self.who
        work = self.world.web.ticket(
            who.learner_id, self.lesson_id, self.device_id, self.page_id, self.kind, who.login_id
        )

        def answered(result) -> None:
            if result is None or result[0] == 503:
                self.client.ticket_failed(self.now(), "offline")
            elif result[0] == 200:
                self.client.ticket(self.now(), result[1])
            else:
                self.client.ticket_failed(self.now(), "login" if result[0] == 401 else "refused")

        self.request(work, answered)

    def play(self) -> None:
        self.film.play()

    def pause(self) -> None:
        self.film.pause()
        self.who.losses.ends("check_on_the_way", self.who.learner_id)

    def seek(self, ms: int) -> None:
        self.film.seek(ms)

    def save(self, saved) -> None:
        self.saved, self.saved_ms = saved, self.now()

    def check(self, push) -> None:
        self.checking.pending(self.now(), push)
        self.who.asked(self)

    def verdict(self, frame) -> None:
        self.checking.verdict(self.now(), frame)
        self.who.answered(self, frame)

    # The port of the check.

    def open_camera(self) -> None:
        self._later(600, self._camera)

    def _camera(self) -> None:
        if not self.gone:
            if self.who.camera_works():
                self.checking.camera_ready(self.now())
            else:
                self.checking.camera_failed("denied")

    def grab(self) -> None:
        self._number += 1
        acted = "+".join(self.checking.push["actions"])
        self.checking.grabbed(self.now(), f"{self.who.learner_id}.{self._number}:{self.who.face()}:{acted}")

    def answer(self, word: str) -> None:
        """The form of the way without a face: a text was asked for, and what came is typed."""
        push = self.checking.push
        if self.gone or self.asleep or self.checking.stage != "code":
            return

        def answered(result) -> None:
            now_push = self.checking.push
            same = now_push and (now_push["id"], now_push["try_number"]) == (push["id"], push["try_number"])
            status = result[0] if result is not None else 0
            if not same:
                return
            if status in (0, 503):
                self._later(1_000, self.answer, word)
            else:
                self.checking.answered(status == 202)

        self.request(self.world.web.code(push["ticket"], word), answered)

    def upload(self, push, frames) -> None:
        work = self.world.web.upload(push["ticket"], [frame.encode() for frame in frames])
        number, id_ = push["try_number"], push["id"]

        def answered(result) -> None:
            now_push = self.checking.push
            if now_push and (now_push["id"], now_push["try_number"]) == (id_, number):
                self.checking.uploaded(self.now(), *(result or (0, "")))

        self.request(work, answered)

    def sheet(self, check: str, state: str, why: str = "") -> None:
        self.client.sheet(check, state, why)

    # What happens to a page.

    def healthy(self) -> bool:
        """Does the gateway hear what this page says now?"""
        socket = self.socket
        ways = socket is not None and not (socket.client_gone or socket.server_gone or socket.broken)
        return ways and not self.wire.offline and self.client.state == "live" and socket.gateway.process.runs

    def welcomed(self) -> None:
        """What was played until the newest resume was told by one whose answer did not come in time."""
        if len(self.resumes) > 1:
            self.who.losses.stood("welcome_late", self.who.learner_id, self.resumes[0], self.now())
        self.resumes.clear()

    def left(self) -> None:
        """The learner goes away from this page: with a dead line, its last words are not heard."""
        self.welcomed()
        if not self.healthy():
            since_ms = self.world.auditor.heard_ms[self.page_id]
            self.who.losses.stood("left_unheard", self.who.learner_id, since_ms - 1_000, self.now() + 1_000)

    def reload(self) -> Page:
        """The page is loaded anew, after a crash or by hand: only what was saved survives."""
        saved, playing = self.saved, self.client.playing
        # What is saved was seen at the tick before.
        self.who.losses.stood("page_crash", self.who.learner_id, self.saved_ms - TICK_MS - 50, self.now())
        self.film.pause()
        self.vanish()
        page = Page(self.world, self.who, self.device_id, self.page_id, self.kind, self.wire, self.lesson_id)
        if saved is not None:
            page.saved = saved
            page.film.seek(saved["pos"])
            page.client.restore(self.now(), saved, saved["playing"] or playing, True)
        return page

    def vanish(self) -> None:
        """The tab is gone, and says nothing."""
        self.film.pause()
        self.who.keep_truth(self)
        self.hangup()
        self.gone = True
