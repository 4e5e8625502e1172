"""A student that is asked stands still, shows pictures when they are taken, and plays on after the word."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
import time
from types import SimpleNamespace

from bench.certify import album, camera
from bench.certify.camera import CHECK, REST, Camera
from bench.certify.orders import Shown
from bench.certify.student import Student
from bench.certify.tally import Tally
from proctor.core import wire
from tests.bench.certify.test_album import ALBUM
from tests.bench.certify.test_student import said, welcome


class Crowd:
    """What a camera needs of the load process."""

    def __init__(self, path, port: int, due_ms: int = 0) -> None:
        album.write(ALBUM, path)
        shown = Shown(album=str(path), web_port=port, rest=due_ms > 0, due_ms=due_ms)
        self.plan = SimpleNamespace(shown=shown, seed=1)
        self.poll = select.epoll()
        self.tally = Tally()
        self.students: list[Student] = []
        self.sent: list = []

    def write(self, _student: Student, data: bytes, _now_s: float) -> None:
        self.sent.append(said(data))


@contextlib.contextmanager
def web(status: int):
    """Takes one upload; yields the port and what was heard."""
    heard = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            link, _address = door.accept()
            with link:
                while not heard.endswith(b"--zx-bench-burst--\r\n"):
                    heard.extend(link.recv(65_536))
                link.sendall(b"HTTP/1.1 %d Done\r\nContent-Length: 0\r\n\r\n" % status)

        thread = threading.Thread(target=serve)
        thread.start()
        yield door.getsockname()[1], heard
        thread.join(5)


def push(**given) -> bytes:
    check = wire.CheckPush(
        id="c1", kind="random", nonce="n", left_ms=60_000, try_number=1, tries_left=3, ticket="t-1",
        upload="/api/v1/checks/c1/frames", **given,
    )  # fmt: skip
    return wire.encode(wire.Check(check=check))


def verdict(outcome: str, *, go_on: bool = True) -> bytes:
    return wire.encode(wire.VerdictPush(check="c1", outcome=outcome, detail="", decided=True, go_on=go_on))


def playing(crowd: Crowd, standing: str = "") -> Student:
    one = Student(0)
    one.welcome(welcome([]), 100.0, standing)
    crowd.students.append(one)
    return one


def uploaded(cam: Camera, crowd: Crowd, until_s: float) -> None:
    """Let the sockets do their work."""
    deadline_s = time.monotonic() + 5
    while cam.by_fd and time.monotonic() < deadline_s:
        for fd, _what in crowd.poll.poll(0.1):
            cam.ready(fd, until_s)


def test_a_check_is_answered_as_the_player_does(tmp_path) -> None:
    with web(202) as (port, heard):
        crowd = Crowd(tmp_path / "album", port)
        cam, one = Camera(crowd), playing(crowd)
        assert cam.told(one, b"che", push(), 103.0)
        pause, sheet = crowd.sent
        assert (pause.kind, pause.span, one.halted) == ("pause", (0, 3_000), CHECK)
        assert (sheet.check, sheet.state) == ("c1", "open")
        cam.look(103.9)
        assert not cam.by_fd  # the third picture is taken at 104.0
        cam.look(104.01)
        uploaded(cam, crowd, 104.05)
        assert b"X-Upload-Ticket: t-1\r\n" in heard and b"a1 straight 2" in heard
        cam.told(one, b"ver", verdict("passed"), 104.4)
    play = crowd.sent[-1]
    assert (play.kind, play.playing, one.halted) == ("play", True, "")
    (done,) = cam.checks
    assert (done.status, done.shown_s, done.accepted_s, done.decided_s, done.outcome) == (
        202, 104.01, 104.05, 104.4, "passed",
    )  # fmt: skip
    cam.tell(tmp_path / "checks.csv")
    _head, line = (tmp_path / "checks.csv").read_text("utf-8").splitlines()
    assert line.startswith("0,c1,random,routine,60000,0.0,103.0")
    assert not crowd.tally.at(104.0).errors


def test_an_upload_that_is_refused_is_an_error(tmp_path) -> None:
    with web(410) as (port, _heard):
        crowd = Crowd(tmp_path / "album", port)
        cam, one = Camera(crowd), playing(crowd)
        cam.told(one, b"che", push(), 103.0)
        cam.look(104.01)
        uploaded(cam, crowd, 104.05)
    assert cam.checks[0].status == 410 and crowd.tally.at(104.05).errors == {"upload 410": 1}


def test_movements_take_their_time_and_a_judged_burst_only_waits(tmp_path) -> None:
    crowd = Crowd(tmp_path / "album", 1)
    cam, one = Camera(crowd), playing(crowd)
    cam.told(one, b"che", push(way="active", actions=("left", "right")), 103.0)
    assert cam.later[0][0] == 103.0 + camera.CAMERA_S + 7.0 and cam.checks[0].way == "active"
    two = playing(crowd)
    two.number = 1
    cam.told(two, b"che", push(judging=True), 103.0)
    assert len(cam.later) == 1 and cam.open[1].tries == 0


def test_who_missed_a_check_is_ready_for_another_one(tmp_path) -> None:
    crowd = Crowd(tmp_path / "album", 1)
    cam, one = Camera(crowd), playing(crowd)
    cam.told(one, b"che", push(), 103.0)
    cam.told(one, b"ver", verdict("missed", go_on=False), 163.0)
    assert (crowd.sent[-1].check, crowd.sent[-1].state, one.playing) == ("", "open", False)


def test_a_check_falls_due_by_the_beat_that_reaches_so_far(tmp_path) -> None:
    crowd = Crowd(tmp_path / "album", 1, due_ms=2_500)
    cam, one = Camera(crowd), playing(crowd, REST)
    assert not one.playing and cam.rest
    cam.due(1, 1.0, 200.0)
    cam.look(200.0)
    assert crowd.sent[-1].kind == "play" and one.due_s == 0
    cam.look(202.9)
    assert one.due_s == 0
    cam.look(203.0)
    assert crowd.sent[-1].span == (0, 3_000) and one.due_s == 203.0
    cam.told(one, b"che", push(), 204.0)
    assert cam.checks[0].due_s == 203.0 and one.due_s == -1.0


def test_words_that_are_no_check_go_elsewhere(tmp_path) -> None:
    crowd = Crowd(tmp_path / "album", 1)
    cam, one = Camera(crowd), playing(crowd)
    assert cam.told(one, b"led", b"", 1.0) and not cam.told(one, b"hol", b"", 1.0)
    cam.told(one, b"ver", json.dumps(
        {"t": "verdict", "check": "other", "outcome": "passed", "detail": "", "decided": True, "go_on": True}
    ).encode(), 1.0)  # fmt: skip
    assert crowd.tally.at(1.0).errors == {"a verdict on nothing": 1}
