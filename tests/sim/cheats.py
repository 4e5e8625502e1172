"""Cheats: programs that speak the protocol and claim what they did not watch. None of them may gain anything."""

from __future__ import annotations

from tests.sim.loop import MS
from tests.sim.network import Socket, Wire

TICK_MS = 1_000
KINDS = (
    "replayer", "speeder", "two_tabs", "ping_pong", "late", "idler", "swapper", "reconnector", "hider", "seeker",
    "flooder",
)  # fmt: skip


class Raw:
    """One socket of a program, without any manners of a player."""

    def __init__(self, cheat, device_id: str, page_id: str) -> None:
        self.cheat = cheat
        self.world = cheat.world
        self.device_id, self.page_id = device_id, page_id
        self.wire = Wire(self.world.loop, self.world.random, self.world.outside)
        self.socket: Socket | None = None
        self.welcome = None
        self.token = None
        self.fence = 0
        self.hello = None
        self.busy = False
        self.live = False
        self.seq = self.ack = self.pos = 0
        self.nonce = ""
        self.check = None
        self.nonces: list[tuple[int, str]] = []

    def start(self) -> None:
        if self.busy:
            return
        self.busy = True
        who = self.cheat
        work = self.world.web.ticket(
            who.learner_id, who.lesson_id, self.device_id, self.page_id, "pc", who.login_id
        )

        def answered(result) -> None:
            self.busy = False
            if result is not None and result[0] == 200 and not who.left:
                self._dial({"t": "start", "v": 1, "ticket": result[1]})

        self.world.web.request(work, answered)

    def resume(self, spans) -> None:
        if self.token is None:
            self.start()
        else:
            self._dial({
                "t": "resume", "v": 1, "token": self.token, "fence": self.fence, "pos": self.pos,
                "spans": spans[:16], "frames": 1_000,
            })  # fmt: skip

    def _dial(self, hello) -> None:
        self.hang_up()
        gateway = self.world.some_gateway()
        if gateway is not None:
            self.hello = hello
            self.socket = Socket(self.wire, gateway, self._heard)

    def hang_up(self) -> None:
        self.live = False
        if self.socket is not None:
            self.socket.hang_up()
            self.socket = None

    def _heard(self, socket, kind: str, value) -> None:
        if socket is not self.socket:
            return
        if kind == "opened":
            socket.send_up(self.hello)
        elif kind == "closed":
            self.live = False
            self.socket = None
            if value in (4402, 4503):
                self.token = None
        else:
            self._frame(value)

    def _frame(self, frame) -> None:
        kind = frame["t"]
        if kind == "welcome":
            self.live = True
            self.token, self.fence = frame["token"], frame["fence"]
            self.seq = self.ack = 0
            self.nonce = frame["nonce"]
            self.nonces = [(0, self.nonce)]
            self.pos = max([self.pos, *(b for _a, b in frame["covered"])])
            if self.pos >= frame["duration_ms"] - 500:
                self.pos = 0
            self.check = frame.get("check")
            self.send("play", None)
        elif kind == "ack":
            self.ack, self.nonce = frame["seq"], frame["nonce"]
            self.nonces.append((self.ack, self.nonce))
        elif kind == "check":
            self.check = frame["check"]
        elif kind == "verdict":
            self.check = frame.get("next")
            if frame["decided"] and not frame["go_on"]:
                self._up({"t": "sheet", "check": "", "state": "open"})
            elif frame["decided"]:
                self.send("play", None)
        if self.check:
            self.cheat.checked(self)

    def _up(self, frame) -> None:
        if self.socket is not None and self.live:
            self.socket.send_up(frame)

    def send(self, kind: str, span, **more) -> dict:
        self.seq += 1
        frame = {
            "t": "beat", "seq": self.seq, "kind": kind, "pos": span[1] if span else self.pos, "span": span,
            "playing": True, "visible": True, "focused": True, "frames": 250, "ack": self.ack, "nonce": self.nonce,
            **more,
        }  # fmt: skip
        if span:
            self.pos = span[1]
        self._up(frame)
        return frame

    def claim(self, ms: int, **more) -> dict:
        return self.send("beat", (self.pos, self.pos + ms), **more)

    def upload(self, word: str, push=None) -> None:
        push = push or self.check
        if not push:
            return
        web = self.world.web
        if push["way"] == "code":
            web.request(web.code(push["ticket"], word), lambda _result: None)
            return
        # Whoever shows a still or somebody else cannot have them act.
        acted, each = "+".join(push["actions"]) if word == "me" else "", f"{push['id']}{push['try_number']}"
        frames = [f"{self.cheat.learner_id}.{each}{i}:{word}:{acted}".encode() for i in range(3)]
        web.request(web.upload(push["ticket"], frames), lambda _result: None)

    def dodge(self, why: str, push) -> None:
        """The actions, or the camera, are to be got rid of."""
        self._up({"t": "sheet", "check": push["id"], "state": "declined", "why": why})


class Cheat:
    """One program of a kind; `ticks` once a second."""

    def __init__(self, world, learner_id: int, login_id: str, kind: str) -> None:
        self.world = world
        self.random = world.random
        self.learner_id, self.login_id = learner_id, login_id
        self.cheat = kind
        self.lesson_id = min(world.lessons)
        self.left = False
        self.seconds = 0
        self.old_pushes: list[dict] = []
        self.raws = [Raw(self, f"d{learner_id}-{n}", f"p{learner_id}-{n}") for n in range(2)]
        self._script = getattr(self, f"_{kind}")
        self._again()

    def _again(self) -> None:
        if self.left:
            return
        self.world.loop.call_later(TICK_MS * MS, self._again, context=self.world.outside)
        self.seconds += 1
        self._script(self.seconds)

    def checked(self, raw: Raw) -> None:
        """Asked for a face: most show their own, so that they may go on."""
        push, raw.check = raw.check, None
        word = "me"
        if self.cheat == "swapper":
            word = self.random.choice(["other", "other", "other", "other", "me", "dark", "still", "grey"])
            if push["way"] != "code" and self.random.random() < 0.2:
                raw.dodge(self.random.choice(["cannot_act", "cannot_act", "other_way"]), push)
                return
            if self.old_pushes and self.random.random() < 0.5:
                raw.upload("me", self.old_pushes[-1])  # an old ticket once more
            self.old_pushes.append(push)
        self.world.loop.call_later(1.5, raw.upload, word, push, context=self.world.outside)

    def _ready(self, raw: Raw, second: int) -> bool:
        if raw.live:
            return True
        if second % 3 == 0:
            raw.start()
        return False

    def _steady(self, second: int, raw: Raw | None = None, **more) -> None:
        raw = raw or self.raws[0]
        if self._ready(raw, second) and second % 10 == 0:
            raw.claim(10_000, **more)

    def _replayer(self, second: int) -> None:
        raw = self.raws[0]
        if not self._ready(raw, second):
            return
        if second % 10 == 0:
            frame = raw.claim(10_000)
            if self.random.random() < 0.6:
                for _again in range(3):
                    raw._up(frame)
            if self.random.random() < 0.3 and len(raw.nonces) > 2:
                ack, nonce = self.random.choice(raw.nonces)
                raw.claim(10_000, ack=ack, nonce=nonce)

    def _speeder(self, second: int) -> None:
        raw = self.raws[0]
        if self._ready(raw, second) and second % self.random.choice([2, 5, 10]) == 0:
            raw.claim(40_000, rate=4_000)

    def _two_tabs(self, second: int) -> None:
        self._steady(second, self.raws[0])
        self._steady(second + 5, self.raws[1])

    def _ping_pong(self, second: int) -> None:
        raw = self.raws[second // 4 % 2]
        if second % 4 == 0:
            raw.start()
        elif raw.live:
            raw.claim(4_000)

    def _late(self, second: int) -> None:
        raw = self.raws[0]
        if not self._ready(raw, second):
            return
        if second % 27 == 0:
            raw.claim(60_000)
        if second % 40 == 0:
            raw.hang_up()
            raw.resume([(a * 10_000, a * 10_000 + 9_000) for a in range(20)])

    def _idler(self, second: int) -> None:
        raw = self.raws[0]
        if self._ready(raw, second) and second % self.random.choice([29, 34, 33]) == 0:
            raw.claim(60_000)

    def _swapper(self, second: int) -> None:
        self._steady(second)

    def _reconnector(self, second: int) -> None:
        raw = self.raws[0]
        if raw.live:
            raw.hang_up()
            raw.resume([(raw.pos, raw.pos + 10_000)])
        elif second % 4 == 0:
            raw.start()

    def _hider(self, second: int) -> None:
        how = self.random.choice([{"visible": False}, {"focused": False}, {"pip": True}, {"frames": 0}])
        self._steady(second, **how)

    def _seeker(self, second: int) -> None:
        raw = self.raws[0]
        if self._ready(raw, second):
            raw.pos += 20_000
            raw.send("seek", None)
            raw.claim(2_000)

    def _flooder(self, second: int) -> None:
        raw = self.raws[0]
        if self._ready(raw, second):
            for _each in range(self.random.choice([1, 2, 5])):
                raw.claim(1_000)

    def settle_down(self) -> None: ...

    def leave(self) -> None:
        self.left = True
        for raw in self.raws:
            raw.hang_up()

    def played(self, _lesson_id: int) -> int:
        return 0
