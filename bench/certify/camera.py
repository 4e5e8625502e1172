"""The load process's side of checks: a student that is asked takes pictures, uploads them, and waits for the word.

It answers as the player does: playback stands, frames are taken over the time that they take, one form goes to the
web over a connection of its own. What came of each check is kept, and written down at the end.
"""

from __future__ import annotations

import contextlib
import errno
import random
import select
import socket
from heapq import heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.certify import album
from bench.certify.orders import Shown
from bench.certify.student import LIVE, CheckPush, Student
from bench.frames import masked

if TYPE_CHECKING:
    from bench.certify.crowd import Crowd

IN, OUT = select.EPOLLIN, select.EPOLLOUT
CAMERA_S = 0.3  # until a camera that may be used shows something
RECV_BYTES = 65_536
PATIENCE_S = 30.0  # then an upload is over
PLAY_S = 3.0  # of play by which a check falls due that is ordered: the early beat tells it
REST, CHECK = "rest", "check"  # why playback stands


class Asked(msgspec.Struct, kw_only=True):
    """One check as its learner saw it. Seconds of the machine's clock, 0.0: never; `way` is of the newest try."""

    learner: int
    check: str
    kind: str
    way: str
    left_ms: int  # of the window, when it was asked
    due_s: float = 0.0
    asked_s: float = 0.0
    shown_s: float = 0.0  # the newest frame was taken
    status: int = 0  # of the newest upload
    accepted_s: float = 0.0  # that upload was answered
    decided_s: float = 0.0
    outcome: str = ""
    detail: str = ""
    tries: int = 0


FIELDS = Asked.__struct_fields__


class Verdict(msgspec.Struct, tag_field="t", tag="verdict", gc=False):
    check: str
    outcome: str
    detail: str
    decided: bool
    go_on: bool
    next: CheckPush | None = None


class _Check(msgspec.Struct, tag_field="t", tag="check", gc=False):
    check: CheckPush


read_verdict = msgspec.json.Decoder(Verdict).decode
read_check = msgspec.json.Decoder(_Check).decode


class Upload:
    """One form on its way."""

    __slots__ = ("asked", "sock", "data", "sent", "heard")

    def __init__(self, asked: Asked, sock: socket.socket, data: bytes) -> None:
        self.asked = asked
        self.sock = sock
        self.data = memoryview(data)
        self.sent = 0
        self.heard = b""


class Camera:
    """Of all students of one load process."""

    def __init__(self, crowd: Crowd) -> None:
        shown = crowd.plan.shown or Shown(album="", web_port=0)
        self.crowd = crowd
        self.album = album.read(Path(shown.album)) if shown.album else None
        self.web_port, self.rest, self.due_ms = shown.web_port, shown.rest, shown.due_ms
        self.dice = random.Random(crowd.plan.seed)
        self.checks: list[Asked] = []
        self.open: dict[int, Asked] = {}  # by student
        self.turns: dict[int, int] = {}  # answers that a student has given
        self.by_fd: dict[int, Upload] = {}
        self.later: list[tuple[float, int, Any, tuple]] = []
        self._number = 0

    def at(self, when_s: float, work, *given) -> None:
        self._number += 1
        heappush(self.later, (when_s, self._number, work, given))

    def look(self, now_s: float) -> None:
        """Whatever is due."""
        while self.later and self.later[0][0] <= now_s:
            _when_s, _number, work, given = heappop(self.later)
            work(*given, now_s)

    # Falling due.

    def due(self, count: int, rate: float, now_s: float) -> None:
        """So many of those who rest play on, one after the other, and tell it by an early beat."""
        resting = [one for one in self.crowd.students if one.state == LIVE and one.halted == REST]
        for number, student in enumerate(resting[:count]):
            self.at(now_s + number / rate, self._play, student)

    def _play(self, student: Student, now_s: float) -> None:
        if student.state == LIVE and student.halted == REST:
            self._tell(student, student.go_on(now_s), now_s)
            self.at(now_s + PLAY_S, self._early, student)

    def _early(self, student: Student, now_s: float) -> None:
        if student.state == LIVE and student.playing:
            self._tell(student, student.beat("beat", now_s, now_s), now_s)
            self.beaten(student, now_s)

    def beaten(self, student: Student, now_s: float) -> None:
        """A beat was told: by the first one that reaches so far the check is due, as the gateway counts it."""
        if self.due_ms and not student.due_s and student.pos - student.start_ms >= self.due_ms:
            student.due_s = now_s

    def _tell(self, student: Student, said: bytes, now_s: float) -> None:
        self.crowd.tally.at(now_s).sent += 1
        self.crowd.write(student, said, now_s)

    # Being asked.

    def told(self, student: Student, kind: bytes, payload: bytes, now_s: float) -> bool:
        """Frames about checks; False for any other."""
        if kind == b"che":
            self.asked(student, read_check(payload).check, now_s)
        elif kind == b"ver":
            self._word(student, read_verdict(payload), now_s)
        else:
            return kind == b"led"
        return True

    def asked(self, student: Student, push: CheckPush, now_s: float) -> None:
        """A new check, or the next try of one. Whose burst is judged already only waits."""
        known = self.open.get(student.number)
        if known is None or known.check != push.id:
            known = Asked(
                learner=student.number, check=push.id, kind=push.kind, way=push.way, left_ms=push.left_ms,
                due_s=max(student.due_s, 0.0), asked_s=now_s,
            )  # fmt: skip
            student.due_s = -1.0  # when the next one falls due, nobody here knows
            self.open[student.number] = known
            self.checks.append(known)
        said = student.halt(CHECK, now_s)
        if said:
            self._tell(student, said, now_s)
        self.crowd.write(student, masked(b'{"t":"sheet","check":"%b","state":"open"}' % push.id.encode()), now_s)
        if not push.judging:
            self._shoot(student, known, push, now_s)

    def _shoot(self, student: Student, known: Asked, push: CheckPush, now_s: float) -> None:
        assert self.album is not None, "a check was asked, and nobody has pictures"
        turn = self.turns.get(student.number, 0)
        self.turns[student.number] = turn + 1
        plan, form = self.album.burst(student.number, turn, push.actions, self.dice)
        known.way, known.tries = push.way, known.tries + 1
        self.at(now_s + CAMERA_S + plan[-1][0] / 1_000, self._send, known, push, form)

    def _word(self, student: Student, frame: Verdict, now_s: float) -> None:
        known = self.open.get(student.number)
        if known is None or known.check != frame.check:
            self.crowd.tally.at(now_s).errors["a verdict on nothing"] += 1
            return
        known.outcome, known.detail = frame.outcome, frame.detail or known.detail
        if frame.next is not None:
            self.asked(student, frame.next, now_s)
        elif frame.decided:
            known.decided_s = now_s
            del self.open[student.number]
            if frame.go_on and student.halted == CHECK:
                self._tell(student, student.go_on(now_s), now_s)
            elif frame.outcome == "missed":
                # Playback stands until a check is taken: whoever sits there is ready for one.
                self.crowd.write(student, masked(b'{"t":"sheet","check":"","state":"open"}'), now_s)

    # Uploading.

    def _send(self, known: Asked, push: CheckPush, form: bytes, now_s: float) -> None:
        known.shown_s, known.accepted_s, known.status = now_s, 0.0, 0
        head = (
            f"POST {push.upload} HTTP/1.1\r\nHost: 127.0.0.1:{self.web_port}\r\nConnection: close\r\n"
            f"X-Upload-Ticket: {push.ticket}\r\nContent-Type: multipart/form-data; boundary={album.BOUNDARY}\r\n"
            f"Content-Length: {len(form)}\r\n\r\n"
        )
        link = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        upload = Upload(known, link, head.encode() + form)
        found = link.connect_ex(("127.0.0.1", self.web_port))
        if found not in (0, errno.EINPROGRESS):
            self._over(upload, f"upload {errno.errorcode[found]}", now_s)
            return
        self.by_fd[link.fileno()] = upload
        self.crowd.poll.register(link.fileno(), OUT)
        self.at(now_s + PATIENCE_S, self._enough, upload)

    def ready(self, fd: int, now_s: float) -> None:
        """The socket of an upload can be written, or has something to say."""
        upload = self.by_fd.get(fd)
        if upload is None:
            return
        try:
            if upload.sent < len(upload.data):
                upload.sent += upload.sock.send(upload.data[upload.sent :])
                if upload.sent == len(upload.data):
                    self.crowd.poll.modify(fd, IN)
                return
            data = upload.sock.recv(RECV_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._over(upload, f"upload {error.strerror}", now_s)
            return
        upload.heard += data
        if b"\r\n" in upload.heard or not data:
            with contextlib.suppress(ValueError, IndexError):
                upload.asked.status = int(upload.heard.split(b" ", 2)[1])
            upload.asked.accepted_s = now_s
            self._over(upload, "" if upload.asked.status == 202 else f"upload {upload.asked.status}", now_s)

    def _enough(self, upload: Upload, now_s: float) -> None:
        if upload.sock.fileno() >= 0:
            self._over(upload, "upload without an answer", now_s)

    def _over(self, upload: Upload, why: str, now_s: float) -> None:
        self.by_fd.pop(upload.sock.fileno(), None)
        upload.sock.close()
        if why:
            self.crowd.tally.at(now_s).errors[why] += 1

    # Telling.

    def tell(self, path: Path) -> None:
        """One line a check, in the order in which they were asked."""
        with path.open("w", encoding="utf-8") as out:
            out.write(",".join(FIELDS) + "\n")
            for one in self.checks:
                out.write(",".join(str(getattr(one, name)) for name in FIELDS) + "\n")
