"""A burst of the album is a form that the web takes, and each answer of a learner shows another sitting."""

from __future__ import annotations

from random import Random

from bench.certify import album
from bench.certify.album import Album, Person, Take


def take(name: str) -> Take:
    return Take(
        straight=[f"{name} straight {at}".encode() for at in range(6)],
        left=[f"{name} left {at}".encode() for at in range(4)], right=[f"{name} right".encode()],
        closer=[f"{name} closer".encode()],
    )  # fmt: skip


PLAN = [(300, -1), (2_000, 0), (3_400, -1), (5_000, 1), (5_600, 1), (7_000, -1)]
ALBUM = Album("sface", [Person(b"a", [take("a1"), take("a2")]), Person(b"b", [take("b1")])], {"left right": [PLAN]})


def test_frames_show_what_is_asked_for_and_none_is_used_twice_in_a_burst() -> None:
    frames = take("x").frames(("left", "left"), [(0, -1), (1, 0), (2, 0), (3, -1), (4, 1), (5, 1)])
    assert frames == [b"x straight 0", b"x left 0", b"x left 1", b"x straight 1", b"x left 2", b"x left 3"]


def test_learners_share_the_people_and_each_answer_is_the_next_sitting() -> None:
    dice = Random(1)
    assert ALBUM.person(0).template == ALBUM.person(2).template == b"a" and ALBUM.person(1).template == b"b"
    plan, form = ALBUM.burst(2, 0, (), dice)
    assert plan == [(0, -1), (350, -1), (700, -1)] and b"a1 straight 2" in form and b"shots" not in form
    plan, form = ALBUM.burst(2, 1, ("left", "right"), dice)
    assert plan == PLAN and b"a2 left 0" in form and b"[[300,-1],[2000,0]" in form
    assert b"a1 straight" in ALBUM.burst(2, 2, (), dice)[1]


def test_a_form_ends_as_multipart_does() -> None:
    form = album.body([b"\xff\xd8\xffone", b"\xff\xd8\xfftwo"], [])
    assert form.count(b"--zx-bench-burst\r\n") == 3 and form.endswith(b"--zx-bench-burst--\r\n")
    assert b'name="frame1"; filename="1.jpg"\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xfftwo\r\n' in form


def test_an_album_is_read_as_it_was_written(tmp_path) -> None:
    album.write(ALBUM, tmp_path / "album")
    assert album.read(tmp_path / "album") == ALBUM
