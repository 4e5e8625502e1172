"""The load process of the certification: thousands of students on raw sockets and one epoll, in open loop.

It runs as `python -m bench.certify.crowd`, hears orders on standard input and speaks `Word` lines. Nothing stands
between a beat and the kernel but the making of its bytes: the generator shares the cores with what it measures. Every
slot of the wheel is sent when it is due, whether or not answers came; how late that was is measured, too.
"""

from __future__ import annotations

import gc
import os
import random
import select
import socket
import sys
import time
from collections import deque
from heapq import heappop, heappush

import msgspec

from bench.certify import orders
from bench.certify.learners import mint
from bench.certify.orders import CrowdPlan, Order, Word
from bench.certify.student import (
    DIALING,
    GREETING,
    IDLE,
    LIVE,
    OPENING,
    OVER,
    Student,
    close_code_of,
    farewell,
    read_ack,
    read_welcome,
)  # fmt: skip
from bench.certify.tally import Tally
from bench.frames import Reader, masked, upgrade
from proctor.gateway.tickets import Tickets

SLOT_S = 0.01
BIND_LATE = 24  # IP_BIND_ADDRESS_NO_PORT: the port is chosen at connect, so all addresses share no range
DIALING_MAX = 250  # of this process at once: the ramp is offered, not thrown
EVENTS_MAX = 64  # then the wheel is looked at again
WORD_EVERY_S = 1.0
RECV_BYTES = 65_536
IN, OUT = select.EPOLLIN, select.EPOLLOUT
STDIN = 0
BYE = masked(b'{"t":"bye"}')


class Crowd:
    """All students of this process."""

    def __init__(self, plan: CrowdPlan) -> None:
        self.plan = plan
        self.press = Tickets(bytes.fromhex(plan.key))
        self.dice = random.Random(plan.seed)
        self.students = [Student(number) for number in range(plan.low, plan.high)]
        self.by_fd: dict[int, Student] = {}
        self.poll = select.epoll()
        self.upgrade = upgrade(plan.host, plan.port)
        self.slots = round(plan.beat_s / SLOT_S)
        self.wheel: list[list[Student]] = [[] for _ in range(self.slots)]
        self.start_s = time.perf_counter()
        self.turn = 0
        self.tally = Tally()
        self.idle = deque(self.students)
        self.dialing = 0  # whoever is between the dial and the welcome
        self.dial_due: deque[float] = deque()
        self.redial: list[tuple[float, int, Student]] = []
        self.patience: list[tuple[float, int, Student, float]] = []
        self.finishing: deque[tuple[float, Student]] = deque()
        self.live = self.finished = 0
        self.resumed_s = 0.0
        self.ticket_no = 0
        self.order = ""
        self.stopping = False
        self.heard = b""

    # Dialling.

    def dial(self, student: Student, now_s: float) -> None:
        """A loopback connect is made at once, also when it says that it is in progress."""
        link = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setsockopt(socket.IPPROTO_IP, BIND_LATE, 1)
        student.sock, student.reader, student.dialled_s = link, Reader(), now_s
        student.state = DIALING
        self.dialing += 1
        self.by_fd[link.fileno()] = student
        try:
            link.bind((self.plan.addresses[student.number % len(self.plan.addresses)], 0))
            link.connect_ex((self.plan.host, self.plan.port))
            self.poll.register(link.fileno(), IN | OUT)
        except OSError as error:
            self.fail(student, f"dial {error.strerror}", now_s)
            return
        self.ticket_no += 1
        heappush(self.patience, (now_s + student.patience_s, self.ticket_no, student, now_s))

    def connected(self, student: Student, now_s: float) -> None:
        if student.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.fail(student, "connect refused", now_s)
            return
        student.state = GREETING
        self.poll.modify(student.sock.fileno(), IN)
        self.write(student, self.upgrade, now_s)

    def greeted(self, student: Student, now_s: float) -> None:
        """The handshake is answered: a start with a fresh ticket, or a reconnect."""
        student.state = OPENING
        if student.token:
            self.write(student, student.resume(now_s), now_s)
        else:
            self.write(student, student.start(mint(self.press, self.plan, student.number)), now_s)

    def welcomed(self, student: Student, payload: bytes, now_s: float) -> None:
        frame = read_welcome(payload)
        self.dialing -= 1
        self.live += 1
        tick = self.tally.at(now_s)
        if student.resumed_ms >= 0:
            tick.resumed += 1
            self.resumed_s = now_s
        else:
            tick.opened += 1
        tick.opening.add(int((now_s - student.dialled_s) * 1_000_000))
        if not frame.earns:
            tick.errors["welcome does not earn"] += 1
        self.write(student, student.welcome(frame, now_s), now_s)
        tick.sent += 1
        first_s = now_s + frame.first_beat_ms / 1_000
        student.slot = round((first_s - self.start_s) / SLOT_S) % self.slots
        self.wheel[student.slot].append(student)

    # Bytes.

    def write(self, student: Student, data: bytes, now_s: float) -> None:
        try:
            if student.sock.send(data) != len(data):
                self.fail(student, "send buffer full", now_s)
        except OSError as error:
            self.fail(student, f"send {error.strerror}", now_s)

    def readable(self, student: Student, now_s: float) -> None:
        try:
            data = student.sock.recv(RECV_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.fail(student, f"recv {error.strerror}", now_s)
            return
        # Nearly always: one ack, whole. Anything else goes through the reader.
        size = len(data)
        if (
            size > 4 and student.state == LIVE and data[:2] == b"\x81\x7e" and data[4:12] == b'{"t":"ac'
            and size == 4 + (data[2] << 8 | data[3])
        ):  # fmt: skip
            self.acked(student, data[4:], now_s)
            return
        if data:
            for payload in student.reader.feed(data):
                self.said(student, payload, now_s)
        closed = student.reader.closed
        if not data or closed:
            self.fail(student, student.reader.close_reason() if closed else "cut", now_s, close_code_of(closed))

    def said(self, student: Student, payload: bytes | None, now_s: float) -> None:
        if payload is None:
            self.greeted(student, now_s)
        elif payload[:8] == b'{"t":"ac':
            self.acked(student, payload, now_s)
        elif payload[:8] == b'{"t":"we':
            self.welcomed(student, payload, now_s)
        elif payload[:9] not in (b'{"t":"los', b'{"t":"dra'):
            self.tally.at(now_s).errors[f"said {payload[:24].decode(errors='replace')}"] += 1

    def acked(self, student: Student, payload: bytes, now_s: float) -> None:
        frame = read_ack(payload)
        due_s = student.acked_by(frame, now_s)
        if not due_s:
            return
        tick = self.tally.at(due_s)
        tick.acked += 1
        (tick.moved if student.moved else tick.latency).add(int((now_s - due_s) * 1_000_000))
        if student.closing:
            # The last beat is counted: the page leaves in order, which frees its seat at once.
            self.write(student, BYE, now_s)
        elif not frame.counting:
            tick.errors[f"not counted: {frame.why}"] += 1

    def fail(self, student: Student, why: str, now_s: float, code: int = 1_006) -> None:
        """The connection is over, whoever ended it."""
        if student.sock is None:
            return
        self.by_fd.pop(student.sock.fileno(), None)
        student.sock.close()
        student.sock = None
        if student.state == LIVE:
            self.live -= 1
            self.wheel[student.slot].remove(student)
        else:
            self.dialing -= 1
        if student.closing:
            self.finished += 1
        if not (self.stopping or (student.closing and code == 1_000)):
            self.tally.at(now_s).errors[why] += 1
        again_s = student.cut(code, now_s, self.dice.random())
        if again_s and not self.stopping:
            self.ticket_no += 1
            heappush(self.redial, (again_s, self.ticket_no, student))

    # Time.

    def send_slot(self, due_s: float) -> None:
        slot = self.wheel[self.turn % self.slots]
        if not slot:
            return
        tick = self.tally.at(due_s)
        for student in tuple(slot):
            if student.closing:
                continue
            now_s = time.perf_counter()
            self.write(student, student.beat("beat", due_s, now_s), now_s)
            tick.sent += 1
            tick.lateness.add(int((now_s - due_s) * 1_000_000))

    def look(self, now_s: float) -> None:
        """Everything that is due besides beats."""
        while self.redial and self.redial[0][0] <= now_s and self.dialing < DIALING_MAX:
            student = heappop(self.redial)[2]
            self.dial(student, now_s)
        while self.dial_due and self.dial_due[0] <= now_s and self.dialing < DIALING_MAX:
            self.dial_due.popleft()
            self.dial(self.idle.popleft(), now_s)
        while self.patience and self.patience[0][0] <= now_s:
            _due_s, _number, student, dialled_s = heappop(self.patience)
            if student.dialled_s == dialled_s and student.state in (DIALING, GREETING, OPENING):
                self.fail(student, "no welcome in time", now_s)
        while self.finishing and self.finishing[0][0] <= now_s:
            due_s, student = self.finishing.popleft()
            self.finish(student, due_s, now_s)

    def finish(self, student: Student, due_s: float, now_s: float) -> None:
        """The last beat: playback stands, the stretch closes. Whoever has no line now does it when it is back."""
        if student.state != LIVE:
            if student.state in (OVER, IDLE):
                self.finished += 1
            else:
                self.finishing.append((now_s + 0.5, student))
            return
        student.closing = True
        self.write(student, student.beat("pause", due_s, now_s), now_s)
        self.tally.at(due_s).sent += 1

    # Orders.

    def obey(self, order: Order, now_s: float) -> None:
        self.order = order.do
        if order.do == "dial":
            self.dial_due.extend(now_s + number / order.rate for number in range(order.count))
        elif order.do == "mark":
            for student in self.students:
                student.moved = False
            self.say(now_s, done="mark")
        elif order.do == "finish":
            for number, student in enumerate(self.students):
                self.finishing.append((now_s + number / order.rate, student))
        elif order.do == "tell":
            self.tell(order.path)
            self.say(now_s, done="tell")
        else:
            self.hang_up()

    def hang_up(self) -> None:
        self.stopping = True
        for student in self.students:
            if student.sock is not None:
                student.closing = True
                self.write(student, farewell(), 0.0)

    def tell(self, path: str) -> None:
        """One line a learner: what it played and what it was told. Spans in media ms, times in clock ms."""
        names = ("start_ms", "pos", "short_ms", "total_ms", "durable_ms", "broken_ms", "resumes", "state")
        with open(path, "w", encoding="utf-8") as out:
            out.write(",".join(("learner", *names, "elapsed_ms")) + "\n")
            for one in self.students:
                elapsed_ms = int((one.heard_s - one.began_s) * 1_000) + 1
                row = (self.plan.first + one.number, *(getattr(one, name) for name in names), elapsed_ms)
                out.write(",".join(map(str, row)) + "\n")

    def say(self, now_s: float, done: str = "") -> None:
        if not done and self.order == "dial" and not self.dial_due and not self.dialing and not self.redial:
            done, self.order = "dial", ""
        if not done and self.order == "finish" and self.finished >= len(self.students):
            done, self.order = "finish", ""
        word = Word(
            seconds=self.tally.hand_over(now_s, everything=done == "tell"), live=self.live,
            waiting=self.dialing + len(self.redial), over=sum(one.state == OVER for one in self.students),
            finished=self.finished, cpu_s=time.process_time(), resumed_s=self.resumed_s, done=done,
        )  # fmt: skip
        sys.stdout.buffer.write(orders.encode(word) + b"\n")
        sys.stdout.buffer.flush()

    def hear(self, now_s: float) -> bool:
        """Orders that came in. False when nobody gives any more."""
        data = os.read(STDIN, RECV_BYTES)
        if not data:
            return False
        *lines, self.heard = (self.heard + data).split(b"\n")
        for line in lines:
            self.obey(orders.read_order(line), now_s)
        return True

    # The loop.

    def run(self) -> None:
        self.poll.register(STDIN, IN)
        word_s = time.perf_counter() + WORD_EVERY_S
        while True:
            now_s = time.perf_counter()
            due_s = self.start_s + self.turn * SLOT_S
            if now_s >= due_s:
                self.send_slot(due_s)
                self.turn += 1
                self.look(now_s)
                if now_s >= word_s:
                    word_s += WORD_EVERY_S
                    self.say(now_s)
                continue_s = 0.0
            else:
                continue_s = due_s - now_s
            for fd, what in self.poll.poll(continue_s, EVENTS_MAX):
                student = self.by_fd.get(fd)
                if student is None:
                    if fd == STDIN and not self.hear(time.perf_counter()):
                        return
                    continue
                at_s = time.perf_counter()
                if student.state == DIALING and what & (OUT | select.EPOLLERR | select.EPOLLHUP):
                    self.connected(student, at_s)
                else:
                    self.readable(student, at_s)


def main() -> None:
    gc.disable()  # a generator that pauses would blame the server for it
    line = sys.stdin.buffer.raw.readline()  # type: ignore[attr-defined] # unbuffered: the orders come by os.read
    Crowd(msgspec.json.decode(line, type=CrowdPlan)).run()


if __name__ == "__main__":
    main()
