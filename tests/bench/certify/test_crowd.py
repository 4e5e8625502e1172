"""A load process without its loop: whose latency counts where, and what it says of its learners."""

from __future__ import annotations

import os
import socket

import msgspec
import pytest

from bench.certify import desk
from bench.certify.crowd import Crowd
from bench.certify.meter import far_ends
from bench.certify.orders import CrowdPlan, Order
from bench.certify.student import LIVE, OVER, Student
from bench.certify.truth import read_told
from tests.bench.certify.test_student import ack, welcome


@pytest.fixture
def crowd(monkeypatch):
    """Three learners, whose house is a port that nobody listens on, and who send into the void."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    made = Crowd(CrowdPlan(
        hosts=["127.0.0.1"], port=port, key="00" * 32, addresses=["127.0.0.1"], low=0, high=3, first=1_000,
        institution=1, class_id=1, lessons=[1], beat_s=1.0, seed=1, page="ab", device="pc", dialing_max=9,
    ))  # fmt: skip
    monkeypatch.setattr(made, "say", lambda *_args: None)
    monkeypatch.setattr(made, "write", lambda *_args: None)
    yield made
    made.poll.close()


def answered(crowd: Crowd, student: Student, seq: int, total_ms: int, now_s: float) -> None:
    crowd.acked(student, msgspec.json.encode(ack(seq, 0, total_ms)), now_s)


def test_the_latency_of_who_dialled_twice_counts_like_everybodys(crowd) -> None:
    """A learner whose first dial failed in the ramp was left out of every percentile but those of S5."""
    student = crowd.students[0]
    student.cut(1_006, 99.0, 0.0)
    student.welcome(welcome([]), 100.0)
    answered(crowd, student, 1, 0, 100.02)
    tick = crowd.tally.at(100.0)
    assert (tick.latency.count, tick.moved.count) == (1, 0)


def test_only_who_is_on_the_gateway_that_will_be_killed_is_counted_apart(crowd) -> None:
    """Who loses a line for another reason stays among the others; afterwards all are among them."""
    with socket.create_server(("127.0.0.1", 0)) as gateway, socket.create_server(("127.0.0.1", 0)) as other:
        for student, house in zip(crowd.students, (gateway, other, other), strict=True):
            student.sock = socket.create_connection(house.getsockname())
        ends = [desk.end_of(crowd.students[0].sock)]
        desk.obey(crowd, Order(do="mark", ends=ends), 1.0)
        assert [one.moved for one in crowd.students] == [True, False, False]
        crowd.students[1].cut(1_006, 2.0, 0.0)
        assert not crowd.students[1].moved
        desk.obey(crowd, Order(do="mark"), 3.0)
        assert not any(one.moved for one in crowd.students)
        for student in crowd.students:
            student.sock.close()


def test_the_kernel_tells_who_is_connected_to_a_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as house:
        link = socket.create_connection(house.getsockname())
        inside, _address = house.accept()
        with link, inside:
            found = far_ends(os.getpid())
            assert desk.end_of(link) in found, "as the process sees it from its own end"
        assert desk.end_of(house) not in far_ends(os.getpid())


def test_a_takeover_is_timed_from_the_first_dial(crowd, tmp_path) -> None:
    """From the newest one, a phone that had to dial again seemed to be taken over at once."""
    phone = crowd.students[0]
    crowd.dial(phone, 5.0)
    crowd.fail(phone, "connect refused", 5.1)
    crowd.dial(phone, 8.0)
    crowd.fail(phone, "connect refused", 8.1)
    desk.tell(crowd, str(tmp_path / "load-1-learners.csv"))
    (told, *_others) = read_told([tmp_path / "load-1-learners.csv"])
    assert (told.learner, told.dialled_us) == (1_000, 5_000_000)


def test_who_earned_nothing_is_counted_but_not_who_has_left(crowd) -> None:
    earning, standing, gone = crowd.students
    for one in (earning, standing):
        one.state = LIVE
    gone.state = OVER
    earning.earned_s, standing.earned_s = 31.0, 29.0
    desk.obey(crowd, Order(do="unearned", since_s=30.0), 40.0)
    assert crowd.unearned == 1 and desk.word(crowd, 40.0, "unearned").unearned == 1


def test_a_closing_beat_is_closed_by_its_own_answer_only(crowd) -> None:
    student = crowd.students[0]
    student.welcome(welcome([]), 100.0)
    student.beat("beat", 101.0, 101.0)
    crowd.finish(student, 101.5, 101.5)
    answered(crowd, student, 2, 1_000, 101.6)
    assert student.closed == 0, "that was the beat before"
    answered(crowd, student, 3, 1_500, 101.7)
    assert student.closed == 1
