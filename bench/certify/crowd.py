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

from bench.certify import desk, orders
from bench.certify.camera import CHECK, REST, Camera
from bench.certify.orders import CrowdPlan
from bench.certify.press import mint
from bench.certify.student import (
    DIALING,
    GREETING,
    IDLE,
    LIVE,
    OPENING,
    OVER,
    PAUSE_S,
    Student,
    close_code_of,
    read_ack,
    read_welcome,
)  # fmt: skip
from bench.certify.tally import Tally
from bench.frames import Reader, masked, upgrade
from proctor.gateway.tickets import Tickets

SLOT_S = 0.01
BIND_LATE = 24  # IP_BIND_ADDRESS_NO_PORT: the port is chosen at connect, so all addresses share no range
EVENTS_MAX = 64  # then the wheel is looked at again
WORD_EVERY_S = 1.0
RECV_BYTES = 65_536
IN, OUT = select.EPOLLIN, select.EPOLLOUT
NUDGE_S = 17.0  # as the default rules are: durable_nudge_ms
BEHIND_BEATS = 2  # in an ordinary minute the newest durable beat is the one before
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
        self.upgrades = [upgrade(host, plan.port) for host in plan.hosts]
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
        self.stale: list[tuple[float, int, Student]] = []
        self.fidgets: deque[tuple[float, Student]] = deque()
        self.finishing: deque[tuple[float, Student]] = deque()
        self.live = self.finished = self.unearned = 0
        self.resumed_s = 0.0
        self.forsaken: list[socket.socket] = []  # left open, and read no more
        self.camera = Camera(self)
        self.ticket_no = 0
        self.order = ""
        self.heard = b""

    # Dialling.

    def dial(self, student: Student, now_s: float) -> None:
        """A loopback connect is made at once, also when it says that it is in progress."""
        link = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setsockopt(socket.IPPROTO_IP, BIND_LATE, 1)
        student.sock, student.reader, student.dialled_s = link, Reader(), now_s
        student.first_s = student.first_s or now_s
        student.state = DIALING
        self.dialing += 1
        self.by_fd[link.fileno()] = student
        try:
            link.bind((self.plan.addresses[student.number % len(self.plan.addresses)], 0))
            link.connect_ex((self.plan.hosts[student.place % len(self.plan.hosts)], self.plan.port))
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
        self.write(student, self.upgrades[student.place % len(self.upgrades)], now_s)

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
        # Who has been asked before plays on; who has only been welcomed waits for the order.
        standing = CHECK if frame.check else REST if self.camera.rest and student.due_s == 0 else ""
        self.write(student, student.welcome(frame, now_s, standing), now_s)
        tick.sent += 1
        if frame.check:
            self.camera.asked(student, frame.check, now_s)
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
        else:
            self.told(student, payload[6:9], payload, now_s)

    def told(self, student: Student, kind: bytes, payload: bytes, now_s: float) -> None:
        """Rarer words: playback must stand or may go on, another device asks, the seat is lost."""
        if self.camera.told(student, kind, payload, now_s):
            return
        if kind == b"hol":
            if b'"over":true' not in payload:
                self.halt(student, "hold", now_s)
            elif student.halted == "hold":
                self.write(student, student.go_on(now_s), now_s)
        elif kind in (b"han", b"los"):
            student.taken_s = student.taken_s or now_s
            if kind == b"han":
                self.halt(student, "handover", now_s)
                self.write(student, BYE, now_s)
        elif kind != b"dra":
            self.tally.at(now_s).errors[f"said {payload[:24].decode(errors='replace')}"] += 1

    def halt(self, student: Student, why: str, now_s: float) -> None:
        said = student.halt(why, now_s)
        if said:
            self.tally.at(now_s).errors[f"playback stands: {why}"] += 1
            self.tally.at(now_s).sent += 1
            self.write(student, said, now_s)

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
            student.closed = int(frame.seq == student.seq)
            self.write(student, BYE, now_s)
        elif student.halted == "durable" and now_s - student.durable_at_s < PAUSE_S:
            self.write(student, student.go_on(now_s), now_s)
            self.tally.at(now_s).sent += 1
        elif student.playing and not frame.counting and frame.seq >= student.play_seq and frame.why != "check_open":
            # A check that is asked bars at once, and its push may come after this ack: no error.
            tick.errors[f"not counted: {frame.why}"] += 1

    def move(self, count: int, now_s: float) -> None:
        """People whose playback stands reload the page elsewhere; what they had open stays open without a word."""
        halted = [one for one in self.students if one.state == LIVE and one.halted]
        for student in halted[:count]:
            self.poll.unregister(student.sock.fileno())
            self.forsaken.append(student.sock)
            self.by_fd.pop(student.sock.fileno())
            student.sock = None
            self.live -= 1
            self.wheel[student.slot].remove(student)
            student.cut(1_006, now_s, 0.0)
            self.dial(student, now_s)

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
        if not (student.closing and code == 1_000):
            self.tally.at(now_s).errors[why] += 1
        again_s = student.cut(code, now_s, self.dice.random())
        if again_s:
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
            self.camera.beaten(student, now_s)
            if student.seq - student.durable_seq > BEHIND_BEATS and student.playing:
                self.ticket_no += 1
                heappush(self.stale, (student.durable_at_s + NUDGE_S, self.ticket_no, student))

    def unsafe(self, student: Student, now_s: float) -> None:
        """Nothing became durable for long: an early beat first, then playback stands."""
        old_s = now_s - student.durable_at_s
        if student.state != LIVE or not student.playing or old_s < NUDGE_S:
            return
        if old_s >= PAUSE_S:
            self.halt(student, "durable", now_s)
        else:
            self.write(student, student.beat("beat", now_s, now_s), now_s)
            self.tally.at(now_s).sent += 1
            self.ticket_no += 1
            heappush(self.stale, (student.durable_at_s + PAUSE_S, self.ticket_no, student))

    def look(self, now_s: float) -> None:
        """Everything that is due besides beats."""
        self.camera.look(now_s)
        # A ramp is offered at a pace; whoever lost a line dials again when its own back-off says so, as players do.
        while self.redial and self.redial[0][0] <= now_s:
            student = heappop(self.redial)[2]
            self.dial(student, now_s)
        while self.dial_due and self.dial_due[0] <= now_s and self.dialing < self.plan.dialing_max:
            self.dial_due.popleft()
            self.dial(self.idle.popleft(), now_s)
        while self.patience and self.patience[0][0] <= now_s:
            _due_s, _number, student, dialled_s = heappop(self.patience)
            if student.dialled_s == dialled_s and student.state in (DIALING, GREETING, OPENING):
                self.fail(student, "no welcome in time", now_s)
        while self.stale and self.stale[0][0] <= now_s:
            self.unsafe(heappop(self.stale)[2], now_s)
        while self.fidgets and self.fidgets[0][0] <= now_s:
            student = self.fidgets.popleft()[1]
            if student.state == LIVE and student.playing:
                self.write(student, student.beat("pause", now_s, now_s) + student.go_on(now_s), now_s)
                self.tally.at(now_s).sent += 2
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

    def say(self, now_s: float, done: str = "") -> None:
        word = desk.word(self, now_s, done)
        sys.stdout.buffer.write(orders.encode(word) + b"\n")
        sys.stdout.buffer.flush()

    def hear(self, now_s: float) -> bool:
        """Orders that came in. False when nobody gives any more."""
        data = os.read(STDIN, RECV_BYTES)
        if not data:
            return False
        *lines, self.heard = (self.heard + data).split(b"\n")
        for line in lines:
            desk.obey(self, orders.read_order(line), now_s)
        return True

    # The loop.

    def run(self) -> None:
        self.poll.register(STDIN, IN)
        self.say(time.perf_counter(), "ready")
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
                    if fd != STDIN:
                        self.camera.ready(fd, time.perf_counter())
                    elif not self.hear(time.perf_counter()):
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
