"""The load process's side of orders: what is asked of a crowd, and what it says of itself."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.certify.orders import Order, Word
from bench.certify.student import IDLE, LIVE, OVER

if TYPE_CHECKING:
    from bench.certify.crowd import Crowd

FIELDS = ("start_ms", "pos", "short_ms", "total_ms", "durable_ms", "broken_ms", "resumes", "state", "closed")


def obey(crowd: Crowd, order: Order, now_s: float) -> None:
    """Begin what is asked; what takes time is done by the crowd's loop."""
    crowd.order = order.do
    if order.do == "dial":
        crowd.dial_due.extend(now_s + number / order.rate for number in range(order.count))
    elif order.do == "mark":
        ends = set(order.ends)
        for student in crowd.students:
            student.moved = bool(ends) and student.sock is not None and end_of(student.sock) in ends
        crowd.say(now_s, "mark")
    elif order.do == "unearned":
        # Whoever is over or was never asked to come is counted as missing, elsewhere.
        crowd.unearned = sum(
            one.earned_s < order.since_s for one in crowd.students if one.state not in (IDLE, OVER)
        )
        crowd.say(now_s, "unearned")
    elif order.do == "fidget":
        crowd.fidgets.extend((now_s + number / order.rate, one) for number, one in enumerate(crowd.students))
    elif order.do == "move":
        crowd.move(order.count, now_s)
        crowd.say(now_s, "move")
    elif order.do == "finish":
        crowd.finishing.extend((now_s + number / order.rate, one) for number, one in enumerate(crowd.students))
    elif order.do == "due":
        crowd.camera.due(order.count, order.rate, now_s)
    else:
        tell(crowd, order.path)
        if crowd.plan.shown:
            crowd.camera.tell(Path(order.path.replace("-learners", "-checks")))
        crowd.say(now_s, "tell")


def end_of(sock: socket.socket) -> str:
    """This end of a connection, as `meter.far_ends` writes the other one's."""
    host, port = sock.getsockname()[:2]
    return f"{host}:{port}"


def tell(crowd: Crowd, path: str) -> None:
    """One line a learner: what it played and what it was told. Media ms, and times of the machine's clock."""
    with open(path, "w", encoding="utf-8") as out:
        out.write(",".join(("learner", *FIELDS, "elapsed_ms", "dialled_us", "taken_us")) + "\n")
        for one in crowd.students:
            elapsed_ms = int((one.heard_s - one.began_s) * 1_000) + 1
            times = int(one.first_s * 1_000_000), int(one.taken_s * 1_000_000)
            row = (crowd.plan.first + one.number, *(getattr(one, name) for name in FIELDS), elapsed_ms, *times)
            out.write(",".join(map(str, row)) + "\n")


def word(crowd: Crowd, now_s: float, done: str) -> Word:
    """How it stands. `done`: the order that has just been carried out, if any."""
    if not done and crowd.order == "dial" and not (crowd.dial_due or crowd.dialing or crowd.redial):
        done, crowd.order = "dial", ""
    if not done and crowd.order == "finish" and crowd.finished >= len(crowd.students):
        done, crowd.order = "finish", ""
    return Word(
        seconds=crowd.tally.hand_over(now_s, everything=done == "tell"), live=crowd.live,
        waiting=crowd.dialing + len(crowd.redial), over=sum(one.state == OVER for one in crowd.students),
        halted=sum(bool(one.halted) and one.state == LIVE for one in crowd.students), finished=crowd.finished,
        asked=len(crowd.camera.checks), unanswered=len(crowd.camera.open),
        unearned=crowd.unearned, cpu_s=time.process_time(), resumed_s=crowd.resumed_s, done=done,
    )  # fmt: skip
